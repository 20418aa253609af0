import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { endChild } from '../support/end-child.ts';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

const program = path.resolve(import.meta.dirname, '../../out/cli/vitrine.js');

describe.skipIf(displayMissing() !== undefined)('a machine with two windows', () => {
  let app: DesktopApp;
  let first: Page;
  let second: Page;
  const library = withDesktopApp((started) => {
    app = started;
  });
  const state = () => askHost(library(), (client) => client.display.state({ id: 'two-desks' }));
  const sizes = async (): Promise<string[]> =>
    (await state()).outputs.flatMap(({ output, properties, right, shown }) =>
      properties === null
        ? []
        : [`${output}: ${properties.width} × ${properties.height}${right ? '' : `, shows ${shown.width} × ${shown.height}`}`],
    );
  const settled = (count: number) =>
    eventually(
      sizes,
      (now) => now.length === count && now.every((size) => !size.includes('shows')),
      `${count} outputs show pictures of their own size`,
    );
  /** Host pixels of the room for the picture. */
  const room = (page: Page): Promise<{ width: number; height: number }> =>
    page.locator('.mat').evaluate((mat) => {
      const style = getComputedStyle(mat);
      const inner = (size: number, ...padding: string[]) =>
        Math.round((size - padding.reduce((sum, one) => sum + parseFloat(one), 0)) * devicePixelRatio);
      return {
        width: inner(mat.clientWidth, style.paddingLeft, style.paddingRight) & ~1,
        height: inner(mat.clientHeight, style.paddingTop, style.paddingBottom),
      };
    });
  const resize = (part: string, bounds: { x: number; y: number; width: number; height: number }): Promise<void> =>
    app.electron.evaluate(
      ({ BrowserWindow }, [found, to]) => {
        for (const one of BrowserWindow.getAllWindows()) if (one.webContents.getURL().endsWith(found)) one.setBounds(to);
      },
      [part, bounds] as const,
    );
  const serial = () =>
    askHost(library(), async (client) => {
      const text: string[] = [];
      for await (const event of await client.machines.events({ id: 'two-desks', history: true })) {
        if (event.kind === 'serial') {
          text.push(Buffer.from(event.bytes).toString('latin1'));
          break;
        }
      }
      return text.join('');
    });

  it('has an output for each, of exactly its size', async () => {
    await app.card('Two desks').click();
    first = await app.startSelected();
    await first.getByTestId('screen').waitFor();
    await settled(1);
    await app.library.keyboard.press('Control+Shift+I');
    await app.library.getByRole('tab', { name: 'Displays', exact: true }).click();
    const [page] = await Promise.all([
      app.electron.waitForEvent('window'),
      app.library.locator('[data-action=add-output]').click(),
    ]);
    second = page;
    await second.getByTestId('screen').waitFor();
    await resize('/console/two-desks', { x: 40, y: 40, width: 900, height: 620 });
    await resize('output=1', { x: 980, y: 40, width: 560, height: 860 });
    await eventually(
      async () => [await room(first), await room(second), await settled(2)] as const,
      ([one, two, now]) => now[0] === `0: ${one.width} × ${one.height}` && now[1] === `1: ${two.width} × ${two.height}`,
      'the outputs are what the windows are',
    );
    const [one, two] = [await room(first), await room(second)];
    expect(one.width).not.toBe(two.width);
    expect(two.height).toBeGreaterThan(two.width);
    await app.keepWindowPicture(first, 'two-desks-output-0');
    await app.keepWindowPicture(second, 'two-desks-output-1');
  });

  it('follows a window that is resized, and leaves the other alone', async () => {
    const [, before] = await sizes();
    await resize('/console/two-desks', { x: 40, y: 40, width: 1000, height: 500 });
    await eventually(
      async () => [await room(first), await settled(2)] as const,
      ([one, now]) => one.height < 500 && now[0] === `0: ${one.width} × ${one.height}`,
      'output 0 is as large as its window',
    );
    expect((await sizes())[1]).toBe(before);
  });

  it('shows where the pointer is', async () => {
    await eventually(
      () => first.locator('.foot').innerText(),
      (words) => words.includes('Mouse: absolute'),
      'the guest takes positions',
    );
    const box = await first.getByTestId('screen').boundingBox();
    if (box === null) throw new Error('The screen has no place.');
    await first.mouse.move(box.x + box.width / 4, box.y + box.height / 4);
    await first.mouse.move(box.x + box.width / 2, box.y + box.height / 3);
    const crossed = async (): Promise<boolean> => {
      const { properties } = (await state()).outputs[0] ?? {};
      if (!properties) return false;
      const picture = await askHost(library(), (client) => client.display.screenshot({ id: 'two-desks', output: 0 }));
      const { data, width } = PNG.sync.read(Buffer.from(picture.png));
      // The line through the pointer inverts the ground, from edge to edge.
      const x = Math.round(picture.width / 2);
      return [8, picture.height - 8].every((y) => [-1, 0, 1].some((beside) => (data[4 * (y * width + x + beside)] ?? 0) > 0xc0));
    };
    await eventually(crossed, (there) => there, 'a line goes through the pointer');
  });

  it('tells it all in the Displays view', async () => {
    const view = app.library;
    await eventually(
      () => view.locator('tr[data-output="1"]').innerText(),
      (row) => row.includes('uses it'),
      'the guest uses output 1',
    );
    await eventually(
      () => view.locator('.out img').count(),
      (count) => count === 2,
      'both outputs have their pictures',
    );
    await view.locator('.out[data-output="1"]').click();
    expect(await view.locator('.kv', { hasText: 'Native mode' }).innerText()).toContain('Output 1');
    expect(await view.getByText('This app has the machine since').count()).toBe(1);
    const refused = askHost(library(), (client) => client.display.set({ id: 'two-desks', outputs: [{ output: 0, width: 100, height: 600 }] }));
    await expect(refused).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await view.locator('.track .refused').waitFor();
    await inspectScreen(app, library(), 'displays', view);
    await view.setViewportSize({ width: 960, height: 700 });
    await inspectScreen(app, library(), 'displays-narrow', view);
    await view.setViewportSize({ width: 1280, height: 800 });
    await view.getByRole('tab', { name: 'Requests', exact: true }).click();
    await view.getByText('refused only').click();
    await eventually(
      () => view.getByRole('table', { name: /^Requests/ }).locator('tbody tr').allInnerTexts(),
      (rows) => rows.length === 1 && rows[0]?.includes('100') === true,
      'the request that was refused, with its reason',
    );
    await app.keepPicture(view, 'displays-requests');
    await view.getByRole('tab', { name: 'Session history', exact: true }).click();
  });

  it('is taken over by another client, and back, with both windows', async () => {
    const taker = spawn(
      process.execPath,
      [
        program,
        'display',
        'attach',
        'two-desks',
        '--library',
        library(),
        '--name',
        'Laptop',
        '--output',
        '700x500',
        '--take-over',
      ],
      { stdio: 'ignore' },
    );
    try {
      await eventually(sizes, (now) => now.join() === '0: 700 × 500', 'the machine is the laptop’s');
      for (const page of [first, second]) await page.getByText('Laptop has the machine.').waitFor();
      await app.library.locator('.kv', { hasText: 'Before it' }).getByText('This app, until').waitFor();
      await app.keepPicture(app.library, 'displays-taken-over');
      await app.keepWindowPicture(first, 'two-desks-taken-over');
      await first.locator('[data-action=take-over]').click();
      const [one, two] = [await room(first), await room(second)];
      await eventually(
        async () => [await room(first), await room(second), await settled(2)] as const,
        ([left, right, now]) =>
          now[0] === `0: ${left.width} × ${left.height}` && now[1] === `1: ${right.width} × ${right.height}`,
        `both windows have it again (${one.width}, ${two.width})`,
      );
      expect((await state()).session).toMatchObject({ client: 'app', number: 3 });
      expect(await second.locator('[data-action=take-over]').count()).toBe(0);
    } finally {
      await endChild(taker);
    }
  });

  it('stands still when its windows are closed, and another client gets it as it was, with its own displays', async () => {
    const closed = [first.waitForEvent('close'), second.waitForEvent('close')];
    await app.electron.evaluate(({ BrowserWindow }) => {
      for (const window of BrowserWindow.getAllWindows()) if (window.webContents.getURL().includes('/console/')) window.close();
    });
    await Promise.all(closed);
    await eventually(state, ({ phase }) => phase === 'suspended', 'the machine stands still');
    const before = await serial();
    const said = execFileSync(
      process.execPath,
      [
        program,
        'display',
        'attach',
        'two-desks',
        '--library',
        library(),
        '--output',
        '640x480,mm=320x240',
        '--until-frame',
        '--seconds',
        '60',
      ],
      { encoding: 'utf8' },
    );
    expect(said).toMatch(/First frame at the right size after [0-9.]+ ms\./);
    const after = await serial();
    expect(after.startsWith(before)).toBe(true);
    const lives = [...after.matchAll(/session (\d+) change \d+ ticks (\d+) output 0 (\d+x\d+)/g)];
    expect(lives.at(-1)?.slice(1)).toEqual(['4', expect.any(String), '640x480']);
    // Hundredths of a second of the guest's own: it lived on from where it was.
    expect(Number(lives.at(-1)?.[2])).toBeGreaterThanOrEqual(Number(lives.at(-2)?.[2]));
    await eventually(state, ({ phase }) => phase === 'suspended', 'it stands still again');
    const log = execFileSync(process.execPath, [program, 'display', 'log', 'two-desks', '--library', library()], {
      encoding: 'utf8',
    });
    expect(log).toContain('has closed.');
  });
});
