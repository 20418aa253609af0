import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

function gdbMissing(): boolean {
  try {
    execFileSync('gdb', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}

/** Processes of gdb below the app's own. */
function gdbsBelow(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, program, after] = /^\d+ \((.*)\) . (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
        return program === 'gdb' && Number(after) === parent ? [Number(name)] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

describe.skipIf(displayMissing() !== undefined || gdbMissing())('gdb in a terminal of the app', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  const ask = <Result>(question: Parameters<typeof askHost<Result>>[1]) => askHost(library(), question);
  const gdbs = () => Promise.resolve(gdbsBelow(app.electron.process().pid ?? 0));
  /** What the terminal shows, as a screen reader has it. */
  const shown = () => page.locator('.xterm-rows').innerText();
  const state = () => page.getByTestId('state').innerText();

  it('is attached to the machine, whose server began for it, and fits its panel', async () => {
    await app.card('Lantern').click();
    await app.startSelected();
    await eventually(
      () => screenText(library(), 'lantern'),
      (text) => /lantern/i.test(text),
      'the kernel runs',
    );
    await page.keyboard.press('Control+Shift+I');
    await page.getByRole('tab', { name: 'Inspect', exact: true }).waitFor();
    await page.keyboard.press('Control+K');
    await page.getByRole('combobox', { name: 'Command' }).fill('Attach gdb');
    await page.getByRole('option', { name: /Attach gdb to Lantern/ }).click();
    await eventually(shown, (text) => /Remote debugging using 127\.0\.0\.1:\d+[\s\S]*\(gdb\)/.test(text), 'gdb is attached');
    await eventually(state, (text) => text.includes('Paused'), 'the machine stands still');
    const server = await ask((client) => client.debug.gdb.get({ id: 'lantern' }));
    expect(server).toMatchObject({ host: '127.0.0.1', attached: true });
    expect(await gdbs()).toHaveLength(1);
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('show width\n');
    const rows = await page.locator('.xterm-rows > div').count();
    await page.keyboard.type('show height\n');
    await eventually(
      shown,
      (text) => text.replaceAll('\u00a0', ' ').includes(`Number of lines gdb thinks are in a page is ${rows}.`),
      'gdb knows the height of the panel',
    );
  });

  it('shares breakpoints with the app: gdb stops at one that the app set', async () => {
    const [timer] = await ask((client) => client.debug.symbols.search({ id: 'lantern', text: 'on_timer', most: 1 }));
    if (timer === undefined) throw new Error('The kernel has a handler of the timer.');
    const { id: breakpoint } = await ask((client) =>
      client.debug.breakpoints.addText({ id: 'lantern', text: `execute 0x${timer.address.toString(16)}` }),
    );
    await page.keyboard.type('continue\n');
    await eventually(
      shown,
      (text) => new RegExp(`Continuing\\.[\\s\\S]*0x0*${timer.address.toString(16)} in`).test(text.replaceAll('\u00a0', ' ')),
      'gdb tells of the stop at the breakpoint',
    );
    await page.keyboard.type('info registers eip\n');
    await eventually(
      shown,
      (text) => new RegExp(`eip\\s+0x0*${timer.address.toString(16)}`).test(text.replaceAll('\u00a0', ' ')),
      'gdb reads registers',
    );
    await ask((client) => client.debug.breakpoints.remove({ id: 'lantern', breakpoints: [breakpoint] }));
    await inspectScreen(app, library(), 'terminal', page);
  });

  it('has lines to be copied for other programs', async () => {
    await page.locator('[data-action=lines]').click();
    const { port } = (await ask((client) => client.debug.gdb.get({ id: 'lantern' }))) ?? { port: 0 };
    await page.getByRole('button', { name: 'Copy the line for VS Code, launch.json' }).click();
    const copied = await eventually(
      () => app.electron.evaluate(({ clipboard }) => clipboard.readText()),
      (text) => text.endsWith('}'),
      'the clipboard has the line',
    );
    expect(JSON.parse(copied)).toMatchObject({ MIMode: 'gdb', miDebuggerServerAddress: `127.0.0.1:${port}` });
    await app.keepPicture(page, 'terminal-lines');
    await page.locator('[data-action=lines]').click();
  });

  it('goes on while another view is shown, and ends with its panel', async () => {
    const [before] = await gdbs();
    await page.getByRole('tab', { name: 'Console', exact: true }).click();
    await page.getByRole('tab', { name: 'Inspect', exact: true }).click();
    await page.getByRole('tab', { name: 'gdb', exact: true }).click();
    await eventually(shown, (text) => text.includes('eip'), 'what was said before is still there');
    expect(await gdbs()).toEqual([before]);
    await page.getByRole('button', { name: 'Layout of gdb' }).click();
    await page.getByRole('menuitem', { name: 'Close gdb' }).click();
    await eventually(gdbs, (all) => all.length === 0, 'gdb has ended');
    await eventually(
      () => ask((client) => client.debug.gdb.get({ id: 'lantern' })),
      (server) => server?.attached === false,
      'the machine is free for the next gdb',
    );
    await eventually(state, (text) => text.includes('Running'), 'the machine goes on without it');
  });

  it('ends with its page, and is refused to other fronts', async () => {
    await page.keyboard.press('Control+K');
    await page.keyboard.type('Attach gdb');
    await page.keyboard.press('Enter');
    await eventually(shown, (text) => text.includes('(gdb)'), 'gdb is attached again');
    await expect(
      ask(async (client) => {
        for await (const event of await client.desktop.terminals.gdb({ id: 'lantern', columns: 80, rows: 24 })) return event;
        return undefined;
      }),
    ).rejects.toThrow('This needs the desktop app');
    expect(await gdbs()).toHaveLength(1);
    await page.reload();
    await eventually(gdbs, (all) => all.length === 0, 'gdb has ended with the page');
  });
});
