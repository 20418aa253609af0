/** Two real machines in one process: a state taken from one and put in place in the other. Workers are those of out/engine. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Machine } from '../machine/machine.ts';
import { createMachine } from '../machine/virtual-machine.ts';
import { askPair } from './questions.ts';
import type { ChangedPages } from './state-transfer.ts';
import { clerkImage, ClerkOracle } from './testing/clerk.ts';

const workerDirectory = path.resolve(import.meta.dirname, '../../out/engine');
const image = clerkImage();
const diskBytes = 64 * 512;

let folder: string;
const machines: Machine[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-transfer-'));
});
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.dispose()));
  rmSync(folder, { recursive: true, force: true });
});

async function clerk(role: 'primary' | 'secondary', cpus = 1) {
  const disk = path.join(folder, `${role}.img`);
  writeFileSync(disk, '');
  truncateSync(disk, diskBytes);
  const machine = await createMachine(
    { name: role, cpus, memoryBytes: 4 << 20, clock: 'wall', boot: { kind: 'kernel', image }, drives: [{ kind: 'disk', path: disk, format: 'raw' }], pair: role },
    { workerDirectory },
  );
  machines.push(machine);
  let said = '';
  machine.on((event) => {
    if (event.kind === 'serial') said += Buffer.from(event.bytes).toString('latin1');
  });
  const say = (text: string) => machine.input({ kind: 'serial', bytes: Buffer.from(text) });
  const until = async (text: string) => {
    for (const end = Date.now() + 30_000; !said.endsWith(text); await delay(5)) if (Date.now() > end) throw new Error(`Waited for ${text}, not ${said}`);
  };
  return { machine, disk, say, until, said: () => said };
}
type Clerk = Awaited<ReturnType<typeof clerk>>;

let captures = 0;

/**
 * As the runtime does it: the other stands still, what is known goes ahead (`rounds`), both stand still, and both go on. `behind` happens when the
 * state is copied and the one works again, and nothing is written down yet.
 */
async function resync(
  from: Clerk,
  to: Clerk,
  { isFull = false, run = true, rounds = 0, compare = false, between = () => Promise.resolve(), behind = () => Promise.resolve(), spoil = (bytes: Uint8Array, _ahead: number) => bytes as Uint8Array | undefined } = {},
) {
  const capture = ++captures;
  const theirs: ChangedPages | undefined = await askPair(to.machine, 'hold', { tell: !isFull });
  await askPair(from.machine, 'begin', { peer: isFull ? undefined : theirs });
  let ahead = 0;
  for (let round = 0; round < rounds; round++) {
    await askPair(from.machine, 'round', {});
    for (let bytes; (bytes = await askPair(from.machine, 'piece', { capture })) !== undefined; ) {
      const sent = spoil(bytes, ahead++);
      if (sent !== undefined) await askPair(to.machine, 'stage', { bytes: sent });
    }
    await between();
  }
  await askPair(from.machine, 'hold', { tell: false });
  await askPair(from.machine, 'snapshot', { capture, withDigest: true });
  if (run) await askPair(from.machine, 'go', { run });
  await behind();
  const taken = await askPair(from.machine, 'pack', {});
  const put = await askPair(to.machine, 'put', { bytes: spoil(taken.bytes, -1) ?? taken.bytes, compare });
  await askPair(to.machine, 'go', { run: run && !('refused' in put) });
  return { taken, put, ahead };
}

describe('the state of a machine on its way to another', { timeout: 60_000 }, () => {
  it('is put in place whole, goes on there, and comes to one digest after each resync', async () => {
    const a = await clerk('primary');
    const b = await clerk('secondary');
    const oracle = new ClerkOracle();
    await a.machine.start();
    await a.until('clerk 0\n');
    await b.machine.start({ paused: true });
    const first = oracle.next(7, 100);
    await a.say(first.request);
    await a.until(first.answer);

    const full = await resync(a, b, { isFull: true });
    expect(full.put).toEqual({ digest: full.taken.digest });
    expect(b.said()).toBe('');

    // Both do the same work, and differ inside: each writes down its own time.
    const second = oracle.next(7, 23);
    await Promise.all([a.say(second.request), b.say(second.request)]);
    await Promise.all([a.until(second.answer), b.until(second.answer)]);
    expect(b.said()).toBe(second.answer);
    // What a secondary writes stays beside its image.
    expect(readFileSync(b.disk).readUInt32LE(4)).toBe(1);
    expect(readFileSync(a.disk).readUInt32LE(4)).toBe(2);
    expect(await askPair(b.machine, 'heldBlocks', {})).toBe(1);

    const little = await resync(a, b);
    expect(little.put).toEqual({ digest: little.taken.digest });
    expect(little.taken.pages).toBeGreaterThan(0);
    expect(little.taken.pages).toBeLessThan(full.taken.pages);
    expect(little.taken.bytes.length).toBeLessThan(full.taken.bytes.length);
    expect(readFileSync(b.disk).subarray(0, 512).equals(readFileSync(a.disk).subarray(0, 512))).toBe(true);
    expect(await askPair(b.machine, 'heldBlocks', {})).toBe(0);

    // The secondary was of another opinion, also on its disk; the resync ends that.
    await b.say('3 9 1\n');
    await b.until('3 9 1 124\n');
    const third = await resync(a, b);
    expect(third.put).toEqual({ digest: third.taken.digest });
    const next = oracle.next(8, 1);
    await b.say(next.request);
    await b.until(next.answer);

    // And takes over with what it wrote.
    await askPair(b.machine, 'takeOver', {});
    expect(readFileSync(b.disk).readUInt32LE(4)).toBe(3);
  });

  it('holds no input that comes behind it', async () => {
    const a = await clerk('primary');
    const b = await clerk('secondary');
    const oracle = new ClerkOracle();
    await a.machine.start();
    await a.until('clerk 0\n');
    await b.machine.start({ paused: true });
    const requests = [oracle.next(7, 100), oracle.next(7, 23)] as const;
    await resync(a, b, { isFull: true, behind: () => a.say(requests[0].request) });
    // Each is given both once, and answers both once: the first would be refused the second time.
    await b.say(requests[0].request);
    await Promise.all([a.say(requests[1].request), b.say(requests[1].request)]);
    await Promise.all([a.until(requests[1].answer), b.until(requests[1].answer)]);
    expect([a.said(), b.said()]).toEqual([`clerk 0\n${requests[0].answer}${requests[1].answer}`, `${requests[0].answer}${requests[1].answer}`]);
  });

  it('that nobody changed brings next to nothing, and a byte that was flipped in memory its page', async () => {
    const a = await clerk('primary');
    const b = await clerk('secondary');
    await a.machine.start({ paused: true });
    await b.machine.start({ paused: true });
    await resync(a, b, { isFull: true, run: false });
    const unchanged = await resync(a, b, { run: false });
    expect(unchanged.put).toEqual({ digest: unchanged.taken.digest });
    // The epoch, which is a block.
    expect(unchanged.taken.pages).toBe(1);

    const before = await b.machine.digest();
    await askPair(b.machine, 'flip', { address: 0x2f0123 });
    expect(await b.machine.digest()).not.toBe(before);
    const { taken, put } = await resync(a, b, { run: false });
    expect(put).toEqual({ digest: taken.digest });
    expect(taken.pages).toBe(2);
  });

  it('says what the other had otherwise: the byte and the register that were flipped, also of what went ahead', async () => {
    const a = await clerk('primary', 2);
    const b = await clerk('secondary', 2);
    await a.machine.start({ paused: true });
    await b.machine.start({ paused: true });
    // Of a full state nobody can say it.
    expect((await resync(a, b, { isFull: true, run: false, compare: true })).put).toHaveProperty('difference', undefined);
    const differenceOf = async (rounds: number) => {
      const { put, taken, ahead } = await resync(a, b, { run: false, compare: true, rounds });
      if ('refused' in put) throw new Error(put.refused);
      expect(put.digest).toBe(taken.digest);
      return { ...put.difference, ahead };
    };
    const none = await differenceOf(0);
    expect(none).toMatchObject({ registers: [], first: null, pages: [] });
    expect(none.instructions?.primary).toBe(none.instructions?.secondary);

    for (const rounds of [0, 1]) {
      await askPair(b.machine, 'flip', { address: 0x2f0123 });
      await askPair(b.machine, 'flip', { address: 0x300000 });
      await askPair(b.machine, 'flipRegister', { cpu: 1, register: 'esi' });
      const found = await differenceOf(rounds);
      expect(found.ahead > 0).toBe(rounds > 0);
      expect(found.first).toEqual({ part: 'ram', page: 0x2f0, address: 0x2f0123, primary: 0, secondary: 1 });
      expect(found.pages).toEqual([{ part: 'ram', pages: 2 }]);
      expect(found.registers).toHaveLength(1);
      expect(found.registers?.[0]).toMatchObject({ cpu: 1, name: 'esi' });
      expect(BigInt(found.registers?.[0]?.primary ?? 0) ^ BigInt(found.registers?.[0]?.secondary ?? 0)).toBe(1n);
      expect(await differenceOf(rounds)).toMatchObject({ registers: [], first: null, pages: [] });
    }
    await expect(askPair(b.machine, 'flipRegister', { cpu: 2, register: 'eax' })).rejects.toThrow('no virtual CPU 2');
  });

  it('goes ahead while the machine works, so that little is left to be done when it stands still', async () => {
    const a = await clerk('primary');
    const b = await clerk('secondary');
    const oracle = new ClerkOracle();
    await a.machine.start();
    await a.until('clerk 0\n');
    await b.machine.start({ paused: true });
    const work = async () => {
      const { request, answer } = oracle.next(oracle.last % 100, 7);
      await a.say(request);
      await a.until(answer);
    };
    await work();
    const { taken, put, ahead } = await resync(a, b, { isFull: true, rounds: 3, between: work });
    expect(put).toEqual({ digest: taken.digest });
    expect([taken.rounds, ahead >= 3]).toEqual([3, true]);
    // The clerk's own pages, not the machine's memory.
    expect(taken.looked).toBeLessThan(200);
    expect(readFileSync(b.disk).subarray(0, 512).equals(readFileSync(a.disk).subarray(0, 512))).toBe(true);

    // And what differs between two sides does the same.
    const both = oracle.next(3, 3);
    await Promise.all([a.say(both.request), b.say(both.request)]);
    await Promise.all([a.until(both.answer), b.until(both.answer)]);
    await askPair(b.machine, 'flip', { address: 0x2f0123 });
    const little = await resync(a, b, { rounds: 2, between: work });
    expect(little.put).toEqual({ digest: little.taken.digest });
    expect(little.taken.differing.map(({ part }) => part)).toContain('ram');
    const last = oracle.next(8, 1);
    await b.say(last.request);
    await b.until(last.answer);
  });

  it('is refused when a piece that went ahead is damaged, lost or doubled, and nothing has changed then', async () => {
    const a = await clerk('primary');
    const b = await clerk('secondary');
    await a.machine.start();
    await a.until('clerk 0\n');
    await b.machine.start({ paused: true });
    const first = await resync(a, b, { isFull: true, rounds: 1, run: false });
    expect(first.put).toEqual({ digest: first.taken.digest });
    const { request, answer } = new ClerkOracle().next(1, 1);
    const before = await b.machine.digest();
    await a.say(request);
    await a.until(answer);
    const work = () => askPair(a.machine, 'flip', { address: 0x2f0123 });
    const faults: ((bytes: Uint8Array, ahead: number) => Uint8Array | undefined)[] = [
      (bytes, ahead) => (ahead === 1 ? bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 4 : byte)) : bytes),
      (bytes, ahead) => (ahead === 1 ? undefined : bytes),
      (bytes, ahead) => (ahead === 0 ? undefined : bytes),
    ];
    for (const spoil of faults) {
      const { put, ahead } = await resync(a, b, { isFull: true, rounds: 2, between: work, run: false, spoil });
      expect(ahead).toBeGreaterThan(1);
      expect(put).toHaveProperty('refused');
      expect(await b.machine.digest()).toBe(before);
    }
    // The next one is not spoilt by those.
    const whole = await resync(a, b, { isFull: true, rounds: 2, between: work });
    expect(whole.put).toEqual({ digest: whole.taken.digest });
  });

  it('is refused when a byte of it was damaged, and nothing has changed then', async () => {
    const a = await clerk('primary');
    const b = await clerk('secondary');
    await a.machine.start();
    await a.until('clerk 0\n');
    await b.machine.start({ paused: true });
    const { request, answer } = new ClerkOracle().next(1, 1);
    await a.say(request);
    await a.until(answer);
    const before = await b.machine.digest();
    for (const place of [0.01, 0.5, 0.99]) {
      const spoil = (bytes: Uint8Array) => {
        const damaged = Uint8Array.from(bytes);
        const at = Math.floor(damaged.length * place);
        damaged[at] = (damaged[at] ?? 0) ^ 0x10;
        return damaged;
      };
      const { put } = await resync(a, b, { isFull: true, spoil });
      expect(put).toHaveProperty('refused');
    }
    expect(await b.machine.digest()).toBe(before);
    expect(readFileSync(b.disk).every((byte) => byte === 0)).toBe(true);
  });

  it('is refused by a machine with other chips or memory', async () => {
    const a = await clerk('primary');
    const b = await clerk('secondary', 2);
    await a.machine.start({ paused: true });
    await b.machine.start({ paused: true });
    const { put } = await resync(a, b, { isFull: true, run: false });
    expect(put).toHaveProperty('refused', expect.stringMatching(/other chips/));
  });
});
