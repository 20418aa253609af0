import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { inspectScreen } from './accessibility.ts';
import type { DesktopApp } from './desktop-app.ts';
import { displayMissing } from './display-server.ts';
import { screenText } from './host-client.ts';
import { eventually, litPixels } from './screen.ts';
import { withDesktopApp } from './with-desktop-app.ts';

const missing = displayMissing();

describe.skipIf(missing !== undefined)('the workbench of a machine', () => {
  let app: DesktopApp;
  let page: Page;
  const library = withDesktopApp((launched) => {
    app = launched;
    page = app.library;
  });

  const group = (title: string): ReturnType<Page['locator']> =>
    page.locator('.dv-groupview').filter({ has: page.getByRole('tab', { name: title, exact: true }) });
  const layoutMenu = async (title: string, item: string): Promise<void> => {
    await group(title)
      .getByRole('button', { name: /^Layout of/ })
      .click();
    await page.getByRole('menuitem', { name: item }).click();
  };
  const open = async (): Promise<void> => {
    await app.card('Hello').click();
    await page.keyboard.press('Control+Shift+I');
    await page.getByRole('tab', { name: 'Console', exact: true }).last().waitFor();
  };
  const inspect = (name: string): Promise<void> => inspectScreen(app, library(), name, page);

  it('opens by a key, with the console docked, and starts the machine there', async () => {
    await open();
    await page.locator('.machinebar [data-action=start]').click();
    await eventually(
      () => page.getByTestId('state').innerText(),
      (state) => state.includes('Running'),
      'the bar says Running',
    );
    await eventually(
      () => litPixels(page),
      (lit) => lit > 200,
      'the text is seen in the panel',
    );
    await inspect('workbench');
  });

  it('sends keys into the guest from the docked console, and says so', async () => {
    await page.getByRole('application').click();
    await page.getByText('Keys go into the guest').waitFor();
    await page.keyboard.type('docked', { delay: 40 });
    await eventually(
      () => screenText(library(), 'hello'),
      (rows) => rows.includes('docked'),
      'the guest echoes the keys',
    );
    await page.keyboard.press('ControlRight');
  });

  it('moves a panel by its menu, goes along the groups by F6, and keeps the layout for the machine', async () => {
    await layoutMenu('Machine', 'To the group of Console');
    await expect.poll(() => group('Console').getByRole('tab').count()).toBe(2);
    await page.keyboard.press('F6');
    await page.keyboard.press('F6');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tab');
    await page.getByRole('link', { name: 'Library' }).click();
    await open();
    await expect.poll(() => group('Console').getByRole('tab').count()).toBe(2);
    await page.getByRole('button', { name: /^Layout: Console/ }).click();
    await expect.poll(() => group('Console').getByRole('tab').count()).toBe(1);
  });

  it('lets the console be pulled out into a window, and docked again', async () => {
    const [window] = await Promise.all([app.electron.waitForEvent('window'), page.locator('[data-action=pull-out]').click()]);
    await eventually(
      () => litPixels(window),
      (lit) => lit > 200,
      'the text is seen in the window',
    );
    await expect.poll(() => page.getByRole('tab', { name: 'Console', exact: true }).count()).toBe(1);
    await page.getByRole('link', { name: 'Library' }).click();
    const closed = window.waitForEvent('close');
    await window.locator('[data-action=dock]').click();
    await closed;
    await eventually(
      () => litPixels(page),
      (lit) => lit > 200,
      'the text is seen in the panel again',
    );
  });

  it('stays whole at 200 %', async () => {
    await app.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.setZoomFactor(2));
    await eventually(
      () => page.evaluate(() => devicePixelRatio),
      (ratio) => ratio === 2,
      'the page is zoomed',
    );
    const right = async (): Promise<number> =>
      page.evaluate(() =>
        Math.max(...[...document.querySelectorAll('.dv-groupview')].map((one) => one.getBoundingClientRect().right)),
      );
    await eventually(right, (end) => end <= 640, 'the groups are within the window');
    await app.keepWindowPicture(page, 'workbench-200');
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
    await app.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.setZoomFactor(1));
  });

  it('powers off from its bar, and raised no error', async () => {
    await page.locator('.machinebar [data-action=power-off]').click();
    await eventually(
      () => page.getByTestId('state').innerText(),
      (state) => state.includes('Off'),
      'the bar says Off',
    );
    expect(app.complaints).toEqual([]);
  });
});
