import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { nodeDisk } from '../../host/disk.ts';
import { fakeGuests, type FakeEngine } from '../../host/testing/fake-engine.ts';
import { runCommandLine } from '../program.ts';
import type { Services } from '../services.ts';
import type { Terminal } from '../terminal.ts';

/** A terminal of strings. */
export class FakeTerminal implements Terminal {
  out = '';
  err = '';
  readonly stdin: PassThrough = new PassThrough();
  readonly stdout = this.collect((text) => (this.out += text));
  readonly stderr = this.collect((text) => (this.err += text));
  readonly #listeners = new Set<(signal: 'SIGINT' | 'SIGTERM') => void>();

  constructor(readonly environment: NodeJS.ProcessEnv) {}

  private collect(add: (text: string) => void): Writable {
    return new Writable({
      write(chunk: Buffer, _encoding, done) {
        add(chunk.toString());
        done();
      },
    });
  }

  onSignal(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  signal(signal: 'SIGINT' | 'SIGTERM'): void {
    for (const listener of this.#listeners) listener(signal);
  }

  get listening(): boolean {
    return this.#listeners.size > 0;
  }
}

/** The command line over fakes, in a library below `folder`. */
export async function fakeCommandLine(folder: string, engine: FakeEngine) {
  const guests = await fakeGuests(folder);
  const services: Services = { engine, disk: nodeDisk, guests, workers: folder, files: folder, version: '1.2.3' };
  const library = join(folder, 'library');
  const begin = (...words: string[]): { terminal: FakeTerminal; ended: Promise<number> } => {
    const terminal = new FakeTerminal({ VITRINE_LIBRARY: library });
    return { terminal, ended: runCommandLine(words, services, terminal) };
  };
  return {
    library,
    begin,
    async call(...words: string[]): Promise<{ status: number; out: string; err: string }> {
      const { terminal, ended } = begin(...words);
      const status = await ended;
      return { status, out: terminal.out, err: terminal.err };
    },
  };
}
