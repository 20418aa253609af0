import { setTimeout as wait } from 'node:timers/promises';
import { PNG } from 'pngjs';
import type { Page } from 'playwright-core';

/** Asks again until the answer is yes or the time is up; the last answer is what is told then. */
export async function eventually<Value>(ask: () => Promise<Value>, good: (value: Value) => boolean, what: string, milliseconds = 20_000): Promise<Value> {
  const end = Date.now() + milliseconds;
  let last: Value | undefined;
  let failure: unknown;
  while (Date.now() < end) {
    try {
      last = await ask();
      if (good(last)) return last;
    } catch (error) {
      failure = error;
    }
    await wait(150);
  }
  throw new Error(`${what}: not within ${milliseconds / 1000} s. Last: ${JSON.stringify(last)?.slice(0, 2000)}`, { cause: failure });
}

/** How many pixels of the console's own picture are not black: what a person sees, not what a machine says it shows. */
export async function litPixels(page: Page): Promise<number> {
  const { data } = PNG.sync.read(await page.getByTestId('screen').locator('canvas').screenshot());
  let lit = 0;
  for (let at = 0; at < data.length; at += 4) if ((data[at] ?? 0) + (data[at + 1] ?? 0) + (data[at + 2] ?? 0) > 96) lit++;
  return lit;
}
