import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Machine, MachineInput } from '../../../engine/machine/machine.ts';
import { InputQueue } from './input-queue.ts';

const serial = (...bytes: number[]): MachineInput => ({ kind: 'serial', bytes: Uint8Array.from(bytes) });
const key = (code: number): MachineInput => ({ kind: 'scancodes', bytes: [code] });

/** A machine that takes inputs when it is let, and may be full. */
function reader() {
  const taken: MachineInput[] = [];
  const waiting: { take: () => void; refuse: () => void }[] = [];
  const machine = {
    input: (input: MachineInput) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({
          take: () => {
            taken.push(input);
            resolve();
          },
          refuse: () => reject(new Error('full')),
        });
      }),
  };
  // The queue asks no more of a machine.
  return { queue: new InputQueue(machine as unknown as Machine), taken, waiting };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 0));
const bytesOf = (inputs: readonly MachineInput[]) => inputs.flatMap((input) => ('bytes' in input ? [input.kind, ...input.bytes] : []));

describe('the queue of inputs', () => {
  it('gives together what came for the serial line meanwhile, and keeps the order among kinds', async () => {
    const { queue, taken, waiting } = reader();
    queue.push(serial(1));
    for (const input of [serial(2), serial(3, 4), key(9), serial(5)]) queue.push(input);
    for (let turn = 0; turn < 4; turn++) {
      waiting.shift()?.take();
      await soon();
    }
    expect(taken).toEqual([serial(1), serial(2, 3, 4), key(9), serial(5)]);
    expect(queue.left).toEqual([]);
  });

  it('offers again what the machine had no room for, and loses nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 20 }), fc.infiniteStream(fc.boolean()), async (bytes, answers) => {
        const { queue, taken, waiting } = reader();
        for (const byte of bytes) queue.push(serial(byte));
        let refusals = 0;
        for (const end = Date.now() + 10_000; queue.left.length > 0 && Date.now() < end; await soon()) {
          const asked = waiting.shift();
          if (asked === undefined) continue;
          if (refusals < 2 && answers.next().value === true) {
            refusals++;
            asked.refuse();
          } else asked.take();
        }
        expect(bytesOf(taken).filter((one) => one !== 'serial')).toEqual(bytes);
      }),
      { numRuns: 20 },
    );
  });

  it('forgets what belongs to a state that was replaced', async () => {
    const { queue, taken, waiting } = reader();
    queue.push(serial(1));
    queue.push(serial(2));
    queue.replace([serial(7)]);
    waiting.shift()?.take();
    await soon();
    waiting.shift()?.take();
    await soon();
    expect(taken).toEqual([serial(1), serial(7)]);
    expect(queue.left).toEqual([]);
  });
});
