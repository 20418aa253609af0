import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { screenText } from './host-client.ts';
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
    if (server && server.child.exitCode === null) {
      const ended = new Promise((resolve) => server.child.once('exit', resolve));
      server.child.kill('SIGTERM');
      await ended;
    }
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

  it('raised no error', () => {
    expect(complaints).toEqual([]);
  });
});
