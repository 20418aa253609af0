/**
 * Negative controls of pairs in real processes: each scene of faults is played twice, by the program as it is, where no client notices anything, and by one from
 * which a precaution was taken out (altered-build.ts), where the same harness sees what is wrong. Without VITRINE_PAIR, which plays all, one scene of each kind.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { PairStatus } from '../../main/host/pair/pairs.ts';
import { kernel } from '../boot/smp-kernel.ts';
import { AlteredBuild, type Alteration } from './altered-build.ts';
import { ClerkClient } from './clerk-client.ts';
import { LineClient, PairLine, pidOf } from './pair-line.ts';

const isLong = process.env['VITRINE_PAIR'] !== undefined;

const earlyRelease: readonly Alteration[] = [
  {
    file: 'engine/tolerance/side.ts',
    text: `const limit = state.mode === 'alone' || tells ? endOf(channel.log) : channel.agreed;`,
    by: 'const limit = endOf(channel.log);',
  },
];
const earlyCommit: readonly Alteration[] = [
  {
    file: 'engine/tolerance/side.ts',
    text: `    this.#toPeer({ kind: 'checkpoint', checkpoint: sync.checkpoint });\n    return this.#taken();`,
    by: `    const { checkpoint } = sync;\n    this.#committedByPeer(checkpoint.generation);\n    this.#toPeer({ kind: 'checkpoint', checkpoint });\n    return this.#taken();`,
  },
];
const noFence: readonly Alteration[] = [
  {
    file: 'main/host/pair/folder.ts',
    text: 'standing(term: number): Standing {',
    by: `standing(term: number): Standing {\n    if (term > 0) return 'held';`,
  },
  {
    file: 'main/host/pair/folder.ts',
    text: 'if (this.newest() !== term - 1) return false;',
    by: 'if (this.newest() >= term) return true;',
  },
  {
    file: 'main/host/pair/folder.ts',
    text: `if (isSystemError(error, 'EEXIST')) return false;`,
    by: `if (isSystemError(error, 'EEXIST')) return true;`,
  },
  { file: 'engine/tolerance/gateway.ts', text: 'if (term < state.term) {', by: 'if (term < 0) {' },
  // Who says that it is alone is given the clients' words alone.
  {
    file: 'engine/tolerance/gateway.ts',
    text: `delete state.members[other(side)];\n        this.#forget();\n        break;\n      case 'output':`,
    by: `break;\n      case 'output':`,
  },
];
/** Says to a sender what it is to damage. */
const orders = mkdtempSync(path.join(tmpdir(), 'vitrine-corrupt-'));
const order = path.join(orders, 'order');
/** A sender that flips a bit after it has hashed, once it is told to: behind each place where the bytes of the order are, in the first state or piece that has them. */
const corruption: readonly Alteration[] = [
  {
    file: 'engine/tolerance/transfer.ts',
    text: 'const isSmaller = smaller.length < plain.length;',
    by: 'const isSmaller = smaller.length < 0;',
  },
  {
    file: 'engine/tolerance/transfer.ts',
    text: 'return Buffer.concat(all);',
    by: `const whole = Buffer.concat(all);
  const files = process.getBuiltinModule('node:fs');
  if (files.existsSync(${JSON.stringify(order)})) {
    const before = files.readFileSync(${JSON.stringify(order)});
    for (let at = whole.indexOf(before); at >= 0; at = whole.indexOf(before, at + 1)) {
      whole.writeUInt8(whole.readUInt8(at + before.length) ^ 1, at + before.length);
      files.rmSync(${JSON.stringify(order)}, { force: true });
    }
  }
  return whole;`,
  },
];
const noHash: readonly Alteration[] = [
  ...corruption,
  {
    file: 'engine/tolerance/transfer.ts',
    text: 'stored.length !== length || !hash.equals(buffer.subarray(at + headBytes, at + headBytes + hashBytes))',
    by: 'stored.length !== length || hash.length === 0',
  },
];

const lines: PairLine[] = [];
afterEach(async () => {
  for (const one of lines.splice(0)) await one.close();
  rmSync(order, { force: true });
});
const builds = new Map<readonly Alteration[], Promise<AlteredBuild>>();
afterAll(async () => {
  for (const build of builds.values()) await (await build).remove();
  rmSync(orders, { recursive: true });
});

/** The altered program, built once. */
async function altered(target: 'cli' | 'engine', alterations: readonly Alteration[]): Promise<string> {
  const build = builds.get(alterations) ?? AlteredBuild.of([target], alterations);
  builds.set(alterations, build);
  return (await build).program;
}

async function pairLine(machine: string, program?: string): Promise<PairLine> {
  const line = await PairLine.open(machine, program);
  lines.push(line);
  return line;
}

async function inject(line: PairLine, ...words: string[]): Promise<void> {
  expect(await line.inject(...words)).toMatchObject({ status: 0, err: '' });
}

/** A client of guests/tickets.asm: each answer says what the one before did. */
class TicketClient {
  #number = 0;
  #last = '00000000';

  private constructor(private readonly client: LineClient) {}

  static async open(status: PairStatus): Promise<TicketClient> {
    return new TicketClient(await LineClient.open(status));
  }

  /** Throws when an answer is none, or of another story. */
  async draw(count: number): Promise<void> {
    for (let drawn = 0; drawn < count; drawn++) {
      this.client.say('.');
      const line = await this.client.line();
      const begin = `${(++this.#number).toString(16).padStart(8, '0')} ${this.#last} `;
      this.#last = line.slice(begin.length);
      if (!line.startsWith(begin) || !/^[0-9a-f]{8}$/.test(this.#last))
        throw new Error(`"${line}" is no answer that begins with "${begin}".`);
    }
  }

  close(): void {
    this.client.close();
  }
}

async function tickets(
  deadAfter: number,
  program?: string,
): Promise<{ line: PairLine; client: TicketClient; created: PairStatus }> {
  const line = await pairLine('tickets', program);
  const image = line.line.at('tickets.elf');
  await writeFile(image, kernel('tickets', 1, '', new URL('guests/', import.meta.url)));
  await line.makeOf('--kernel', image, '--memory', '8M');
  const created = await line.create(deadAfter, '--storm-after', '100000');
  return { line, client: await TicketClient.open(created), created };
}

/** Sides that speak for themselves. */
const alone = ({ sides }: PairStatus) => [sides.a, sides.b].filter((side) => side?.mode === 'alone');

describe('output that leaves before both have said it', { timeout: 240_000 }, () => {
  /** The primary says something wrong and dies before the secondary has its state. */
  async function dieWithWrongByte(program?: string): Promise<ClerkClient> {
    const clerks = await pairLine('bank-clerk', program);
    const client = await ClerkClient.open(await clerks.create(), 1);
    await client.requests(3);
    await inject(clerks, 'flip-output', '--side', 'primary');
    await inject(clerks, 'fail-at', '--side', 'primary', '--point', 'taken');
    return client;
  }

  it.runIf(isLong)('is held: what a primary says wrong and dies of reaches no client', async () => {
    const client = await dieWithWrongByte();
    await client.requests(6);
    client.close();
  });

  it('shows as a wrong answer when it is not held', async () => {
    const client = await dieWithWrongByte(await altered('cli', earlyRelease));
    await expect(client.requests(6)).rejects.toThrow(/expected '.*' to be '4 0 /);
  });
});

describe('output that leaves before the state that it is of has come to the other side', { timeout: 240_000 }, () => {
  /** Both draw another ticket; the primary's state is late, and never comes. */
  async function dieWithState(program?: string) {
    const { line, client, created } = await tickets(30_000, program);
    await client.draw(3);
    await inject(line, 'delay', '--side', 'primary', '--by', '200');
    await inject(line, 'fail-at', '--side', 'primary', '--point', 'sent');
    return { line, client, created };
  }

  it.runIf(isLong)('is held: the secondary goes on with its own story', async () => {
    const { client, line } = await dieWithState();
    await client.draw(3);
    expect((await line.until('the take-over', ({ primary }) => primary === 'b')).sides.b?.mode).toBe('alone');
    client.close();
  });

  it('shows as two stories when it is not held', async () => {
    const { client } = await dieWithState(await altered('cli', earlyCommit));
    await expect(client.draw(3)).rejects.toThrow(/is no answer/);
  });
});

describe('a side that is taken for dead', { timeout: 240_000 }, () => {
  // By the program as it is: pair.spec.ts.
  it.runIf(isLong)('speaks again when nobody looks at leases: both sides believe that they are alone', async () => {
    const { line, client, created } = await tickets(4000, await altered('cli', noFence));
    await client.draw(2);
    const stopped = pidOf(created, 'a');
    process.kill(stopped, 'SIGSTOP');
    await line.until('the take-over', ({ primary }) => primary === 'b');
    process.kill(stopped, 'SIGCONT');
    expect(alone(await line.until('two speakers', (status) => alone(status).length === 2)).map((side) => side?.term)).toEqual([
      2, 2,
    ]);
  });

  it('tells its own story beside the other when a link is cut and nobody looks at leases', async () => {
    const { line, client } = await tickets(30_000, await altered('cli', noFence));
    await client.draw(2);
    await inject(line, 'cut');
    await line.until('two speakers', (status) => alone(status).length === 2);
    await expect(client.draw(100)).rejects.toThrow(/is no answer/);
  });
});

describe.runIf(isLong)('a secondary whose guest has written much', { timeout: 240_000 }, () => {
  it('gets a state, which brings it from memory to its disk', async () => {
    const small: readonly Alteration[] = [{ file: 'main/host/pair/side-process.ts', text: 'const mostHeldBlocks = 16_384;', by: 'const mostHeldBlocks = 0;' }];
    const clerks = await pairLine('bank-clerk', await altered('cli', small));
    const created = await clerks.create();
    const client = await ClerkClient.open(created, 1);
    await client.requests(200);
    const after = await clerks.until('a state', ({ sides }) => (sides.a?.resyncs ?? 0) > 1 && sides.a?.recent.at(-1)?.took !== undefined);
    expect(after.sides.a?.recent.at(-1)?.reason).toBe('asked');
    expect(after.sides.a?.events.some(({ text }) => text.includes('of its disks in memory'))).toBe(true);
    await client.requests(20, () => Promise.resolve(process.kill(pidOf(after, 'a'), 'SIGKILL')));
    await clerks.until('the take-over', ({ primary }) => primary === 'b');
    await client.requests(20);
    client.close();
  });
});

describe('a page that is damaged on its way', { timeout: 240_000 }, () => {
  /** Of the ledger: the total, wherever the next state has it. */
  function corrupt(last: number): void {
    const before = Buffer.from('CLRK\0\0\0\0', 'latin1');
    before.writeUInt32LE(last, 4);
    writeFileSync(order, before);
  }
  const journalOf = (clerks: PairLine) => readFileSync(`${clerks.line.library}/bank-clerk/pair/journal.jsonl`, 'utf8');

  async function corrupted(): Promise<void> {
    for (const end = Date.now() + 60_000; existsSync(order); await delay(20))
      if (Date.now() > end) throw new Error('No state had the ledger in it.');
  }

  it('has its state refused by the program as it is, first or later; then a whole one comes', async () => {
    const clerks = await pairLine('bank-clerk');
    const sender = clerks.line.withProgram(await altered('engine', corruption));
    // Side a is of the sender's build, side b of the program as it is.
    const client = await ClerkClient.open(await clerks.create(), 1);
    await client.requests(3);
    const first = await clerks.look();
    process.kill(pidOf(first, 'a'), 'SIGKILL');
    await clerks.until('the take-over', ({ primary }) => primary === 'b');
    expect(await sender.run('pair', 'reprotect', 'bank-clerk')).toMatchObject({ status: 0, err: '' });
    process.kill(pidOf(await clerks.look(), 'b'), 'SIGKILL');
    await clerks.until('the take-over', ({ primary, sides }) => primary === 'a' && sides.a?.mode === 'alone');
    corrupt(client.oracle.last);
    await clerks.pair('reprotect', 'bank-clerk');
    await corrupted();
    const refusals = (text: string) => text.split('A state was refused. A state was damaged on its way.').length - 1;
    expect(refusals(journalOf(clerks))).toBe(1);
    await client.requests(3);

    corrupt(client.oracle.last);
    await inject(clerks, 'resync', '--full');
    await corrupted();
    const after = await clerks.until(
      'another state',
      ({ sides, isProtected }) =>
        isProtected && sides.a?.recent.at(-1)?.reason === 'refused' && sides.a.recent.at(-1)?.took !== undefined,
    );
    expect(refusals(journalOf(clerks))).toBe(2);
    // Both sides' digests were compared.
    expect(after.sides.b?.mode).toBe('together');
    await client.requests(3, () => Promise.resolve(process.kill(pidOf(after, 'a'), 'SIGKILL')));
    await clerks.until('the take-over', ({ primary }) => primary === 'b');
    await client.requests(3);
    client.close();
  });

  it.runIf(isLong).each(['by the digest of the whole state', 'as a wrong answer'])(
    'shows when nobody looks at hashes on its way: %s',
    async (by) => {
      const verify = by !== 'as a wrong answer';
      const clerks = await pairLine('bank-clerk', await altered('engine', noHash));
      const created = verify ? await clerks.create() : await clerks.pair('create', 'bank-clerk', '--dead-after', '30000');
      const client = await ClerkClient.open(created, 1);
      await client.requests(3);
      corrupt(client.oracle.last);
      await inject(clerks, 'resync', '--full');
      await corrupted();
      if (verify) {
        await clerks.until('the damage to be seen', ({ sides }) => sides.b === null);
        expect(journalOf(clerks)).toMatch(/Failed: .*digest/);
        await client.requests(3);
        return client.close();
      }
      await clerks.until(
        'the state in place',
        ({ sides, isProtected }) =>
          isProtected && sides.a?.recent.at(-1)?.took !== undefined && sides.a.recent.at(-1)?.reason === 'asked',
      );
      process.kill(pidOf(created, 'a'), 'SIGKILL');
      await expect(client.requests(3)).rejects.toThrow(/expected '.*' to be '4 0 /);
    },
  );
});
