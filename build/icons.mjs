/** Draws assets/icons/vitrine.png from the SVG beside it, with Debian's Chromium. Run by hand when the icon changes. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { ROOT } from './prepare.mjs';

const SIZE = 256;
const folder = path.join(ROOT, 'assets/icons');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
try {
  const page = await browser.newPage({ viewport: { width: SIZE, height: SIZE } });
  const drawing = readFileSync(path.join(folder, 'vitrine.svg'), 'utf8');
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${SIZE}px;height:${SIZE}px}</style>${drawing}`);
  await page.screenshot({ path: path.join(folder, 'vitrine.png'), omitBackground: true });
} finally {
  await browser.close();
}
