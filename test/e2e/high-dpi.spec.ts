/** A console on a screen of two device pixels a CSS pixel: the guest has each of them, and knows that they are small. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { askHost } from './host-client.ts';
import { eventually } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

const PICTURES = path.resolve(import.meta.dirname, '../../test-results/screens');

describe.skipIf(displayMissing() !== undefined)('a console on a screen of high density', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp(
    (started) => {
      app = started;
    },
    ['--force-device-scale-factor=2'],
  );
  const state = () => askHost(library(), (client) => client.display.state({ id: 'two-desks' }));

  it('gives the guest device pixels, and a scale of 200 %', async () => {
    await app.card('Two desks').click();
    page = await app.startSelected();
    await page.getByTestId('screen').waitFor();
    expect(await page.evaluate(() => devicePixelRatio)).toBe(2);
    const [room, output] = await eventually(
      async () => {
        const { outputs } = await state();
        const css = await page.locator('.mat').evaluate((mat) => {
          const style = getComputedStyle(mat);
          return { width: mat.clientWidth - 2 * parseFloat(style.paddingLeft), height: mat.clientHeight - 2 * parseFloat(style.paddingTop) };
        });
        return [css, outputs[0]] as const;
      },
      ([css, now]) => now?.right === true && now.properties?.width === Math.round(css.width * 2) && now.properties.height === Math.round(css.height * 2),
      'the guest is as large as the window in device pixels',
      60_000,
    );
    expect(output?.properties).toMatchObject({ scale: 200, orientation: 0 });
    // 96 CSS pixels an inch, whatever the density.
    expect(output?.properties?.millimetres?.width).toBe(Math.round((room.width * 25.4) / 96));
  });

  it('shows each pixel of the guest as one of the screen', async () => {
    const same = async (): Promise<{ share: number; shown: Buffer }> => {
      const { png } = await askHost(library(), (client) => client.display.screenshot({ id: 'two-desks', output: 0 }));
      const guest = PNG.sync.read(Buffer.from(png));
      const box = await page.getByTestId('screen').boundingBox();
      if (box === null) throw new Error('The screen has no place.');
      const shown = await page.screenshot({ scale: 'device' });
      const window = PNG.sync.read(shown);
      const [left, top] = [Math.round(box.x * 2), Math.round(box.y * 2)];
      let equal = 0;
      for (let y = 0; y < guest.height; y++) {
        for (let x = 0; x < guest.width; x++) {
          const from = 4 * (y * guest.width + x);
          const to = 4 * ((top + y) * window.width + left + x);
          if ([0, 1, 2].every((part) => guest.data[from + part] === window.data[to + part])) equal++;
        }
      }
      return { share: equal / (guest.width * guest.height), shown };
    };
    const { shown } = await eventually(same, ({ share }) => share > 0.999, 'the window shows the guest’s pixels one for one', 60_000);
    mkdirSync(PICTURES, { recursive: true });
    writeFileSync(path.join(PICTURES, 'two-desks-high-dpi.png'), shown);
  });
});
