import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { screenText } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

describe.skipIf(displayMissing() !== undefined)('the tables and chips of a running guest', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  const open = (title: string) => page.getByRole('tab', { name: title, exact: true }).first().click();
  const text = (region: string) => page.getByRole('region', { name: region, exact: true }).innerText();

  it('shows the walk to the next instruction, why another ends, and who maps its frame', async () => {
    await app.card('Lantern').click();
    await app.startSelected();
    await eventually(
      () => screenText(library(), 'lantern'),
      (said) => /lantern/i.test(said),
      'the kernel runs',
    );
    await page.keyboard.press('Control+Shift+I');
    await open('vCPUs live');
    await eventually(
      () => text('Charts of vCPUs'),
      (said) => /\d+ % busy/.test(said) && said.includes('HLT'),
      'a second was measured',
    );
    await open('Inspect');
    await open('Page walk');
    const address = page.getByLabel('Linear address', { exact: true });
    await address.fill('0xc0100004');
    await address.press('Enter');
    await eventually(
      () => text('Walk to the byte'),
      (said) => said.includes('The page-directory entry maps a page of 4 MiB itself.') && said.includes('00100004'),
      'the walk ends in a page',
    );
    await page.getByRole('button', { name: 'This frame' }).click();
    await eventually(
      () => text('Walk to the byte'),
      (said) => /00100000\s*page of 4 KiB/.test(said) && /c0100000\s*page of 4 MiB/.test(said),
      'the frame is mapped twice',
    );
    await inspectScreen(app, library(), 'page-walk', page);
    await address.fill('0xff0');
    await address.press('Enter');
    await eventually(
      () => text('Walk to the byte'),
      (said) => said.includes('The walk ends here. Bit 0, present, of the page-table entry is clear.'),
      'the walk ends',
    );
    await app.keepPicture(page, 'page-walk-ends');
  });

  it('shows descriptors, with the ones that registers hold and where gates lead', async () => {
    await open('Descriptors');
    await eventually(
      () => text('GDT'),
      (said) => said.includes('32-bit code') && /\bcs\b/.test(said),
      'the GDT',
    );
    await inspectScreen(app, library(), 'descriptors', page);
    await page.getByRole('radio', { name: 'IDT', exact: true }).click();
    await eventually(
      () => text('IDT'),
      (said) => said.includes('32-bit interrupt gate') && said.includes('#PF page fault'),
      'the IDT',
    );
    await app.keepPicture(page, 'descriptors-idt');
  });

  it('shows interrupt controllers and devices', async () => {
    await open('Interrupts');
    await eventually(
      () => text('Chips'),
      (said) => said.includes('20-27') && said.includes('IA32_APIC_BASE') && said.includes('Redirection'),
      'the controllers',
    );
    await app.keepPicture(page, 'interrupts');
    await open('Devices');
    await page.locator('[data-chip=pci]').click();
    await eventually(
      () => text('Chips'),
      (said) => said.includes('8254 interval timer') && said.includes('8086:29c0'),
      'the devices',
    );
    await inspectScreen(app, library(), 'devices', page);
    await page.keyboard.press('Control+1');
    await open('vCPUs live');
    await eventually(
      () => text('Charts of vCPUs'),
      (said) => said.includes('% busy'),
      'another second was measured',
    );
    await inspectScreen(app, library(), 'vcpu-charts', page);
    expect(await page.getByTestId('state').innerText()).toContain('Running');
  });
});
