/** `vitrine pair` on a library of its own, as a person would use it; whatever processes of a pair came up are ended with it. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { MachineInput } from '../../engine/machine/machine.ts';
import { nodeDisk } from '../../main/host/disk.ts';
import { readMachine } from '../../main/host/library.ts';
import { Pair, type PairStatus } from '../../main/host/pair/pairs.ts';
import { CommandLine, type Ended } from './vitrine.ts';

/** Slow hosts: nothing here is awaited for a time, but what does not come within this, in milliseconds, never will. */
const patience = 60_000;

export class PairLine {
  readonly #pids = new Set<number>();

  private constructor(
    readonly line: CommandLine,
    /** The machine's name in the library. */
    readonly machine: string,
  ) {}

  /** `program`: another build of it, which the pair's processes are of as well. */
  static async open(machine: string, program?: string): Promise<PairLine> {
    const line = await CommandLine.open();
    return new PairLine(program === undefined ? line : line.withProgram(program), machine);
  }

  async close(): Promise<void> {
    this.killAll();
    await this.line.close();
  }

  /** As a power failure of the host would. */
  killAll(): void {
    for (const pid of this.#pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  }

  /** Puts a machine into the library that starts from assembly. `words`: more of `vitrine create`. */
  async make(source: URL, ...words: string[]): Promise<void> {
    await writeFile(this.line.at('guest.asm'), readFileSync(source));
    await this.makeOf('--asm', this.line.at('guest.asm'), ...words);
  }

  async makeOf(...words: string[]): Promise<void> {
    expect(await this.line.run('create', this.machine, ...words)).toMatchObject({ status: 0, err: '' });
  }

  /** A verb that answers with the pair's status. */
  async pair(...words: string[]): Promise<PairStatus> {
    const ended = await this.line.run('pair', ...words, '--json');
    expect(ended.err).toBe('');
    return this.#note(JSON.parse(ended.out) as PairStatus);
  }

  /** A side counts as gone when its link closes, so a long limit costs nothing. */
  create(deadAfter = 30_000, ...words: string[]): Promise<PairStatus> {
    return this.pair('create', this.machine, '--dead-after', String(deadAfter), '--late-after', '3000', '--verify', ...words);
  }

  inject(...words: string[]): Promise<Ended> {
    return this.line.run('pair', 'inject', this.machine, ...words);
  }

  /** The pair without a process for each question. */
  async #open(): Promise<Pair> {
    const stored = await readMachine(nodeDisk, this.line.library, this.machine);
    if (stored === undefined || 'problem' in stored) throw new Error('the machine is gone');
    return new Pair(stored, () => undefined);
  }

  /** As `pair status` has it. */
  async look(): Promise<PairStatus> {
    return this.#note(await (await this.#open()).status());
  }

  /** Where a side shows its picture. */
  async display(side: 'a' | 'b'): Promise<string> {
    return (await (await this.#open()).display(side)).url;
  }

  /** As the app's panel gives input. */
  async input(...inputs: MachineInput[]): Promise<void> {
    await (await this.#open()).input(inputs);
  }

  async until(what: string, condition: (status: PairStatus) => boolean): Promise<PairStatus> {
    for (const end = Date.now() + patience; ; await delay(100)) {
      const status = await this.look();
      if (condition(status)) return status;
      if (Date.now() > end) throw new Error(`Waited for ${what}: ${JSON.stringify(status)}`);
    }
  }

  #note(status: PairStatus): PairStatus {
    // `break` answers with something else.
    for (const one of [status.gateway, status.sides?.a, status.sides?.b]) if (one) this.#pids.add(one.pid);
    return status;
  }
}

export function pidOf(status: PairStatus, side: 'a' | 'b'): number {
  const pid = status.sides[side]?.pid;
  if (pid === undefined) throw new Error(`side ${side} is gone`);
  return pid;
}

/** One TCP connection to the gateway for a whole test: it never breaks. */
export class LineClient {
  #said = '';
  #isClosed = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => (this.#said += bytes.toString('latin1')));
    socket.on('close', () => (this.#isClosed = true));
  }

  static async open(status: PairStatus): Promise<LineClient> {
    const socket = connect(status.gateway?.port ?? 0, '127.0.0.1');
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    return new LineClient(socket);
  }

  say(text: string): void {
    this.socket.write(text);
  }

  /** The next line, without its end. */
  async line(what = 'a line'): Promise<string> {
    for (const end = Date.now() + patience; !this.#said.includes('\n'); await delay(2)) {
      if (this.#isClosed || Date.now() > end) throw new Error(`Waited for ${what}, and have "${this.#said}"${this.#isClosed ? ' of a connection that is closed' : ''}.`);
    }
    const at = this.#said.indexOf('\n');
    const line = this.#said.slice(0, at);
    this.#said = this.#said.slice(at + 1);
    return line;
  }

  /** Nothing more was said, and nobody has broken the connection. */
  close(): void {
    expect(this.#said).toBe('');
    expect(this.#isClosed).toBe(false);
    this.socket.destroy();
  }
}
