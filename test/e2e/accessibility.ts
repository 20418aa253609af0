import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { DesktopApp } from './desktop-app.ts';
import { askHost } from './host-client.ts';
import { eventually } from './screen.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds that keeps people out: serious and critical, one line each with the element. */
export async function barriers(page: Page): Promise<string[]> {
  // By the driver, which the page's policy does not hold.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    interface Found {
      violations: { id: string; impact: string | null; nodes: { html: string; failureSummary?: string }[] }[];
    }
    const { axe } = globalThis as unknown as { axe: { run(): Promise<Found> } };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary?.split('\n')[1] ?? ''}`),
      );
  });
}

/** A picture of a screen in light and dark, and no barrier in either. */
export async function inspectScreen(app: DesktopApp, library: string, name: string, at: Page): Promise<void> {
  const found: string[] = [];
  for (const theme of ['dark', 'light'] as const) {
    await askHost(library, (client) => client.application.settings.set({ theme }));
    await eventually(
      () => at.evaluate(() => document.documentElement.dataset['theme']),
      (now) => now === theme,
      `the theme is ${theme}`,
    );
    await app.keepPicture(at, `${name}-${theme}`);
    found.push(...(await barriers(at)).map((barrier) => `${theme}: ${barrier}`));
  }
  expect(found.join('\n'), name).toBe('');
}
