import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { APP_PACKAGES, missingPackages } from '../../build/prepare.mjs';

/** A display of its own for one test file; ended by its process, never by name. */
export interface DisplayServer {
  /** The value of DISPLAY. */
  name: string;
  close(): Promise<void>;
}

const START_MILLISECONDS = 15_000;

/** What Electron and its display lack on this computer, as Debian calls it; undefined when nothing. */
export function displayMissing(): string | undefined {
  const missing = missingPackages(APP_PACKAGES);
  return missing.length > 0 ? `not installed: ${missing.join(' ')}` : undefined;
}

/** Starts Xvfb, which chooses a free number and says which. It stays as it is when its last client goes: a reset would turn the next one away. */
export async function startDisplay(width = 1600, height = 1000): Promise<DisplayServer> {
  const child: ChildProcess = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp', '-noreset'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const number = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Xvfb did not start.')), START_MILLISECONDS);
    child.once('error', reject);
    (child.stdio[3] as Readable).once('data', (chunk: Buffer) => {
      clearTimeout(timer);
      resolve(chunk.toString().trim());
    });
  });
  return {
    name: `:${number}`,
    async close() {
      child.kill();
      await ended;
    },
  };
}
