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
  });

  it('resyncs for a byte that differs, and shows where', async () => {
    await page.locator('[data-fault=flip-output]').click();
    await eventually(() => page.getByText('done.').count(), (count) => count > 0, 'the fault is injected');
    await talk();
    await page.getByRole('tab', { name: 'Last divergence' }).click();
    const divergence = page.getByTestId('divergence');
    await eventually(() => divergence.innerText(), (text) => text.includes('the first serial port'), 'the divergence');
    expect(await divergence.locator('.ch').count()).toBeGreaterThan(0);
    expect(await divergence.innerText()).toContain('Both said before:');
    expect(await divergence.getByTestId('difference').innerText()).toMatch(/Instructions until then: [\d,]+ on the primary, [\d,]+ on the secondary\./);
    await app.keepPicture(page, 'pair-divergence');
    await page.getByRole('tab', { name: 'Events' }).click();
    await inspectScreen(app, library(), 'pair-protected', page);
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
    await app.keepPicture(page, 'pair-library');
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
