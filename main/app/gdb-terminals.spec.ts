import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram, GdbTerminals, type Spawn } from './gdb-terminals.ts';

/** A gdb that only remembers. */
class FakePty {
  readonly written: string[] = [];
  readonly signals: (string | undefined)[] = [];
  size = '';
  #data: (text: string) => void = () => undefined;
  #exit: (end: { exitCode: number }) => void = () => undefined;
  onData = (listener: (text: string) => void) => {
    this.#data = listener;
    return { dispose: () => undefined };
  };
  onExit = (listener: (end: { exitCode: number }) => void) => {
    this.#exit = listener;
    return { dispose: () => undefined };
  };
  write(bytes: string | Buffer): void {
    this.written.push(bytes.toString());
  }
  resize(columns: number, rows: number): void {
    this.size = `${columns}x${rows}`;
  }
  kill(signal?: string): void {
    this.signals.push(signal);
  }
  say(text: string): void {
    this.#data(text);
  }
  exit(exitCode: number): void {
    this.#exit({ exitCode });
  }
}

const size = { columns: 80, rows: 24 };
let folder: string;
let pty: FakePty;
let started: unknown[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'vitrine-gdb-'));
  await writeFile(path.join(folder, 'gdb'), '#!/bin/sh\n');
  await chmod(path.join(folder, 'gdb'), 0o755);
  pty = new FakePty();
  started = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function terminals(folders = folder): GdbTerminals {
  const spawn: Spawn = (...asked) => {
    started.push(asked);
    return pty as unknown as ReturnType<Spawn>;
  };
  return new GdbTerminals(
    () => Promise.resolve(spawn),
    () => folders,
  );
}

describe('terminals of the host', () => {
  it('run gdb and nothing else, attached where they are told, and say what it says until it ends', async () => {
    const all = terminals();
    const stream = await all.start('127.0.0.1:1234', size);
    expect(started).toEqual([[path.join(folder, 'gdb'), ['-q', '-ex', 'target remote 127.0.0.1:1234'], size]]);
    const opened = (await stream.next()).value;
    if (opened?.kind !== 'opened') throw new Error('It says first that it is open.');
    pty.say('(gdb) ');
    pty.say('hello');
    expect((await stream.next()).value).toEqual({ kind: 'output', bytes: new TextEncoder().encode('(gdb) hello'), lost: 0 });
    all.write(opened.terminal, new TextEncoder().encode('stepi\n'));
    all.resize(opened.terminal, { columns: 100, rows: 30 });
    expect([pty.written, pty.size]).toEqual([['stepi\n'], '100x30']);
    pty.exit(3);
    expect((await stream.next()).value).toEqual({ kind: 'ended', status: 3 });
    expect((await stream.next()).done).toBe(true);
    expect(() => all.write(opened.terminal, Uint8Array.of(1))).toThrow('This terminal has ended.');
  });

  it('end with their reader, with its connection, and with the app', async () => {
    for (const end of [
      async (_all: GdbTerminals, stream: AsyncGenerator) => void (await stream.return(undefined)),
      async (_all: GdbTerminals, _stream: AsyncGenerator, stop: AbortController) => stop.abort(),
      async (all: GdbTerminals) => all.close(),
    ]) {
      pty = new FakePty();
      const all = terminals();
      const stop = new AbortController();
      const stream = await all.start('127.0.0.1:1', size, stop.signal);
      expect(pty.signals).toEqual([]);
      await end(all, stream, stop);
      expect(pty.signals).toEqual([undefined]);
      pty.exit(0);
    }
  });

  it('say how to get gdb where there is none', async () => {
    await expect(terminals('/nowhere').start('127.0.0.1:1', size)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('gdb is not installed on this computer') as string,
    });
    expect(started).toEqual([]);
  });

  it('take no program from a folder that is not named from the root, nor one that cannot be run', async () => {
    expect(findProgram('gdb', `.${path.delimiter}bin`)).toBeUndefined();
    expect(findProgram('gdb', `/nowhere${path.delimiter}${folder}`)).toBe(path.join(folder, 'gdb'));
    await chmod(path.join(folder, 'gdb'), 0o644);
    // Root may run nothing that nobody may run, either.
    expect(findProgram('gdb', folder)).toBeUndefined();
  });
});
