import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DesktopApp } from './desktop-app.ts';
import { displayMissing, startDisplay, type DisplayServer } from './display-server.ts';
import { askHost } from './host-client.ts';
import { eventually } from './screen.ts';

const missing = displayMissing();

/** Shows 640 x 480 pixels for a while, then text for a while, for ever. */
const RESTLESS = `
        org 0x7c00
        bits 16
%macro dispi 2
        mov dx, 0x1ce
        mov ax, %1
        out dx, ax
        inc dx
        mov ax, %2
        out dx, ax
%endmacro
again:  dispi 4, 0
        dispi 1, 640
        dispi 2, 480
        dispi 3, 8
        dispi 4, 1
        call rest
        dispi 4, 0
        call rest
        jmp again
rest:   mov bp, 40
.one:   mov dx, 0x3da           ; one retrace after the other
.on:    in al, dx
        test al, 8
        jnz .on
.off:   in al, dx
        test al, 8
        jz .off
        dec bp
        jnz .one
        ret
`;

describe.skipIf(missing !== undefined)('a console window', () => {
  let folder: string;
  let display: DisplayServer;
  let app: DesktopApp;
  let console: Page;

  const library = (): string => path.join(folder, 'library');
  type Bounds = { x: number; y: number; width: number; height: number; fullScreen: boolean };
  const bounds = (): Promise<Bounds | undefined> =>
    app.electron.evaluate(({ BrowserWindow }) => {
      const window = BrowserWindow.getAllWindows().find((one) => one.webContents.getURL().includes('/console/'));
      return window && { ...window.getBounds(), fullScreen: window.isFullScreen() };
    });
  /** As a person does it: the driver's own way would not tell the window. */
  const closeConsole = async (): Promise<void> => {
    const closed = console.waitForEvent('close');
    await app.electron.evaluate(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()
        .find((one) => one.webContents.getURL().includes('/console/'))
        ?.close();
    });
    await closed;
  };
  const openConsole = async (): Promise<void> => {
    const [page] = await Promise.all([
      app.electron.waitForEvent('window'),
      app.library.locator('.det [data-action=console]').click(),
    ]);
    console = page;
    await console.getByTestId('screen').waitFor();
  };

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-e2e-'));
    display = await startDisplay();
    app = await DesktopApp.launch(folder, display.name);
    await askHost(library(), (client) =>
      client.library.create({ name: 'Restless', source: { kind: 'assembly-text', text: RESTLESS } }),
    );
    await app.card('Restless').click();
    console = await app.startSelected();
  });
  afterAll(async () => {
    await app?.close();
    await display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('stays as it is while the guest changes modes', async () => {
    await app.electron.evaluate(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()
        .find((one) => one.webContents.getURL().includes('/console/'))
        ?.setBounds({ x: 120, y: 90, width: 900, height: 640 });
    });
    const seen = new Set<string>();
    const shown = async (): Promise<number> => {
      seen.add(JSON.stringify(await bounds()));
      const words = await console.locator('.foot').innerText();
      for (const size of ['640 × 480', '720 × 400']) if (words.includes(size)) seen.add(size);
      return seen.size;
    };
    await eventually(
      () => bounds(),
      (now) => now?.width === 900,
      'the window has its new size',
    );
    seen.clear();
    await eventually(shown, () => seen.has('640 × 480') && seen.has('720 × 400'), 'both modes were shown', 40_000);
    expect([...seen].filter((one) => one.startsWith('{'))).toEqual([
      JSON.stringify({ x: 120, y: 90, width: 900, height: 640, fullScreen: false }),
    ]);
  });

  it('is where it was, and as large, when it is opened again and after a restart', async () => {
    await closeConsole();
    await openConsole();
    expect(await bounds()).toMatchObject({ x: 120, y: 90, width: 900, height: 640 });
    await app.library.locator('.det [data-action=power-off]').click();
    await app.library.locator('.det [data-action=start]').waitFor();
    await app.close();
    app = await DesktopApp.launch(folder, display.name);
    await app.card('Restless').click();
    console = await app.startSelected();
    await console.getByTestId('screen').waitFor();
    expect(await bounds()).toMatchObject({ x: 120, y: 90, width: 900, height: 640 });
  });

  it('fills the screen, where its bar goes away and comes back at the top edge', async () => {
    await console.getByRole('button', { name: 'Full screen' }).click();
    await eventually(
      () => bounds(),
      (now) => now?.fullScreen === true,
      'the window fills the screen',
    );
    await console.mouse.move(400, 400);
    await eventually(
      () => console.locator('.con').getAttribute('class'),
      (classes) => classes?.includes('bare') === true,
      'the bar is gone',
    );
    await console.mouse.move(400, 200);
    await console.mouse.move(400, 0);
    await eventually(
      () => console.locator('.con').getAttribute('class'),
      (classes) => classes?.includes('bare') === false,
      'the bar is back',
    );
  });

  it('fills the screen again when it is opened again', async () => {
    await closeConsole();
    await openConsole();
    await eventually(
      () => bounds(),
      (now) => now?.fullScreen === true,
      'the window fills the screen again',
    );
    await eventually(
      () => console.evaluate(() => document.fullscreenElement !== null),
      (full) => full,
      'by the page’s own full screen',
    );
    await console.evaluate(() => document.exitFullscreen());
    await eventually(
      () => bounds(),
      (now) => now?.fullScreen === false && now.width === 900,
      'and leaves it to its own size',
    );
    await app.library.locator('.det [data-action=power-off]').click();
    await app.library.locator('.det [data-action=start]').waitFor();
    // Advice of Chromium to noVNC, which reads its canvas back when the size changes.
    expect(app.complaints.filter((text) => !text.startsWith('Canvas2D'))).toEqual([]);
  });
});
