/** Two memories without vCPUs, and a writer that may come between any two steps of a transfer. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MachineControl } from '../machine/control.ts';
import { FlushScope } from '../cpu/platform.ts';
import { digestParts } from '../machine/digest.ts';
import { FrameWrites } from '../machine/frame-writes.ts';
import { MachineMemory, mebibyte, pageSize } from '../machine/memory.ts';
import { StateTransfer } from './state-transfer.ts';
import { TrackedImage } from './tracked-image.ts';

const diskBlocks = 40;

/**
 * `isDeaf`: its vCPU has not heard of a new epoch when a round begins. `isWatched`: a console asks for an epoch of its own whenever it can, of which entries for
 * RAM do not hear. `isSecret`: nobody tells what chips write to VRAM.
 */
function machine(isSecondary: boolean, { isDeaf = false, isWatched = false, isSecret = false } = {}) {
  const memory = MachineMemory.create({ ramBytes: mebibyte, cpus: 1, romBytes: mebibyte });
  const control = new MachineControl(memory);
  const frames = new FrameWrites(memory, control);
  memory.directory.seal();
  let heard = control.currentEpoch();
  const content = new Uint8Array(diskBlocks * pageSize);
  const image = new TrackedImage(
    {
      bytes: content.length,
      readOnly: false,
      read: (offset, into) => into.set(content.subarray(offset, offset + into.length)),
      write: (offset, from) => content.set(from, offset),
      flush: () => undefined,
      close: () => undefined,
    },
    isSecondary,
  );
  const transfer = new StateTransfer({
    memory,
    frames,
    disks: new Map([['ide0.0', image]]),
    hold: () => Promise.resolve(),
    go: () => undefined,
    held: () => ({ scancodes: [], serialInput: [], ranFor: 0 }),
    replace: (body) => {
      body();
      control.noteStateReplaced();
      heard = control.currentEpoch();
    },
    currentEpoch: () => control.currentEpoch(),
    advanceEpoch: () => {
      heard = control.advanceEpoch().epoch;
      if (isWatched) control.advanceEpoch(FlushScope.loggedWrites);
      return heard;
    },
    newEpoch: () => {
      const { epoch } = control.advanceEpoch();
      if (!isDeaf) heard = epoch;
      if (isWatched) control.advanceEpoch(FlushScope.loggedWrites);
      return Promise.resolve(epoch);
    },
  });
  return {
    memory,
    content,
    image,
    transfer,
    /** As a vCPU and chips do it. */
    async write({ where, page, value }: Write) {
      if (where === 'ram') {
        memory.pageEpoch[page] = heard;
        memory.ram.fill(value, page * pageSize, (page + 1) * pageSize);
      } else if (where === 'vram') {
        memory.vram[page * pageSize + 5] = value;
        if (!isSecret) frames.noteWritten(memory.vramBase + page * pageSize + 5, 1);
      } else await image.write((page % diskBlocks) * pageSize, new Uint8Array(pageSize).fill(value));
    },
    async disk() {
      const all = new Uint8Array(content.length);
      await image.read(0, all);
      return all;
    },
  };
}

interface Write {
  where: 'ram' | 'vram' | 'disk';
  page: number;
  value: number;
}
const write = fc.record({ where: fc.constantFrom('ram' as const, 'vram' as const, 'disk' as const), page: fc.nat(60), value: fc.nat(3) });
const writes = fc.array(write, { maxLength: 6 });
/** What the writer does at each step of a transfer. */
const steps = fc.array(writes, { maxLength: 8 });

/** A transfer, with the writer at work between its steps; true if both sides are equal then. */
async function transferred(a: ReturnType<typeof machine>, b: ReturnType<typeof machine>, isFull: boolean, rounds: number, between: Write[][], capture: number) {
  const theirs = await b.transfer.hold(!isFull);
  const sending = a.transfer.begin(isFull ? undefined : theirs);
  const turns = between[Symbol.iterator]();
  const work = async () => {
    for (const one of turns.next().value ?? []) await a.write(one);
  };
  for (let round = 0; round < rounds; round++) {
    await sending.round();
    await work();
    for (let piece; (piece = await sending.piece(capture)) !== undefined; ) {
      await work();
      await b.transfer.receiving.stage(piece);
    }
    await work();
  }
  await sending.snapshot(capture, false);
  const taken = await sending.pack();
  await b.transfer.receiving.put(taken.bytes);
  return digestParts(a.memory).whole === digestParts(b.memory).whole && Buffer.compare(await a.disk(), await b.disk()) === 0;
}

describe('what goes ahead of a state', { timeout: 120_000 }, () => {
  // Made once: each has a memory of a hundred megabytes.
  let a: ReturnType<typeof machine>;
  let b: ReturnType<typeof machine>;
  let captures = 0;
  beforeAll(() => {
    a = machine(false, { isWatched: true });
    b = machine(true);
  });

  it('and what follows are together the state, whoever writes meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.nat(3), writes, writes, steps, async (isFull, rounds, own, theirs, between) => {
        for (const one of own) await a.write(one);
        if (captures > 0) for (const one of theirs) await b.write(one);
        expect(await transferred(a, b, isFull || captures === 0, rounds, between, ++captures)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it('would not be, if a round began before its epoch is in force', async () => {
    const deaf = machine(false, { isDeaf: true });
    const again = [{ where: 'ram' as const, page: 1, value: 2 }];
    await deaf.write({ where: 'ram', page: 1, value: 1 });
    // The page goes ahead, and is written again with the old stamp.
    expect(await transferred(deaf, b, true, 1, [[], again], ++captures)).toBe(false);
    expect(b.memory.ram[pageSize]).toBe(1);
  });

  it('would not be, if nobody told of what was written to VRAM', async () => {
    const secret = machine(false, { isSecret: true });
    expect(await transferred(secret, b, true, 0, [], ++captures)).toBe(true);
    await secret.write({ where: 'vram', page: 1, value: 1 });
    expect(await transferred(secret, b, false, 0, [], ++captures)).toBe(false);
  });
});
