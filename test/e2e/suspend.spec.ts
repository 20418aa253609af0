import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DesktopApp } from './desktop-app.ts';
import { displayMissing, startDisplay, type DisplayServer } from './display-server.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually, litPixels } from './screen.ts';

const missing = displayMissing();

describe.skipIf(missing !== undefined)('a machine that runs when the app quits', () => {
  let folder: string;
  let display: DisplayServer;
  let app: DesktopApp;
  let before: string;
  let uptime: number;

  const library = (): string => path.join(folder, 'library');
  const state = (): string => path.join(library(), 'lantern', 'suspended.vst');
  const rows = (): Promise<string> => screenText(library(), 'lantern');
  const say = (text: string) => askHost(library(), (client) => client.machines.typeText({ id: 'lantern', text }));

  /** Seconds since the guest started, by its own clock. */
  async function askUptime(): Promise<number> {
    const answers = (text: string) => [...text.matchAll(/up +(\d+)\S* seconds/g)].length;
    const had = answers(await rows());
    await say('ticks\n');
    const text = await eventually(rows, (now) => answers(now) > had, 'the guest tells its uptime');
    return Number([...text.matchAll(/up +(\d+)\S* seconds/g)].at(-1)?.[1]);
  }

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-e2e-'));
    display = await startDisplay();
    app = await DesktopApp.launch(folder, display.name);
  });
  afterAll(async () => {
    await app?.close();
    await display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is suspended by quitting', async () => {
    await app.card('Lantern').click();
    await app.startSelected();
    await eventually(rows, (text) => text.includes('lantern:/#'), 'the shell is there');
    uptime = await askUptime();
    await say('help me to remember');
    before = await eventually(rows, (text) => text.includes('help me to remember'), 'the keys are echoed');
    await app.close();
    expect(existsSync(state())).toBe(true);
  });

  it('is shown as suspended at the next start, with its last picture', async () => {
    app = await DesktopApp.launch(folder, display.name);
    await eventually(() => app.card('Lantern').innerText(), (text) => /Suspended .*, \d.*(KiB|MiB) kept/.test(text), 'its card says suspended');
    await app.card('Lantern').locator('img').waitFor();
    await app.card('Lantern').click();
    await app.library.getByRole('button', { name: 'Discard state' }).waitFor();
    await app.keepPicture(app.library, 'library-suspended-light');
  });

  it('goes on where it was: the same screen, its uptime, and keys', async () => {
    const [console] = await Promise.all([
      app.electron.waitForEvent('window') as Promise<Page>,
      app.library.getByRole('complementary', { name: 'Details' }).locator('[data-action=resume]').click(),
    ]);
    expect(await rows()).toBe(before);
    expect(existsSync(state())).toBe(false);
    await eventually(() => litPixels(console), (lit) => lit > 200, 'its screen is seen again');
    await console.getByRole('application').click();
    await console.keyboard.type(' all', { delay: 40 });
    await eventually(rows, (text) => text.includes('help me to remember all'), 'typed keys are echoed');
    await say('\n');
    expect(await askUptime()).toBeGreaterThanOrEqual(uptime);
  });

  it('can be suspended by hand, and its state discarded after a question', async () => {
    await app.library.getByRole('complementary', { name: 'Details' }).locator('[data-action=suspend]').click();
    await app.library.getByRole('button', { name: 'Discard state' }).click();
    await app.library.locator('[data-action=discard-now]').click();
    await eventually(() => app.card('Lantern').innerText(), (text) => text.includes('Off.'), 'its card says off');
    expect(existsSync(state())).toBe(false);
  });
});
