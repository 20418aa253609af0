import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

const lab = 'memory-guard-lab';
/** Scancodes of the lab's keys. */
const PATCH_IDT = 0x02;
const CHANGE_USER = 0x04;
const CORRUPT_LEAF = 0x06;

describe.skipIf(displayMissing() !== undefined)('the view of the guard', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  /** Linear address of the code that wrote, hexadecimal. */
  let attacked = '';
  const press = (code: number) =>
    askHost(library(), (client) => client.machines.input({ id: lab, input: { kind: 'scancodes', bytes: [code, code | 0x80] } }));
  const alerts = () => page.locator('tr[data-alert]');

  it('shows what the agent of the lab protects, and protects more by symbol and by field', async () => {
    await app.card('Memory guard lab').click();
    await app.startSelected();
    await eventually(
      () => screenText(library(), lab),
      (text) => /pages protected/i.test(text) || /protect/i.test(text),
      'the lab runs',
    );
    await page.keyboard.press('Control+Shift+I');
    await page.getByRole('tab', { name: 'Guard', exact: true }).click();
    const ranges = page.getByRole('table', { name: 'Protected ranges' });
    await eventually(
      () => ranges.innerText(),
      (text) => text.includes('agent'),
      'the ranges of the agent',
    );
    await page.getByLabel('Named by').selectOption({ label: 'Symbol' });
    await page.getByLabel('Symbol', { exact: true }).fill('fake_leaf');
    await page.getByLabel('What happens at a write').selectOption({ label: 'Log' });
    await page.locator('[data-action=protect]').click();
    await eventually(
      () => ranges.locator('select').evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value)),
      (actions) => actions.includes('log'),
      'the symbol is protected',
    );
    await page.getByLabel('Named by').selectOption({ label: 'Structure or field' });
    await page.getByLabel('Object or field').fill('((struct process *)process_second)->user');
    await page.getByLabel('What happens at a write').selectOption({ label: 'Pause' });
    await page.locator('[data-action=protect]').click();
    await eventually(
      () => ranges.locator('select').evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value)),
      (actions) => actions.includes('pause'),
      'the field is protected',
    );
  });

  it('shows each attack with its writer and its bytes, and where it went', async () => {
    await press(PATCH_IDT);
    await eventually(
      () => alerts().count(),
      (count) => count === 1,
      'the alert of the first attack',
    );
    await press(CORRUPT_LEAF);
    await eventually(
      () => alerts().count(),
      (count) => count === 2,
      'the alert at the tree',
    );
    expect(await alerts().nth(1).innerText()).toMatch(/Listed page[\s\S]*0008:[0-9a-f]{8} strike\+0x[\s\S]*00 8e|→[\s\S]*Denied/);
    expect(await alerts().nth(0).innerText()).toContain('Tree node');
    await alerts().nth(0).click();
    const details = page.getByRole('region', { name: 'Alert', exact: true });
    await eventually(
      () => details.innerText(),
      (text) => text.includes('The write did not land') && /mov\s/.test(text),
      'the alert with the code of its writer',
    );
    await page.locator('[data-action=go-there]').click();
    await eventually(
      () => page.getByRole('treeitem', { selected: true }).innerText(),
      (text) => text.includes('written at') && text.includes('leaf'),
      'the attacked node in the tree',
    );
    await inspectScreen(app, library(), 'guard', page);
    await alerts().nth(1).click();
    await page.locator('[data-action=go-there]').click();
    await eventually(
      () => page.getByRole('treeitem', { selected: true }).innerText(),
      (text) => text.includes('Deny') && !text.includes('leaf'),
      'the listed page in the tree',
    );
  });

  it('pauses the machine at a write to a page with that action, and the write is made', async () => {
    await page.mouse.move(0, 0);
    await press(CHANGE_USER);
    await eventually(
      () => page.getByTestId('state').innerText(),
      (text) => text.includes('Paused') && text.includes('The guard paused the machine'),
      'the machine is paused by the guard',
    );
    await eventually(
      () => alerts().nth(0).innerText(),
      (text) => text.includes('Made, paused'),
      'the alert of the write that was made',
    );
    await alerts().nth(0).click();
    await eventually(
      () => page.getByRole('region', { name: 'Alert', exact: true }).innerText(),
      (text) => /old\s*e8\s*03\s*00\s*00\s*new\s*00\s*00\s*00\s*00/.test(text),
      'old and new bytes: user 1000 became 0',
    );
    await app.keepPicture(page, 'guard-paused');
    await page.locator('[data-action=go-to-writer]').click();
    const line = page.getByRole('tab', { name: 'Disassembly', exact: true, selected: true });
    await line.waitFor();
    await eventually(
      () => page.locator('.dv-groupview').filter({ has: line }).innerText(),
      (text) => /strike:/.test(text),
      'the writer in the disassembly',
    );
    attacked = /\b[0-9a-f]{8}\b/.exec(await page.locator('.dv-groupview [data-address].pc .ad').first().innerText())?.[0] ?? '';
  });

  it('leads on: the page walk of the writer, a breakpoint in its margin, and gdb in the terminal, which stops there', async () => {
    await page.getByRole('tab', { name: 'Page walk', exact: true }).click();
    const address = page.getByLabel('Linear address', { exact: true });
    await address.fill(`0x${attacked}`);
    await address.press('Enter');
    await eventually(
      () => page.getByRole('region', { name: 'Walk to the byte', exact: true }).innerText(),
      (text) => text.includes('The page-table entry maps a page of 4 KiB.') && text.includes(attacked),
      'the walk from CR3 to the writer’s page',
    );
    await page.getByRole('tab', { name: 'Disassembly', exact: true }).click();
    await page.getByLabel('Address of code').fill('strike');
    await page.keyboard.press('Enter');
    const line = page.locator('.lab:has-text("strike:") + [data-address]');
    await line.getByRole('button', { name: 'Set a breakpoint' }).click();
    await eventually(
      () => askHost(library(), (client) => client.debug.breakpoints.list({ id: lab })).then(({ length }) => length),
      (count) => count === 1,
      'the breakpoint is in the store',
    );
    const strike = Number(await line.getAttribute('data-address')).toString(16);
    await page.keyboard.press('Control+K');
    await page.getByRole('combobox', { name: 'Command' }).fill('Attach gdb');
    await page.getByRole('option', { name: /Attach gdb to Memory guard lab/ }).click();
    const terminal = () => page.locator('.xterm-rows').innerText();
    await eventually(terminal, (text) => /Remote debugging using 127\.0\.0\.1:\d+[\s\S]*\(gdb\)/.test(text), 'gdb is attached');
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('continue\n');
    await eventually(terminal, (text) => text.includes('Continuing.'), 'gdb lets it run');
    await press(PATCH_IDT);
    await eventually(
      terminal,
      (text) => new RegExp(`0x0*${strike} in`).test(text.replaceAll('\u00a0', ' ')),
      'gdb stops at the breakpoint of the margin, in the attack',
    );
    await app.keepPicture(page, 'guard-to-gdb');
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('detach\n');
    await eventually(terminal, (text) => text.includes('Detaching from'), 'gdb is detached');
    await askHost(library(), async (client) => {
      const breakpoints = await client.debug.breakpoints.list({ id: lab });
      await client.debug.breakpoints.remove({ id: lab, breakpoints: breakpoints.map(({ id }) => id) });
    });
    await page.getByRole('tab', { name: 'Guard', exact: true }).click();
  });

  it('counts every alert of a storm, also those that it does not show', async () => {
    await askHost(library(), async (client) => {
      // The lab draws all the time, and notes where.
      await client.guard.add({ id: lab, range: { kind: 'symbol', name: 'cursor', cpu: 0 }, action: 'log' });
      const entry = await client.library.get({ id: lab });
      if (entry.kind === 'machine' && entry.state === 'paused') await client.machines.resume({ id: lab });
    });
    await page.getByTestId('gone').waitFor();
    await askHost(library(), (client) => client.machines.pause({ id: lab }));
    const { alerts: all } = await askHost(library(), (client) => client.guard.state({ id: lab }));
    expect(all).toBeGreaterThan(5000);
    const number = (text: string | undefined): number => Number(text?.replaceAll(',', ''));
    await eventually(
      async () => {
        const [, here, more] =
          /([\d,]+) alerts here.*?([\d,]+) more/s.exec(
            await page
              .getByText(/alerts here/)
              .locator('..')
              .innerText(),
          ) ?? [];
        return [number(here), number(here) + number(more)];
      },
      ([here, sum]) => here !== undefined && here > 1000 && here <= 5000 && sum === all,
      `the numbers are those of the guard: ${all}`,
    );
    // The attack on the tree is older than what is shown, and marked all the same.
    expect(await page.getByRole('treeitem', { name: /written at/ }).count()).toBe(1);
    await app.keepPicture(page, 'guard-storm');
  });
});
