import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { report as reportSchema } from '../../main/contract/report.ts';
import { barriers } from './accessibility.ts';
import { expectEqualInGdb, hasGdb } from './core-in-gdb.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { insist } from './insist.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

const guest = 'lantern';
const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (file) => spawnSync(file, ['--version']).status === 0,
);

/** A guest whose stack runs into nothing: a page fault, a double fault, a triple fault. */
const FAULTING = `org 0x7c00
bits 16
start: cli
  xor ax, ax
  mov ds, ax
  lgdt [gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 8:flat
bits 32
flat: mov ax, 16
  mov ds, ax
  mov ss, ax
  lidt [idtr]
  ud2
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr: dw 23
  dd gdt
idtr: dw 0
  dd 0
times 510 - ($ - $$) db 0
dw 0xaa55
`;

describe.skipIf(displayMissing() !== undefined)('the report view', () => {
  let app: DesktopApp;
  let page: Page;
  let place: string;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  /** What the system's dialog would answer. */
  const answerDialog = (folder: string) =>
    app.electron.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] });
    }, folder);

  it('takes a report of a running machine by one click, which goes on, and shows it as on paper', async () => {
    await app.card('Lantern').click();
    await app.startSelected();
    await eventually(
      () => screenText(library(), guest),
      (text) => text.trim() !== '',
      'the guest shows something',
    );
    await page.keyboard.press('Control+Shift+I');
    await page.locator('[data-action=report]').click();
    const paper = page.frameLocator('iframe[title="The report as a page"]');
    await eventually(
      () => paper.locator('h1').innerText(),
      (text) => text === 'A running machine',
      'the page of the report',
    );
    expect(await paper.locator('img.screen').evaluate((picture) => (picture as HTMLImageElement).naturalWidth)).toBeGreaterThan(
      100,
    );
    expect(await page.getByTestId('state').innerText()).toContain('Running');
    await page.getByText('The page needs nothing from outside').waitFor();
    await page.locator('[data-section=devices]').click();
    await eventually(
      () => paper.locator('#devices').evaluate((section) => Math.abs(section.getBoundingClientRect().top)),
      (top) => top < 40,
      'the section that was chosen',
    );
    await page.locator('[data-section=what-happened]').click();
    await page.locator('iframe[title="The report as a page"]').evaluate((frame) => {
      const view = (frame as HTMLIFrameElement).contentWindow;
      if (view !== null) view.print = () => (document.documentElement.dataset['printed'] = 'yes');
    });
    await page.locator('[data-action=print-report]').click();
    await page.waitForFunction(() => document.documentElement.dataset['printed'] === 'yes');
    for (const [width, height] of [
      [1280, 800],
      [960, 700],
    ] as const) {
      await insist(async () => {
        const window = await app.electron.browserWindow(page);
        await window.evaluate((shown, size) => shown.setContentSize(size[0], size[1]), [width, height] as [number, number]);
      });
      for (const theme of ['light', 'dark'] as const) {
        await page.evaluate((name) => (document.documentElement.dataset['theme'] = name), theme);
        await page.waitForTimeout(300);
        await app.keepPicture(page, `report-${theme}-${width}`);
      }
      await page.evaluate(() => (document.documentElement.dataset['theme'] = 'light'));
    }
    expect(await barriers(page)).toEqual([]);
  });

  it('saves all formats to a folder, whose JSON fits the schema', async () => {
    place = path.join(path.dirname(library()), 'saved');
    mkdirSync(place);
    await answerDialog(place);
    for (const format of ['markdown', 'core']) await page.locator(`[data-format=${format}]`).check();
    await page.locator('[data-action=save-report]').click();
    await eventually(
      () => page.locator('[aria-label="Saved files"] li').count(),
      (count) => count === 4,
      'the files',
    );
    await app.keepPicture(page, 'report-saved');
    const names = readdirSync(place);
    expect(names.map((name) => path.extname(name)).sort()).toEqual(['.core', '.html', '.json', '.md']);
    const file = (ending: string): string => path.join(place, names.find((name) => name.endsWith(ending)) ?? '');
    const report = reportSchema.parse(JSON.parse(readFileSync(file('.json'), 'utf8')));
    expect(report.machine).toMatchObject({ id: guest, state: 'running' });
    // The hole below 1 MiB is not memory.
    expect(statSync(file('.core')).size).toBeGreaterThan(report.machine.memoryBytes - (1 << 20));
  });

  it.skipIf(!hasGdb)('saves a core of a paused machine whose registers and memory are in gdb what they are here', async () => {
    await askHost(library(), (client) => client.machines.pause({ id: guest }));
    await page.locator('[data-format=json]').uncheck();
    await page.locator('[data-format=html]').uncheck();
    await page.locator('[data-format=markdown]').uncheck();
    const other = path.join(path.dirname(library()), 'cores');
    mkdirSync(other);
    await answerDialog(other);
    await page.locator('[data-action=save-report]').click();
    await eventually(
      () => page.locator('[aria-label="Saved files"] li').allInnerTexts(),
      (texts) => texts.length === 1 && (texts[0] ?? '').includes('cores'),
      'the core',
    );
    const core = path.join(other, readdirSync(other)[0] ?? '');
    await expectEqualInGdb(library(), guest, core);
  });

  it.skipIf(program === undefined)('is a page that asks for nothing, in light and dark, and prints', async () => {
    const html = path.join(place, readdirSync(place).find((name) => name.endsWith('.html')) ?? '');
    const browser = await chromium.launch({
      executablePath: program ?? '',
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    });
    try {
      for (const colorScheme of ['light', 'dark'] as const) {
        const context = await browser.newContext({ colorScheme, viewport: { width: 1000, height: 900 } });
        const reader = await context.newPage();
        const requests: string[] = [];
        const complaints: string[] = [];
        reader.on('request', (request) => requests.push(request.url()));
        reader.on('console', (message) => complaints.push(message.text()));
        await reader.goto(`file://${html}`);
        expect(requests.filter((url) => !url.startsWith('data:image/png;base64,'))).toEqual([`file://${html}`]);
        expect(complaints).toEqual([]);
        // Nothing is wider than the page.
        expect(await reader.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth)).toBe(
          true,
        );
        const colours = await reader.evaluate(() => [
          getComputedStyle(document.querySelector('main') ?? document.body).backgroundColor,
        ]);
        expect(colours).toEqual([colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(21, 26, 29)']);
        mkdirSync('test-results/screens', { recursive: true });
        await reader.screenshot({ path: `test-results/screens/report-page-${colorScheme}.png` });
        if (colorScheme === 'dark') {
          const pdf = await reader.pdf({ format: 'A4', path: 'test-results/screens/report.pdf' });
          expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
          // On paper it is light whatever the reader's screen is.
          await reader.emulateMedia({ media: 'print', colorScheme: 'dark' });
          expect(
            await reader.evaluate(() => getComputedStyle(document.querySelector('main') ?? document.body).backgroundColor),
          ).toBe('rgb(255, 255, 255)');
        }
        await context.close();
      }
    } finally {
      await browser.close();
    }
  });

  it('shows how far a large core is, and leaves nothing of it when it is cancelled', async () => {
    const filled = `%define MEBIBYTES 1536\n${readFileSync(path.resolve(import.meta.dirname, '../bench/report/filled.asm'), 'utf8')}`;
    const id = await askHost(library(), async (client) => {
      const bytes = new TextEncoder().encode(filled);
      const made = await client.library.create({
        source: { kind: 'assembly', file: { kind: 'bytes', name: 'filled.asm', bytes } },
        name: 'Filled',
        memoryBytes: 1536 << 20,
      });
      await client.machines.start({ id: made.id });
      return made.id;
    });
    const said = path.join(library(), id, 'serial.log');
    await eventually(
      () => Promise.resolve(existsSync(said) ? readFileSync(said, 'utf8') : ''),
      (text) => text.includes('!'),
      'its memory is full',
    );
    await page.evaluate((machine) => (location.hash = `#/machine/${machine}`), id);
    await page.getByRole('tab', { name: 'Report', exact: true }).click();
    await page.locator('[data-action=take-report]').click();
    await page.locator('[data-format=core]').check();
    const other = path.join(path.dirname(library()), 'cancelled');
    mkdirSync(other);
    await answerDialog(other);
    await page.locator('[data-action=save-report]').click();
    // Within the page: a driver's next step may come when all of it is written.
    const shown = await page.evaluate(
      () =>
        new Promise<string>((resolve) => {
          const look = (): void => {
            const progress = document.querySelector('[data-testid=report-progress]')?.textContent ?? '';
            if (!/ of 1\.\d+ GiB/.test(progress)) return void requestAnimationFrame(look);
            document.querySelector<HTMLButtonElement>('[data-action=cancel-report]')?.click();
            resolve(progress);
          };
          look();
        }),
    );
    expect(shown).toContain('Writing');
    await page.getByText('Cancelled; nothing of it is left.').waitFor();
    await eventually(
      () => Promise.resolve(readdirSync(other)),
      (names) => names.length === 0,
      'nothing is left',
    );
    await eventually(
      () => page.getByTestId('state').innerText(),
      (text) => text.includes('Running'),
      'the machine goes on',
    );
    await askHost(library(), (client) => client.machines.powerOff({ id }));
  });

  it('is offered after a triple fault', async () => {
    const id = await askHost(library(), async (client) => {
      const bytes = new TextEncoder().encode(FAULTING);
      const made = await client.library.create({
        source: { kind: 'assembly', file: { kind: 'bytes', name: 'faulting.asm', bytes } },
        name: 'Faulting',
        memoryBytes: 16 << 20,
      });
      await client.machines.start({ id: made.id, paused: true });
      return made.id;
    });
    await page.evaluate((machine) => (location.hash = `#/machine/${machine}`), id);
    await page.getByRole('tab', { name: 'Inspect', exact: true }).click();
    await page.locator('[data-action=stop-at-triple-fault]').check();
    await page.locator('[data-action=resume]').click();
    await page.locator('[data-action=report-occasion]').waitFor();
    await app.keepPicture(page, 'report-offered');
    await page.locator('[data-action=report-occasion]').click();
    const paper = page.frameLocator('iframe[title="The report as a page"]');
    await eventually(
      () => paper.locator('h1').innerText(),
      (text) => text === 'Triple fault on vCPU 0',
      'the page of the report',
    );
    expect(await paper.locator('#chain').innerText()).toMatch(/#UD invalid opcode[\s\S]*Triple fault/u);
    expect(await paper.locator('.callout').first().innerText()).toContain('Look at first: the IDT at 00000000 ends');
    await app.keepPicture(page, 'report-triple-fault');
    await askHost(library(), (client) => client.machines.powerOff({ id }));
    // A build for development also warns of attributes that panels do not take; Chromium, of how canvases are read.
    expect(app.complaints.filter((text) => !text.startsWith('[Vue warn]: Extraneous') && !text.startsWith('Canvas2D'))).toEqual(
      [],
    );
  });
});
