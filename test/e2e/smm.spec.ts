import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

/** Scancodes of the lab's keys that start and stop its storm, and its thieves. */
const SPACE = 0x39;
const THIEVES = 0x14;

describe.skipIf(displayMissing() !== undefined)('the view of System Management Mode', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  const press = (code: number) =>
    askHost(library(), (client) =>
      client.machines.input({ id: 'smm-lab', input: { kind: 'scancodes', bytes: [code, code | 0x80] } }),
    );

  it('shows the lab’s rendezvous', async () => {
    await app.card('SMM lab').click();
    await app.startSelected();
    await eventually(
      () => screenText(library(), 'smm-lab'),
      (text) => /nobody outside of SMM has seen/.test(text),
      'the lab runs',
    );
    await eventually(
      () => askHost(library(), (client) => client.smm.state({ id: 'smm-lab' })),
      ({ statistics }) => statistics.entries > 100,
      'a storm',
    );
    // The storm keeps four processors busy and leaves the page little time.
    await askHost(library(), (client) => client.machines.pause({ id: 'smm-lab' }));
    await page.keyboard.press('Control+Shift+I');
    await page.getByRole('tab', { name: 'SMM', exact: true }).click();
    const timeline = page.getByRole('group', { name: /^Timeline/ });
    await timeline.waitFor();
    await eventually(
      () => timeline.getAttribute('aria-label'),
      (text) => /Rendezvous [\d,]+: [\d.]+ [µm]s from request/.test(text ?? ''),
      'a rendezvous is framed',
    );
    for (const cpu of [0, 1, 2, 3])
      await expect(
        timeline
          .locator('text')
          .filter({ hasText: `vCPU ${cpu}` })
          .first()
          .isVisible(),
      ).resolves.toBe(true);
    await inspectScreen(app, library(), 'smm', page);
  });

  it('holds at a chosen rendezvous, with the save state of who entered first', async () => {
    await page.locator('tr[data-number]').nth(3).click();
    await eventually(
      () => page.locator('.code').filter({ hasText: 'smbase' }).first().innerText(),
      (text) => /eip/i.test(text),
      'the save state is decoded',
    );
    await page.getByRole('button', { name: 'Show the newest again' }).click();
  });

  it('injects an SMI, and pauses the machine at the next entry when asked to', async () => {
    const timeline = page.getByRole('group', { name: /^Timeline/ });
    const newest = async () =>
      Number(/Rendezvous ([\d,]+):/.exec((await timeline.getAttribute('aria-label')) ?? '')?.[1]?.replaceAll(',', ''));
    const before = await newest();
    await askHost(library(), (client) => client.machines.resume({ id: 'smm-lab' }));
    for (const key of [SPACE, THIEVES]) await press(key);
    const state = () => page.getByTestId('state').innerText();
    await eventually(state, (text) => text.includes('Running'), 'the page shows that it runs');
    await page.locator('[data-action=inject]').first().click();
    await page.getByRole('menuitemcheckbox', { name: 'Pause at each entry' }).click();
    await page.locator('[data-action=inject]').first().click();
    await page.getByRole('menuitem', { name: 'To vCPU 1' }).click();
    await eventually(state, (text) => text.includes('Paused'), 'the machine is paused at an entry');
    await eventually(newest, (number) => number > before, 'what happened meanwhile is shown');
    await app.keepPicture(page, 'smm-paused');
  });
});
