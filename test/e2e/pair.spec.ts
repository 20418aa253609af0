/**
 * A pair as a person makes it: by a click, from the library's menu. A client talks to Bank clerk over TCP all the while; its primary is killed from the
 * panel, it is protected again, and ended. Every answer comes once, in order and right, by a second clerk.
 */
import { connect, type Socket } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { ClerkOracle } from '../../engine/tolerance/testing/clerk.ts';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

const clerk = 'bank-clerk';
/** A pair is made of three processes, on a computer that may be busy. */
const patience = 60_000;

describe.skipIf(displayMissing() !== undefined)('the view of a pair', () => {
  let app: DesktopApp;
  let page: Page;
  let client: Socket | undefined;
  let said = '';
  const pids = new Set<number>();
  const oracle = new ClerkOracle();
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });
  afterAll(() => {
    client?.destroy();
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  });

  const status = async () => {
    const now = await askHost(library(), (host) => host.pairs.status({ id: clerk }));
    for (const one of [now.gateway, now.sides.a, now.sides.b]) if (one) pids.add(one.pid);
    return now;
  };
  const badge = () => page.getByTestId('pair-badge').innerText();
  /** Ten requests at once; their answers, each as the oracle has it. */
  async function talk(): Promise<void> {
    const before = said.length;
    const parts = Array.from({ length: 10 }, (_, at) => oracle.next(at * 7, 100 + at));
    client?.write(parts.map(({ request }) => request).join(''));
    const wanted = parts.map(({ answer }) => answer).join('');
    await eventually(
      () => Promise.resolve(said.slice(before)),
      (text) => text.length >= wanted.length,
      'the clerk answers',
      patience,
    );
    expect(said.slice(before)).toBe(wanted);
  }

  it('is opened from the menu of a machine that is off, and says what is in the way', async () => {
    await app.card('Bank clerk').click();
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.locator('[data-action=protect]').click();
    await eventually(() => page.locator('[data-point]').count(), (count) => count >= 8, 'the points of the pre-flight list');
    expect(await page.locator('[data-state=blocks]').count()).toBe(0);
    // One that is on is in its own way; the list has the button that mends it.
    await page.getByRole('region', { name: 'Machine' }).locator('[data-action=start]').click();
    await page.locator('[data-point=state][data-state=blocks]').waitFor();
    expect(await page.locator('[data-action=create-pair]').isDisabled()).toBe(true);
    await inspectScreen(app, library(), 'pair-preflight', page);
    await page.locator('[data-mend=powerOff]').click();
    await page.locator('[data-point=state][data-state=ok]').waitFor();
  });

  it('makes a pair by a click, which answers a client', async () => {
    // Slow hosts: a side that is killed closes its link, so long limits cost nothing.
    await page.getByTestId('pair-gone').fill('30000');
    await page.getByTestId('pair-late').fill('10000');
    await page.locator('[data-action=create-pair]').click();
    await eventually(badge, (word) => word === 'Protected', 'it is protected', patience);
    const { gateway, primary } = await status();
    expect(primary).toBe('a');
    client = connect(gateway?.port ?? 0, '127.0.0.1');
    client.on('data', (bytes) => (said += bytes.toString('latin1')));
    await eventually(() => Promise.resolve(said), (text) => text.endsWith('ready\n') || text.length > 0, 'the clerk greets');
    said = '';
    await talk();
    await eventually(() => page.locator('[data-side] canvas').count(), (count) => count === 2, 'both screens');
    await eventually(() => page.locator('tr[data-event=resync]').count(), (count) => count > 0, 'the first resync in the table');
    const state = page.getByTestId('pair-state');
    await eventually(() => state.innerText(), (text) => /this host, local sockets, \d+\.\d\d ms/u.test(text) && /% of the time, vCPUs stopped/u.test(text), 'the round trip and what it costs');
  });

  it('shows what its client saw, and how long each request took', async () => {
    await page.getByRole('tab', { name: 'Client’s view' }).click();
    const view = page.getByTestId('pair-client');
    const last = said.trimEnd().split('\n').at(-1) ?? '';
    await eventually(() => view.innerText(), (text) => text.includes(last), 'the last answer');
    await page.getByRole('tab', { name: 'Pair requests' }).click();
    const requests = page.locator('tr[data-request]');
    await eventually(() => requests.count(), (count) => count > 0, 'the requests');
    expect(await requests.last().innerText()).toMatch(/1 \d+ \d+·/u);
    expect(await requests.last().innerText()).toMatch(/[\d.,]+ ms/u);
    await page.setViewportSize({ width: 1440, height: 900 });
    await inspectScreen(app, library(), 'pair-client', page);
    // What comes meanwhile takes nobody's focus.
    const region = page.getByRole('region', { name: 'What left by COM1' });
    await region.focus();
    await talk();
    const newest = said.trimEnd().split('\n').at(-1) ?? '';
    await eventually(() => view.innerText(), (text) => text.includes(newest), 'the newest answer');
    expect(await region.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.locator('[data-mode=hex]').click();
    await app.keepPicture(page, 'pair-client-hex');
    await page.locator('[data-mode=text]').click();
    await page.getByRole('tab', { name: 'Both screens' }).click();
    await page.getByRole('tab', { name: 'Events' }).click();
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  it('resyncs for a byte that differs, and shows where', async () => {
    await page.locator('[data-fault=flip-output]').click();
    await eventually(() => page.getByText('done.').count(), (count) => count > 0, 'the fault is injected');
    await talk();
    const divergence = page.getByTestId('divergence');
    await eventually(() => divergence.innerText(), (text) => text.includes('the first serial port'), 'the divergence');
    expect(await divergence.locator('.ch').count()).toBeGreaterThan(0);
    expect(await divergence.innerText()).toContain('Both said before:');
    expect(await divergence.getByTestId('difference').innerText()).toMatch(/Instructions until then: [\d,]+ on the primary, [\d,]+ on the secondary\./);
    await app.keepPicture(page, 'pair-divergence');
    await inspectScreen(app, library(), 'pair-protected', page);
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.locator('tr[data-event=resync]').first().click();
    await inspectScreen(app, library(), 'pair-wide', page);
    await page.locator('[data-action=filter-events]').click();
    await page.locator('[data-kind=fault]').click();
    await app.keepPicture(page, 'pair-filter');
    expect(await page.locator('tr[data-event=fault]').count()).toBe(0);
    await page.getByRole('menuitem', { name: 'Show all' }).click();
    await page.setViewportSize({ width: 960, height: 700 });
    await inspectScreen(app, library(), 'pair-960', page);
    // As a page of 1280 by 800 at 200 %.
    await page.setViewportSize({ width: 640, height: 400 });
    await app.keepPicture(page, 'pair-640');
    await page.setViewportSize({ width: 1280, height: 800 });
    // A register of either side can be chosen; nothing outside tells.
    await page.getByLabel('Flip a register: whose').selectOption('primary');
    await page.locator('[data-choice=register]').selectOption('ebp');
    await page.locator('[data-fault=flip-register]').click();
    await page.getByText('Flip a register: done.').waitFor();
    await talk();
  });

  it('goes on when its primary is killed from the panel, says why it is unprotected, and is protected again by a click', async () => {
    await page.locator('[data-fault=kill-primary]').click();
    await eventually(badge, (word) => word === 'Unprotected', 'it is unprotected', patience);
    expect(await page.getByTestId('pair-reason').innerText()).toContain('took over');
    await talk();
    await eventually(() => page.locator('tr[data-event=fault]').first().innerText(), (text) => text.includes('Killed on purpose'), 'the fault in the table');
    await inspectScreen(app, library(), 'pair-unprotected', page);
    await page.setViewportSize({ width: 960, height: 700 });
    await app.keepPicture(page, 'pair-narrow');
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator('[data-action=reprotect]').click();
    await eventually(badge, (word) => word === 'Protected', 'it is protected again', patience);
    expect(await status()).toMatchObject({ primary: 'b', sides: { a: { role: 'secondary' } } });
    await talk();
  });

  it('is one machine of the library, and suspended when it has ended', async () => {
    await page.getByRole('link', { name: 'Library' }).click();
    await eventually(() => app.card('Bank clerk').innerText(), (text) => text.includes('Protected'), 'the card');
    // Both sides' screens, by the host's next look.
    await eventually(() => app.card('Bank clerk').locator('img').count(), (count) => count === 2, 'both screens in the library', patience);
    await inspectScreen(app, library(), 'pair-library', page);
    await page.getByRole('complementary', { name: 'Details' }).locator('[data-action=pair]').click();
    await page.locator('[data-action=end-pair]').click();
    await page.locator('[data-action=end-pair-now]').click();
    await page.locator('[data-point=state][data-state=blocks]').waitFor({ timeout: patience });
    const entry = await askHost(library(), (host) => host.library.get({ id: clerk }));
    expect(entry).toMatchObject({ state: 'suspended', pair: null });
    // A screen whose machine was killed says that it lost its connection, and may have tried to get it again.
    expect(app.complaints.filter((text) => !/Connection closed|WebSocket connection to/u.test(text))).toEqual([]);
  });
});
