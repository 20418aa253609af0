/**
 * Virtual clock with several vCPUs: they take turns of an exact number of instructions, one at a time, so that the order of everything
 * they do is the same in each run. Who has the turn and what is left of it is part of the machine's state.
 */
import { defineBlock, scalar } from '../layout/block.ts';

/** Instructions of one turn: long against a hand-over between threads, short against what a guest waits for. */
export const turnInstructions = 16_384;

export const turnBlock = defineBlock('turn', 1, {
  /** The vCPU whose turn it is. */
  holder: scalar('i32'),
  /** Instructions it has left; 0 at power-on means a whole turn. */
  left: scalar('u32'),
});

/**
 * Who comes after `holder`: the next vCPU in a circle that has work, `holder` itself last; undefined when none has.
 */
export function nextTurn(cpus: number, holder: number, hasWork: (cpu: number) => boolean): number | undefined {
  for (let step = 1; step <= cpus; step++) {
    const cpu = (holder + step) % cpus;
    if (hasWork(cpu)) return cpu;
  }
  return undefined;
}
