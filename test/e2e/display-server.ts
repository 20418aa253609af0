import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** A display of its own for one test file; ended by its process, never by name. */
export interface DisplayServer {
  /** The value of DISPLAY. */
  name: string;
  close(): Promise<void>;
}

const START_MILLISECONDS = 15_000;

/** Why no display can be made here; undefined when one can. */
export function displayMissing(): string | undefined {
  const found = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/Xvfb`));
  return found ? undefined : 'Xvfb is not installed';
}

/** Starts Xvfb, which chooses a free number and says which. */
export async function startDisplay(width = 1600, height = 1000): Promise<DisplayServer> {
  const child: ChildProcess = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp'], {
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
