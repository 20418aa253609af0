import { randomInt } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import type { IPty } from 'node-pty';
import type { TerminalEventMessage } from '../contract/terminal.ts';
import { HostError } from '../host/errors.ts';
import { EventChannel } from '../host/event-channel.ts';
import { joinBytes } from '../host/joined-bytes.ts';

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Runs a program in a pseudoterminal; node-pty's in the product. */
export type Spawn = (
  program: string,
  words: string[],
  size: TerminalSize,
) => Pick<IPty, 'write' | 'resize' | 'kill' | 'onData' | 'onExit'>;

/** What waits for a slow window. */
const WAITING_BYTES = 1024 * 1024;
/** Milliseconds until a gdb that was asked to end is made to. */
const PATIENCE = 2000;
/** Numbers of terminals cannot be guessed. */
const NUMBERS = 2 ** 47;

interface OpenTerminal {
  pty: ReturnType<Spawn>;
  end(): void;
}

function merge(last: TerminalEventMessage, next: TerminalEventMessage): TerminalEventMessage | undefined {
  if (last.kind !== 'output' || next.kind !== 'output') return undefined;
  return { kind: 'output', ...joinBytes(last, next, WAITING_BYTES) };
}

/** The program's file, by PATH; undefined when it is not installed. */
export function findProgram(name: string, folders: string): string | undefined {
  const names = process.platform === 'win32' ? [`${name}.exe`] : [name];
  for (const folder of folders.split(path.delimiter).filter((each) => path.isAbsolute(each))) {
    for (const file of names.map((each) => path.join(folder, each))) {
      try {
        accessSync(file, constants.X_OK);
        if (statSync(file).isFile()) return file;
      } catch {
        // Not there, or not ours to run: the next one.
      }
    }
  }
  return undefined;
}

async function realSpawn(): Promise<Spawn> {
  try {
    const { spawn } = await import('node-pty');
    return (program, words, { columns, rows }) =>
      spawn(program, words, {
        name: 'xterm-256color',
        cols: columns,
        rows,
        encoding: null,
        env: { ...process.env, COLORTERM: 'truecolor' },
      });
  } catch (error) {
    throw new HostError(
      'NOT_SUPPORTED',
      'Terminals need the addon of node-pty, which is not built here: “node build/node-pty.mjs” in Vitrine’s folder builds it.',
      {
        cause: error,
      },
    );
  }
}

/** The gdbs that run in windows of the app. Main thread of the app. */
export class GdbTerminals {
  readonly #open = new Map<number, OpenTerminal>();

  constructor(
    private readonly load: () => Promise<Spawn> = realSpawn,
    private readonly folders: () => string = () => process.env['PATH'] ?? '',
  ) {}

  /** gdb, attached at `place` (host:port). It ends when `signal` is aborted or the reader stops. */
  async start(
    place: string,
    size: TerminalSize,
    signal?: AbortSignal,
  ): Promise<AsyncGenerator<TerminalEventMessage, void, void>> {
    const gdb = findProgram('gdb', this.folders());
    if (gdb === undefined) {
      throw new HostError(
        'NOT_SUPPORTED',
        'gdb is not installed on this computer (no program gdb in PATH). On Debian and Ubuntu “apt install gdb” installs it; then attach again.',
      );
    }
    const spawn = await this.load();
    const command = `target remote ${place}`;
    const pty = spawn(gdb, ['-q', '-ex', command], size);
    const terminal = randomInt(NUMBERS);
    const events = new EventChannel<TerminalEventMessage>(merge);
    const line = `gdb -q -ex '${command}'`;
    const stream = events.subscribe([{ kind: 'opened', terminal, line }]);
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      if (ended || timer !== undefined) return;
      pty.kill();
      timer = setTimeout(() => pty.kill('SIGKILL'), PATIENCE);
      timer.unref();
    };
    this.#open.set(terminal, { pty, end });
    pty.onData((data: string | Uint8Array) => {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : Uint8Array.from(data);
      events.publish({ kind: 'output', bytes, lost: 0 });
    });
    pty.onExit(({ exitCode }) => {
      ended = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      this.#open.delete(terminal);
      events.publish({ kind: 'ended', status: exitCode });
      events.close();
    });
    if (signal?.aborted) end();
    signal?.addEventListener('abort', end, { once: true });
    const reader: AsyncGenerator<TerminalEventMessage, void, void> = {
      next: () => stream.next(),
      return: () => {
        end();
        return stream.return();
      },
      throw: (error: unknown) => {
        end();
        return stream.throw(error);
      },
      [Symbol.asyncIterator]: () => reader,
    };
    return reader;
  }

  write(terminal: number, bytes: Uint8Array): void {
    this.#get(terminal).pty.write(Buffer.from(bytes));
  }

  resize(terminal: number, { columns, rows }: TerminalSize): void {
    this.#get(terminal).pty.resize(columns, rows);
  }

  #get(terminal: number): OpenTerminal {
    const open = this.#open.get(terminal);
    if (open === undefined) throw new HostError('NOT_FOUND', 'This terminal has ended.');
    return open;
  }

  /** The app ends. */
  close(): void {
    for (const { end } of this.#open.values()) end();
  }
}
