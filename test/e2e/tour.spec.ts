import type { Page } from 'playwright-core';
import { describe, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { withDesktopApp } from './with-desktop-app.ts';

describe.skipIf(displayMissing() !== undefined)('the tour', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });
  const tour = () => page.getByTestId('tour');
  const at = (title: string): Promise<void> => tour().getByText(`${title}.`, { exact: true }).waitFor();

  it('goes from the first line to a report, each step by doing it', async () => {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator('[data-action=tour]').click();
    await at('Write');
    const code = page.getByTestId('code');
    await code.locator('.view-line', { hasText: 'wrong' }).click({ position: { x: 4, y: 8 } });
    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+End');
    await page.keyboard.type('add al, 1');
    await page.keyboard.press('Escape');
    await at('Run');
    await page.locator('[data-action=run]').click();
    await at('Break');
    await inspectScreen(app, library(), 'tour', page);
    await code.locator('.line-numbers', { hasText: /^[\s\u00a0]*8[\s\u00a0]/ }).click();
    await at('Look');
    await page.locator('[data-action=step-line]').click();
    await at('Report');
    await page.locator('[data-action=report]').click();
    await at('That was it');
    await page.locator('[data-action=tour-end]').click();
    await tour().waitFor({ state: 'hidden' });
  });
});
