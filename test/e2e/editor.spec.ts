import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import { expectEqualInGdb, hasGdb } from './core-in-gdb.ts';
import { DesktopApp } from './desktop-app.ts';
import { displayMissing, startDisplay, type DisplayServer } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually } from './screen.ts';

/** Writes letters; `letter` is where a breakpoint goes. Line 9 is wrong until its register is mended. */
const PROGRAM = `        org 0x7c00
start:  xor ax, ax
        mov ds, ax
        mov ax, 0xb800
        mov es, ax
        xor di, di
        mov cx, 5
letter: mov ax, 0x1f41
        add al, cx
        stosw
        loop letter
        hlt
        jmp $
`;
const BREAK_LINE = 8;

describe.skipIf(displayMissing() !== undefined)('the assembly editor', () => {
  let folder: string;
  let display: DisplayServer;
  let app: DesktopApp;
  let page: Page;
  const id = 'hello';
  const library = (): string => path.join(folder, 'library');

  async function launch(): Promise<void> {
    app = await DesktopApp.launch(folder, display.name);
    page = app.library;
    await page.setViewportSize({ width: 1280, height: 800 });
    await app.card('Hello').waitFor();
    await page.evaluate((to) => (location.hash = `#/machine/${to}`), id);
    await page.getByRole('tab', { name: 'Assembly', exact: true }).click();
  }

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-editor-'));
    display = await startDisplay();
    await launch();
  });
  afterAll(async () => {
    await app?.close();
    await display?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });

  const state = (): Promise<string> => page.getByTestId('state').innerText();
  const code = () => page.getByTestId('code');
  const margin = (line: number) =>
    code()
      .locator('.line-numbers')
      .filter({ hasText: new RegExp(`^[\\s\\u00a0]*${line}[\\s\\u00a0]`) });
  const source = (): Promise<string> => readFile(path.join(library(), id, 'hello.asm'), 'utf8');
  const register = (name: string): Promise<string> => page.locator(`[data-register=${name}]`).innerText();
  const breakpoints = () => askHost(library(), (client) => client.debug.breakpoints.list({ id }));

  /** Puts a text in place of the whole source, as a person who pastes it. */
  async function writeProgram(text: string): Promise<void> {
    await code().locator('.view-lines').click();
    await page.keyboard.press('Control+A');
    await page.evaluate((pasted) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', pasted);
      document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, text);
  }

  it('shows the sources of a machine, with address and bytes of each line', async () => {
    await code().locator('.view-lines').waitFor();
    await page.getByRole('tab', { name: 'hello.asm' }).waitFor();
    await eventually(
      () => page.getByTestId('build').innerText(),
      (text) => text.includes('bytes from 7c00'),
      'it is assembled',
    );
  });

  it('tells of an error as it is written, where it is, and keeps it out of the machine', async () => {
    await writeProgram(PROGRAM);
    const problem = page.getByTestId('problem');
    await problem.waitFor();
    expect(await problem.innerText()).toContain('line 9');
    await code().locator('.squiggly-error').waitFor();
    await code().locator('.asm-error-words').first().waitFor();
    const run = page.locator('[data-action=run]');
    expect(await run.getAttribute('title')).toBe('1 error keeps the program out.');
    await page.keyboard.press('Control+Enter');
    // Saved it is, since it is to be run; started it is not.
    await eventually(source, (text) => text === PROGRAM, 'it is saved');
    expect(await state()).toContain('Off');
    await inspectScreen(app, library(), 'editor-error', page);
  });

  it('runs what is mended, and stops at a breakpoint in the margin', async () => {
    await page.getByTestId('problem').click();
    await code().locator('.view-line', { hasText: 'add' }).click();
    await page.keyboard.press('End');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('cl');
    await page.keyboard.press('Escape');
    await page.getByText('The assembler finds nothing wrong.').waitFor();
    await eventually(
      () => margin(BREAK_LINE).innerText(),
      (text) => text.replaceAll('\u00a0', ' ').includes('7c0e') && text.replaceAll('\u00a0', ' ').includes('b8 41 1f'),
      'the line has its address and bytes',
    );
    await margin(BREAK_LINE).click();
    await code().locator('.asm-dot').waitFor();
    expect(await breakpoints()).toMatchObject([
      { watched: { address: 0x7c0e }, source: { file: 'hello.asm', line: BREAK_LINE }, symbol: 'letter' },
    ]);
    await page.locator('[data-action=run]').click();
    await eventually(state, (text) => text.includes('Stopped by breakpoint 1'), 'it hits');
    await code().locator('.asm-running-line').waitFor();
    await eventually(
      () => register('eip'),
      (text) => text.trim() === '00007c0e',
      'registers stand beside it',
    );
    await inspectScreen(app, library(), 'editor-stopped', page);
  });

  it('steps by lines, and goes on to the next hit', async () => {
    await page.locator('[data-action=step-line]').click();
    await eventually(
      () => register('eip'),
      (text) => text.trim() === '00007c11',
      'one line further',
    );
    await page.locator('[data-action=resume]').click();
    await eventually(
      () => screenText(library(), id),
      (text) => text.startsWith('F'),
      'the first letter is on the screen',
    );
    await eventually(state, (text) => text.includes('Stopped by breakpoint 1'), 'it hits again');
    expect((await register('ecx')).trim()).toBe('00000004');
  });

  it.skipIf(!hasGdb)('takes the state of that moment along, as a core on which gdb agrees', async () => {
    const place = path.join(folder, 'cores');
    mkdirSync(place);
    await app.electron.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] });
    }, place);
    await page.locator('[data-action=report]').click();
    const paper = page.frameLocator('iframe[title="The report as a page"]');
    await eventually(
      () => paper.locator('h1').innerText(),
      (text) => text === 'Stopped by a breakpoint on vCPU 0',
      'the report',
    );
    await page.locator('[data-format=core]').check();
    await page.locator('[data-action=save-report]').click();
    await page.locator('[aria-label="Saved files"] li').nth(2).waitFor();
    const core = readdirSync(place).find((name) => name.endsWith('.core')) ?? '';
    await expectEqualInGdb(library(), id, path.join(place, core));
    await page.getByRole('tab', { name: 'Assembly', exact: true }).click();
  });

  it('has its breakpoints follow the text, into the next run', async () => {
    await code().locator('.view-line', { hasText: 'start' }).click();
    await page.keyboard.press('Home');
    await page.keyboard.type('        nop');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Control+S');
    await eventually(
      breakpoints,
      ([first]) => first?.source?.line === BREAK_LINE + 1,
      'the breakpoint stands for the same line of the new text',
    );
    // The machine runs the old program still.
    expect(await breakpoints()).toMatchObject([{ watched: { address: 0x7c0e } }]);
    await page.locator('[data-action=run]').click();
    await eventually(
      breakpoints,
      ([first]) => first?.watched.kind === 'execute' && first.watched.address === 0x7c0f,
      'it is where the line is now',
    );
    await eventually(state, (text) => text.includes('Stopped by breakpoint 1'), 'it hits in the new program');
    await eventually(
      () => register('eip'),
      (text) => text.trim() === '00007c0f',
      'at the new address',
    );
  });

  it('says what an instruction does, and renames a label everywhere', async () => {
    await code().locator('.view-line', { hasText: 'stosw' }).getByText('stosw').hover();
    const hover = page.locator('.monaco-hover', { hasText: 'Takes REP.' });
    await hover.waitFor();
    await app.keepPicture(page, 'editor-hover');
    await page.mouse.move(0, 0);
    await hover.waitFor({ state: 'hidden' });
    await code()
      .locator('.view-line', { hasText: 'loop' })
      .click({ position: { x: 4, y: 8 } });
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('F2');
    const field = page.locator('.rename-input');
    await field.waitFor();
    await field.fill('again');
    await page.keyboard.press('Enter');
    await eventually(
      () => code().locator('.view-lines').innerText(),
      (text) => !text.includes('letter') && text.split('again').length === 3,
      'both mentions',
    );
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.keyboard.type('lods');
    await page.locator('.suggest-widget.visible', { hasText: 'lodsb' }).waitFor();
    await page.keyboard.press('Escape');
  });

  it('asks which text counts when the file was changed on the disk as well', async () => {
    await writeFile(path.join(library(), id, 'hello.asm'), '; from elsewhere\n        hlt\n');
    await page.locator('[data-action=take-disk]').waitFor();
    await page.locator('[data-action=take-disk]').click();
    await eventually(
      () => code().locator('.view-lines').innerText(),
      (text) => text.includes('from') && !text.includes('again'),
      'the disk’s text',
    );
  });

  it('makes a new machine of a program, where this one starts from something else', async () => {
    await askHost(library(), (client) =>
      client.library.create({ name: 'Blank', source: { kind: 'drives', drives: [{ kind: 'disk', emptyBytes: 1024 * 1024 }] } }),
    );
    await page.evaluate(() => (location.hash = '#/machine/blank'));
    await page.getByRole('tab', { name: 'Assembly', exact: true }).click();
    await page.getByText('No sources in this machine').waitFor();
    await page.getByRole('button', { name: 'New source' }).last().click();
    await page.locator('[data-action=create-source]').click();
    await page.getByRole('tab', { name: 'boot.asm' }).waitFor();
    await eventually(
      () => page.locator('[data-action=run]').getAttribute('title'),
      (text) => text?.includes('Make a new machine of the program') === true,
      'it says why not here',
    );
    await page.locator('[data-action=run-elsewhere]').click();
    await eventually(
      () => screenText(library(), 'boot'),
      (text) => text.startsWith('Hello from the boot sector.'),
      'the new machine runs it',
    );
    await page.getByRole('tab', { name: 'boot.asm' }).waitFor();
    expect(await askHost(library(), (client) => client.sources.list({ id: 'boot' }))).toMatchObject({ main: 'boot.asm' });
    await page.evaluate((to) => (location.hash = `#/machine/${to}`), id);
    await code().locator('.view-lines').waitFor();
  });

  it('has what was typed and not saved after the app was killed', async () => {
    await writeProgram('; not saved\n        cli\n');
    await eventually(
      () => askHost(library(), (client) => client.sources.drafts.list({ id })),
      (drafts) => drafts[0]?.text === '; not saved\n        cli\n',
      'the host has it',
    );
    expect(await source()).toContain('from elsewhere');
    const process = app.electron.process();
    const gone = once(process, 'exit');
    process.kill('SIGKILL');
    await gone;
    await launch();
    await page.getByText('Vitrine ended before this text was saved').waitFor();
    await eventually(
      () => code().locator('.view-lines').innerText(),
      (text) => text.includes('not') && text.includes('cli'),
      'the text is back',
    );
  });
});
