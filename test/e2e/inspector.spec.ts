import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

describe.skipIf(displayMissing() !== undefined)('the inspector', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  const state = (): Promise<string> => page.getByTestId('state').innerText();
  const value = (register: string): Promise<string> => page.locator(`[data-register=${register}]`).innerText();
  const listing = () => page.getByRole('grid', { name: 'Disassembly' });
  const current = () => listing().locator('.pc');
  const currentAddress = async (): Promise<string> => (await current().locator('.ad').innerText()).trim();
  const paused = (what: string): Promise<string> => eventually(state, (text) => text.includes('Paused'), what);

  it('says that a machine runs, and shows its registers and code once it is paused', async () => {
    await app.card('Lantern').click();
    await app.startSelected();
    await eventually(
      () => screenText(library(), 'lantern'),
      (text) => /lantern/i.test(text),
      'the kernel runs',
    );
    await page.keyboard.press('Control+Shift+I');
    await page.getByRole('tab', { name: 'Inspect', exact: true }).click();
    await page.getByText('Running. Pause the machine to see its registers.').waitFor();
    await page.keyboard.press('Control+F5');
    await paused('it is paused');
    await current().waitFor();
    expect((await value('eip')).trim()).toBe(await currentAddress());
    // The labels of the machine's own source are its symbols.
    await listing().locator('.lab').first().waitFor();
  });

  it('sets a breakpoint in the margin, which hits, and steps', async () => {
    await page.getByLabel('Address of code').fill('on_timer');
    await page.keyboard.press('Enter');
    const line = listing().locator('.lab:has-text("on_timer:") + [data-address]');
    const address = (await line.locator('.ad').innerText()).trim();
    await line.getByRole('button', { name: 'Set a breakpoint' }).click();
    await listing().locator('.bp').waitFor();
    await page.keyboard.press('F5');
    await eventually(state, (text) => text.includes('Stopped by breakpoint 1'), 'it hits');
    await eventually(currentAddress, (now) => now === address, 'the listing is there');
    await page.keyboard.press('F11');
    await eventually(currentAddress, (now) => now !== address, 'one step');
    await eventually(
      () => page.locator('[data-register=eip].ch').count(),
      (marked) => marked === 1,
      'EIP is marked as changed',
    );
  });

  it('changes a register, and says why it does not', async () => {
    await page.locator('[data-register=eax]').click();
    await page.getByLabel('New value of eax').fill('c0ffee');
    await page.keyboard.press('Enter');
    await eventually(
      () => value('eax'),
      (text) => text.trim() === '00c0ffee',
      'EAX has it',
    );
    const { registers } = await askHost(library(), (client) => client.debug.registers({ id: 'lantern', cpu: 0 }));
    expect(registers.find(({ name }) => name === 'eax')?.value).toBe(0xc0ffeen);
    await page.locator('[data-register=cr0]').click();
    await page.getByLabel('New value of cr0').fill('80000000');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('CR0 cannot have PG without PE').waitFor();
    await page.keyboard.press('Escape');
  });

  it('reads memory with what its page is, changes a byte, and shows who called', async () => {
    const memory = page.getByRole('grid', { name: 'Memory' });
    await page.getByLabel('Address of memory').fill('on_timer');
    await page.keyboard.press('Enter');
    await eventually(
      () => memory.innerText(),
      (text) => text.includes('4 KiB page') && text.includes('RAM, holds code'),
      'the page is described',
    );
    await page.getByLabel('Address of memory').fill('0');
    await page.keyboard.press('Enter');
    await memory.getByText('not present, nothing was read').first().waitFor();
    const { registers } = await askHost(library(), (client) => client.debug.registers({ id: 'lantern', cpu: 0 }));
    // Behind the top of the stack, where the guest keeps nothing.
    const address = Number(registers.find(({ name }) => name === 'esp')?.value) - 0x40;
    await page.getByLabel('Address of memory').fill('esp - 0x40');
    await page.keyboard.press('Enter');
    await eventually(
      () => memory.getAttribute('aria-activedescendant'),
      (chosen) => chosen === `byte-${address}`,
      'the panel is there',
    );
    await memory.focus();
    await page.keyboard.type('a5');
    await eventually(
      () =>
        askHost(library(), (client) =>
          client.debug.readMemory({ id: 'lantern', space: { kind: 'linear', cpu: 0 }, address, length: 1 }),
        ).then(({ bytes }) => bytes[0]),
      (byte) => byte === 0xa5,
      'the byte is written',
    );
    await inspectScreen(app, library(), 'inspector-memory', page);
    await page.getByRole('tab', { name: 'Stack', exact: true }).click();
    await page.getByRole('group', { name: 'Words of the stack' }).waitFor();
    expect(await page.locator('tr[data-breakpoint="1"] td.num').innerText()).toBe('1');
  });

  it('records where the guest jumps to, watches an expression, finds a symbol', async () => {
    await page.getByRole('tab', { name: 'Watches', exact: true }).click();
    await page.getByLabel('New watch').fill('dword[ticks]');
    await page.keyboard.press('Enter');
    const watched = page.locator('table[aria-label=Watches] td').nth(1);
    const ticks = await askHost(library(), async (client) => {
      const { address } = await client.debug.symbols.resolve({ id: 'lantern', cpu: 0, text: 'ticks' });
      const space = { kind: 'linear', cpu: 0 } as const;
      return Buffer.from((await client.debug.readMemory({ id: 'lantern', space, address, length: 4 })).bytes).readUInt32LE();
    });
    await eventually(
      () => watched.innerText(),
      (text) => text === ticks.toString(16).padStart(8, '0'),
      'the ticks are read',
    );
    await page.getByRole('tab', { name: 'Trace', exact: true }).click();
    await page.locator('[data-action=record]').click();
    await page.locator('[data-action=stop]').waitFor();
    await page.keyboard.press('F5');
    await eventually(
      () => page.getByRole('group', { name: 'Trace' }).innerText(),
      (text) => text.includes('on_timer'),
      'the way into the handler is recorded',
    );
    await page.locator('[data-action=stop]').click();
    await page.getByRole('tab', { name: 'FPU', exact: true }).click();
    await page.getByRole('tab', { name: 'Symbols', exact: true }).click();
    await page.getByLabel('Find a symbol').fill('on_timer');
    await page.getByRole('button', { name: 'on_timer', exact: false }).first().waitFor();
    await inspectScreen(app, library(), 'inspector-tools', page);
  });
});
