import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PNG } from 'pngjs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endChild } from '../support/end-child.ts';
import { askHost, screenText } from './host-client.ts';
import { eventually, litPixels } from './screen.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CHROMIUM = '/usr/bin/chromium';

/** Starts `vitrine serve` and returns the address it prints. */
async function serve(library: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [path.join(ROOT, 'out/cli/vitrine.js'), 'serve', '--port', '0'], {
    env: { ...process.env, VITRINE_LIBRARY: library },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`vitrine serve printed no address: ${said}`)), 20_000);
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      const match = /http:\/\/\S+#token=[\w-]+/.exec(said);
      if (!match) return;
      clearTimeout(timer);
      resolve(match[0]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (status) => reject(new Error(`vitrine serve ended with ${status}: ${said}`)));
  });
  return { child, url };
}

describe.skipIf(!existsSync(CHROMIUM))('the same user interface in a browser', () => {
  let folder: string;
  let server: { child: ChildProcess; url: string };
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-e2e-'));
    server = await serve(path.join(folder, 'library'));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterAll(async () => {
    await browser?.close();
    await endChild(server?.child);
    rmSync(folder, { recursive: true, force: true });
  });

  it('is locked without the token', async () => {
    const stranger = await browser.newPage();
    await stranger.goto(new URL(server.url).origin);
    await stranger.getByText('This library is locked').waitFor();
    await stranger.close();
  });

  it('opens with the token, which then is nowhere in the address', async () => {
    await page.goto(server.url);
    await page.getByRole('option', { name: /Hello/ }).waitFor();
    expect(page.url()).not.toContain('token');
  });

  it('starts a sample, shows its screen, and takes keys', async () => {
    await page.getByRole('option', { name: /Hello/ }).click();
    await page.getByRole('complementary', { name: 'Details' }).locator('[data-action=start]').click();
    await page.getByRole('application').waitFor();
    await eventually(() => litPixels(page), (lit) => lit > 200, 'the text is seen in the page');
    await page.getByRole('application').click();
    await page.keyboard.type('browser', { delay: 40 });
    await eventually(() => screenText(path.join(folder, 'library'), 'hello'), (rows) => rows.includes('browser'), 'the guest echoes the keys');
    mkdirSync(path.join(ROOT, 'test-results/screens'), { recursive: true });
    await page.screenshot({ path: path.join(ROOT, 'test-results/screens/browser-console.png') });
    await page.keyboard.press('ControlRight');
  });

  it('goes back to the library and powers off', async () => {
    await page.getByRole('link', { name: 'Back to the library' }).click();
    await page.getByRole('complementary', { name: 'Details' }).locator('[data-action=power-off]').click();
    await page.getByRole('complementary', { name: 'Details' }).locator('[data-action=start]').waitFor();
  });

  it('is a display of its own on a phone, whose fingers the guest sees', async () => {
    const phone = await browser.newContext({ viewport: { width: 412, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
    const console = await phone.newPage();
    try {
      await console.goto(server.url);
      await console.getByRole('option', { name: /Two desks/ }).waitFor();
      const origin = new URL(server.url).origin;
      await askHost(path.join(folder, 'library'), (client) => client.machines.start({ id: 'two-desks' }));
      await console.goto(`${origin}/#/console/two-desks`);
      const library = path.join(folder, 'library');
      const state = () => askHost(library, (client) => client.display.state({ id: 'two-desks' }));
      const shown = await eventually(
        state,
        ({ outputs: [output] }) => output?.properties !== null && output?.right === true && output.properties.scale === 200,
        'the guest is the phone’s display',
      );
      const [output] = shown.outputs;
      expect(output?.properties?.width).toBeLessThanOrEqual(824);
      expect(output?.properties?.height).toBeGreaterThan(output?.properties?.width ?? 0);
      expect(shown.input).toMatchObject({ pointer: true });
      expect(shown.input.touchPoints).toBeGreaterThan(0);
      expect(shown.session?.name).toBe('Touch browser');
      await eventually(() => console.locator('.foot').innerText(), (words) => words.includes('Mouse: absolute'), 'the guest takes positions');
      const box = await console.getByTestId('screen').boundingBox();
      if (box === null) throw new Error('The screen has no place.');
      // The ring around a finger: 28 pixels from it, where the ground is dark otherwise.
      const ring = async (): Promise<boolean> => {
        const { png } = await askHost(library, (client) => client.display.screenshot({ id: 'two-desks', output: 0 }));
        const { data, width, height } = PNG.sync.read(Buffer.from(png));
        const [x, y] = [Math.round(width / 2), Math.round(height / 8) + 4];
        const bright = (column: number, row: number) => (data[4 * (row * width + column)] ?? 0) > 0xc0;
        return [-3, -2, -1, 0, 1, 2, 3].some((beside) => bright(x + 28 + beside, y) && bright(x - 28 + beside, y));
      };
      // A tap takes the keyboard, which makes the bar higher and the display lower; then down and held, by the browser's own developer tools.
      await console.touchscreen.tap(box.x + box.width / 2, box.y + box.height - 20);
      const tools = await phone.newCDPSession(console);
      expect(await ring()).toBe(false);
      const now = await eventually(
        async () => console.getByTestId('screen').boundingBox(),
        (place) => place !== null,
        'the screen has a place',
      );
      const at = { x: (now?.x ?? 0) + (now?.width ?? 0) / 2, y: (now?.y ?? 0) + (now?.height ?? 0) / 8 };
      await tools.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ ...at, id: 1 }] });
      await eventually(ring, (there) => there, 'the guest draws a ring around the finger');
      mkdirSync(path.join(ROOT, 'test-results/screens'), { recursive: true });
      await console.screenshot({ path: path.join(ROOT, 'test-results/screens/two-desks-phone.png') });
      await tools.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      await eventually(ring, (there) => !there, 'the ring is gone');
      // The keys that a phone's own keyboard lacks are there, large enough for a finger.
      const keys = console.getByRole('toolbar', { name: 'Keys' });
      for (const key of await keys.getByRole('button').all()) {
        const { width = 0, height = 0 } = (await key.boundingBox()) ?? {};
        expect([width >= 36, height >= 36]).toEqual([true, true]);
      }
      // Turned to its side it is another display.
      await console.setViewportSize({ width: 780, height: 412 });
      const turned = await eventually(
        state,
        ({ outputs: [one] }) => one?.right === true && one.properties?.orientation === 90,
        'the guest is the phone’s display on its side',
      );
      const onSide = turned.outputs[0]?.properties;
      expect(onSide?.width).toBeGreaterThan(onSide?.height ?? 0);
      const [across, ratio] = await console.locator('.mat').evaluate((mat) => [mat.getBoundingClientRect().width, devicePixelRatio] as const);
      expect(Math.abs((onSide?.width ?? 0) - across * ratio)).toBeLessThanOrEqual(6 * ratio + 1);
      await console.screenshot({ path: path.join(ROOT, 'test-results/screens/two-desks-phone-on-its-side.png') });
    } finally {
      await phone.close();
    }
    // The phone is gone without a word: nobody has the machine, and it stands still.
    await eventually(
      () => askHost(path.join(folder, 'library'), (client) => client.display.state({ id: 'two-desks' })),
      ({ phase }) => phase === 'suspended',
      'the machine stands still',
    );
  });

  it('raised no error', () => {
    expect(complaints).toEqual([]);
  });
});
