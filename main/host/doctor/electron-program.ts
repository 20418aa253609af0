import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../places.ts';

/** The app's program: this one, when it is run by it; else the one of a checkout; undefined where there is none. */
export function electronProgram(): string | undefined {
  if (process.versions['electron'] !== undefined) return process.execPath;
  const inCheckout = join(packageRoot(), 'node_modules/electron/dist/electron');
  return existsSync(inCheckout) ? inCheckout : undefined;
}

/** Chromium's sandbox helper beside it. */
export function sandboxHelper(program: string): string {
  return join(dirname(program), 'chrome-sandbox');
}
