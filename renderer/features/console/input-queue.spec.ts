import { describe, expect, it } from 'vitest';
import type { MachineInputMessage } from '../../../main/contract/machine.ts';
import { InputQueue } from './input-queue.ts';

describe('input on its way to the machine', () => {
  it('keeps its order however the host answers, and gathers what comes meanwhile', async () => {
    const sent: MachineInputMessage[] = [];
    const answers: (() => void)[] = [];
    const queue = new InputQueue(
      (input) => {
        sent.push(input);
        return new Promise((resolve) => answers.push(resolve));
      },
      () => undefined,
    );
    queue.push({ kind: 'scancodes', bytes: [0x1e] });
    queue.push({ kind: 'scancodes', bytes: [0x9e] });
    queue.push({ kind: 'scancodes', bytes: [0x30] });
    expect(sent).toHaveLength(1);
    answers[0]?.();
    await Promise.resolve();
    await Promise.resolve();
    expect(sent).toEqual([
      { kind: 'scancodes', bytes: [0x1e] },
      { kind: 'scancodes', bytes: [0x9e, 0x30] },
    ]);
  });

  it('drops what waits when a request fails, and says so once', async () => {
    const failures: unknown[] = [];
    const queue = new InputQueue(
      () => Promise.reject(new Error('The machine is off.')),
      (error) => failures.push(error),
    );
    queue.push({ kind: 'scancodes', bytes: [1] });
    queue.push({ kind: 'scancodes', bytes: [2] });
    await new Promise((resolve) => setTimeout(resolve));
    expect(failures).toHaveLength(1);
  });
});
