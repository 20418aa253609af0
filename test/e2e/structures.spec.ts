import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { screenText } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

describe.skipIf(displayMissing() !== undefined)('the structures of a running guest', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  it('are shown by profile, live, with what is wrong with an entry, and by expressions', async () => {
    await app.card('Lantern').click();
    await app.startSelected();
    await eventually(
      () => screenText(library(), 'lantern'),
      (text) => /lantern/i.test(text),
      'the kernel runs',
    );
    await page.keyboard.press('Control+Shift+I');
    await page.getByRole('tab', { name: 'Inspect', exact: true }).click();
    await page.getByRole('tab', { name: 'Structures' }).first().click();
    const tree = page.getByRole('tree').first();
    await eventually(
      () => tree.innerText(),
      (text) => text.includes('32-bit code, readable') && text.includes('not present: using it gives #NP'),
      'the GDT',
    );
    await inspectScreen(app, library(), 'structures', page);

    await page.getByLabel('Profile', { exact: true }).selectOption({ label: 'Lantern' });
    await page.getByLabel('View', { exact: true }).selectOption({ label: 'Exception names' });
    await eventually(
      () => tree.innerText(),
      (text) => text.includes('"general protection"'),
      'the kernel’s own table',
    );
    const expression = page.getByLabel('Expression', { exact: true });
    await expression.fill('*(u32 *)0xff0');
    await expression.press('Enter');
    await eventually(
      () => tree.innerText(),
      (text) => text.includes('#PF(0x0) at linear 0xff0: not present'),
      'what cannot be read',
    );
    await expression.fill('nothing');
    await expression.press('Enter');
    await eventually(
      () => page.locator('.whole').innerText(),
      (text) => text.includes('There is no symbol nothing'),
      'a sentence',
    );
    expect(await page.getByTestId('state').innerText()).toContain('Running');
  });
});
