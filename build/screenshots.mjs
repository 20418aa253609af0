/**
 * Makes the pictures of the documents: the built app in Electron on an Xvfb of its own, with the samples running.
 * `node build/screenshots.mjs` writes docs/images/*.png.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { _electron } from 'playwright-core';
import { bundle } from './bundle.mjs';
import { ensureElectron } from './electron.mjs';
import { ROOT } from './prepare.mjs';

const IMAGES = path.join(ROOT, 'docs/images');
const KEYS_MILLISECONDS = 30;

await bundle();
const executablePath = await ensureElectron();
const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-pictures-'));
const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1600x1000x24', '-nolisten', 'tcp'], {
  stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
});
try {
  const display = await new Promise((resolve) => server.stdio[3].once('data', (chunk) => resolve(`:${String(chunk).trim()}`)));
  const app = await _electron.launch({
    executablePath,
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), `--user-data-dir=${folder}/profile`, ROOT],
    env: { ...process.env, DISPLAY: display, VITRINE_LIBRARY: path.join(folder, 'library') },
  });
  const library = await app.firstWindow();
  const start = async (name) => {
    await library.getByRole('option', { name: new RegExp(`^${name}`) }).click();
    const [console] = await Promise.all([app.waitForEvent('window'), library.locator('.det [data-action=start]').click()]);
    await console.waitForTimeout(2500);
    return console;
  };
  const type = async (page, ...lines) => {
    await page.getByRole('application').click();
    for (const line of lines) {
      await page.keyboard.type(line, { delay: KEYS_MILLISECONDS });
      await page.keyboard.press('Enter');
      await page.waitForTimeout(400);
    }
  };
  await type(await start('Hello'), 'A vitrine is a glass case;', 'what runs inside can be looked at from all sides.');
  const lantern = await start('Lantern');
  await type(lantern, 'help', 'regs');
  // The library looks at its machines' screens every few seconds.
  await library.waitForTimeout(6000);
  mkdirSync(IMAGES, { recursive: true });
  await lantern.getByRole('application').click();
  await lantern.screenshot({ path: path.join(IMAGES, 'console.png') });
  await library.screenshot({ path: path.join(IMAGES, 'library.png') });
  await library.evaluate(() => (document.documentElement.dataset.theme = 'dark'));
  await library.screenshot({ path: path.join(IMAGES, 'library-dark.png') });
  await library.locator('[data-entry=lantern]').click();
  await lantern.close();
  await library.locator('.det [data-action=workbench]').click();
  await library.waitForTimeout(2500);
  await library.screenshot({ path: path.join(IMAGES, 'workbench-dark.png') });
  await library.evaluate(() => (document.documentElement.dataset.theme = 'light'));
  await library.getByRole('link', { name: 'Library' }).click();
  for (let machines = 2; machines > 0; machines--) {
    await library.locator('[data-entry]').first().click();
    await library.locator('.det [data-action=power-off]').click();
    await library.waitForTimeout(500);
  }
  await app.close();
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
