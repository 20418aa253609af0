import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DesktopApp } from './desktop-app.ts';
import { displayMissing, startDisplay, type DisplayServer } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually, litPixels } from './screen.ts';

const missing = displayMissing();
if (missing !== undefined) process.stderr.write(`Tests of the desktop app are skipped: ${missing}.\n`);

describe.skipIf(missing !== undefined)('the desktop app', () => {
  let folder: string;
  let display: DisplayServer;
  let app: DesktopApp;
  let console: Page;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-e2e-'));
    display = await startDisplay();
    app = await DesktopApp.launch(folder, display.name);
  });
  afterAll(async () => {
    await app?.close();
    await display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const library = (): string => path.join(folder, 'library');
  const text = (): Promise<string> => screenText(library(), 'hello');

  it('shows the library with the samples at its first start', async () => {
    await app.card('Hello').waitFor();
    await app.card('Lantern').waitFor();
    expect(await app.library.title()).toBe('Vitrine');
    await app.keepPicture(app.library, 'library-first-light');
  });

  it('starts a sample and shows its text in a console window of its own', async () => {
    await app.card('Hello').click();
    console = await app.startSelected();
    expect(await eventually(() => console.getByTestId('state').innerText(), (state) => state.includes('Running'), 'the console says Running')).toContain('Running');
    await eventually(text, (rows) => /\S/.test(rows), 'the guest wrote text');
    await eventually(() => litPixels(console), (lit) => lit > 200, 'the text is seen in the window');
  });

  it('says where keys go, and typed keys are echoed by the guest', async () => {
    const screen = console.getByRole('application');
    await screen.click();
    await console.getByText('Keys go into the guest').waitFor();
    await console.keyboard.type('vitrine e2e', { delay: 40 });
    await eventually(text, (rows) => rows.includes('vitrine e2e'), 'the guest echoes the keys');
    await app.keepPicture(console, 'console-light');
    await console.keyboard.press('ControlRight');
    await console.getByText('Click the screen to send keys').waitFor();
  });

  it('keeps what is typed for itself once the keys were let go', async () => {
    await console.keyboard.type('zzz', { delay: 40 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const rows = await text();
    expect(rows).toContain('vitrine e2e');
    expect(rows).not.toContain('z');
  });

  it('sends Ctrl Alt Del from its menu', async () => {
    await console.getByRole('button', { name: 'Send keys' }).click();
    await console.getByRole('menuitem', { name: 'Ctrl Alt Del' }).click();
    await console.getByText('Keys go into the guest').waitFor();
    await console.keyboard.press('ControlRight');
  });

  it('pauses and resumes', async () => {
    await console.locator('[data-action=pause]').click();
    await eventually(() => console.getByTestId('state').innerText(), (state) => state.includes('Paused'), 'the console says Paused');
    await eventually(() => app.card('Hello').innerText(), (card) => /Paused|paused/.test(card), 'the library says so too');
    await console.locator('[data-action=resume]').click();
    await eventually(() => console.getByTestId('state').innerText(), (state) => state.includes('Running'), 'the console says Running');
  });

  it('looks the same in the dark', async () => {
    await app.library.keyboard.press('Control+k');
    await app.library.keyboard.type('dark theme');
    await app.library.keyboard.press('Enter');
    for (const page of [app.library, console]) {
      await eventually(() => page.evaluate(() => document.documentElement.dataset['theme']), (theme) => theme === 'dark', 'the theme is dark');
    }
    await app.keepPicture(app.library, 'library-dark');
    await app.keepPicture(console, 'console-dark');
  });

  it('stays whole at 200 % zoom', async () => {
    const zoom = (factor: number): Promise<void> =>
      app.electron.evaluate(({ BrowserWindow }, value) => {
        for (const window of BrowserWindow.getAllWindows()) window.webContents.setZoomFactor(value);
      }, factor);
    await zoom(2);
    for (const [page, name] of [[app.library, 'library-dark-200'], [console, 'console-dark-200']] as const) {
      await eventually(() => page.evaluate(() => devicePixelRatio), (ratio) => ratio === 2, 'the page is zoomed');
      await app.keepWindowPicture(page, name);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
    }
    await zoom(1);
  });

  it('powers off', async () => {
    await console.locator('[data-action=power-off]').click();
    await eventually(() => console.getByTestId('state').innerText(), (state) => state.includes('Off'), 'the console says Off');
    await console.locator('[data-action=start]').waitFor();
    const entry = await askHost(library(), (client) => client.library.get({ id: 'hello' }));
    expect(entry).toMatchObject({ kind: 'machine', state: 'off' });
  });

  it('gives its pages nothing but a port', async () => {
    const globals = await app.library.evaluate(() => ['require', 'process', 'module', 'electron', 'ipcRenderer'].filter((name) => name in globalThis));
    expect(globals).toEqual([]);
    expect(await app.library.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(await app.library.evaluate(() => window.open('https://example.org/') === null)).toBe(true);
    const before = app.library.url();
    await app.library.evaluate(() => {
      location.href = 'https://example.org/';
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(app.library.url()).toBe(before);
  });

  it('raised no error in any window', () => {
    expect(app.complaints.filter((text) => !text.includes('example.org'))).toEqual([]);
  });

  it('finds everything again at its second start', async () => {
    await app.close();
    app = await DesktopApp.launch(folder, display.name);
    await app.card('Hello').waitFor();
    await app.card('Lantern').waitFor();
    expect(await app.card('Hello').innerText()).toContain('Off. Started');
    expect(await app.library.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    await app.card('Hello').locator('img').waitFor();
  });

  it('shows a damaged machine and leaves it as it is', async () => {
    await app.close();
    const damaged = path.join(library(), 'damaged');
    mkdirSync(damaged);
    writeFileSync(path.join(damaged, 'machine.json'), '{"version": 999}');
    app = await DesktopApp.launch(folder, display.name);
    await app.library.getByRole('button', { name: /^Needs you\s*1/ }).waitFor();
    expect(await app.card('damaged').innerText()).toContain('Cannot be opened');
  });
});

describe.skipIf(missing !== undefined)('a start that fails', () => {
  it('says why in a window', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-e2e-'));
    const display = await startDisplay();
    writeFileSync(path.join(folder, 'library'), 'a file where the folder should be');
    const app = await DesktopApp.launch(folder, display.name);
    try {
      await app.library.getByRole('heading', { name: 'Vitrine could not start' }).waitFor();
      expect(await app.library.locator('p').first().innerText()).toContain('library');
    } finally {
      await app.close();
      await display.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
