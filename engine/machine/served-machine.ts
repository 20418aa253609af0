/** A machine as those see it who take or replace its whole state (suspension.ts, copying.ts, synchronization.ts), and how it comes to rest for them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DiskService } from './disk-service.ts';
import type { InputService } from './input-service.ts';
import type { LifeCycle } from './life-cycle.ts';
import type { MachineParts, MachineReset } from './machine-reset.ts';
import { MachineError, type MachineEvent } from './machine.ts';
import type { OutputService } from './output-service.ts';
import type { Following } from './saved-state.ts';
import { longestStop, type Standstill } from './standstill.ts';

/** Milliseconds between two events about progress. */
const progressInterval = 100;

export interface ServedMachine extends MachineParts {
  readonly standstill: Standstill;
  readonly disks: DiskService;
  readonly output: OutputService;
  readonly input: InputService;
  readonly reset: MachineReset;
  readonly life: LifeCycle;
  onEvent(event: MachineEvent): void;
}

/**
 * Done when nothing of a paused machine is under way outside of its memory: what chips asked for, output, requests of drives, being switched off. `flush`:
 * what drives have written is on the medium too.
 */
export async function settle({ standstill, output, life, disks }: ServedMachine, { flush }: { flush: boolean }): Promise<void> {
  const end = performance.now() + longestStop;
  for (;;) {
    output.drain();
    if (!standstill.isAsked() && output.empty) break;
    if (performance.now() > end)
      throw new MachineError('crashed', 'The machine does not come to rest, so it cannot be suspended.');
    await nextTurn();
  }
  // Switching off with images to be closed takes its time.
  await life.poweringOff;
  if (flush) await disks.flush();
  else await disks.settle();
}

/** Tells of the progress of `activity`, not too often. */
export function tellProgress({ onEvent }: ServedMachine, activity: 'suspend' | 'resume' | 'core'): Following['progress'] {
  let told = 0;
  return (done, total) => {
    const now = performance.now();
    if (now - told < progressInterval && done !== total) return;
    told = now;
    onEvent({ kind: 'progress', activity, done, total });
  };
}
