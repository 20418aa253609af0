/**
 * Draws what the systems want from assets/icons/vitrine.svg, with Debian's Chromium: PNGs for Linux, an ICO for Windows, an ICNS for
 * macOS. Run by hand when the icon changes; what it writes is committed.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { icnsFile, icoFile } from './icon-files.mjs';
import { ROOT } from './prepare.mjs';

const SIZES = [16, 24, 32, 48, 64, 128, 256, 512, 1024];
const folder = path.join(ROOT, 'assets/icons');
const drawing = readFileSync(path.join(folder, 'vitrine.svg'), 'utf8');
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
const drawn = new Map();
try {
  const page = await browser.newPage();
  for (const size of SIZES) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`);
    drawn.set(size, await page.screenshot({ omitBackground: true }));
  }
} finally {
  await browser.close();
}
const pictures = (...sizes) => sizes.map((size) => ({ size, png: drawn.get(size) }));
mkdirSync(path.join(folder, 'set'), { recursive: true });
for (const { size, png } of pictures(16, 24, 32, 48, 64, 128, 256, 512))
  writeFileSync(path.join(folder, 'set', `${size}x${size}.png`), png);
writeFileSync(path.join(folder, 'vitrine.png'), drawn.get(256));
writeFileSync(path.join(folder, 'vitrine.ico'), icoFile(pictures(16, 24, 32, 48, 64, 256)));
writeFileSync(path.join(folder, 'vitrine.icns'), icnsFile(pictures(16, 32, 64, 128, 256, 512, 1024)));
