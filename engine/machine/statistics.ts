/** Counters of the vCPU blocks as the host shows them. */
import type { VcpuState } from '../isa/state.ts';
import type { MachineStatistics, VcpuStatistics } from './machine.ts';
import type { SmmStatistics } from './smm-face.ts';

/** Names of Exit, by value. */
const exitNames = ['none', 'budget', 'attention', 'fault', 'halt', 'service'] as const;

/** Mnemonics of the exception vectors (SDM vol. 3, table 6-1). */
const exceptionNames: Readonly<Record<number, string>> = {
  0: '#DE', 1: '#DB', 2: 'NMI', 3: '#BP', 4: '#OF', 5: '#BR', 6: '#UD', 7: '#NM', 8: '#DF', 9: 'coprocessor overrun', 10: '#TS',
  11: '#NP', 12: '#SS', 13: '#GP', 14: '#PF', 16: '#MF', 17: '#AC', 18: '#MC', 19: '#XM', 20: '#VE', 21: '#CP',
};

function named(counters: Uint32Array, name: (index: number) => string): Record<string, number> {
  const result: Record<string, number> = {};
  counters.forEach((count, index) => {
    if (count !== 0) result[name(index)] = count;
  });
  return result;
}

/** Reads the counters of a machine that may be running: each is right, together they are of slightly different moments. */
export function readStatistics(vcpus: readonly VcpuState[], idle: readonly number[], seconds: number, smm: SmmStatistics): MachineStatistics {
  const each = vcpus.map(
    (state, cpu): VcpuStatistics => ({
      instructions: Number(state.retired),
      exits: named(state.exits, (index) => exitNames[index] ?? `exit ${index}`),
      exceptions: named(state.exceptions, (index) => exceptionNames[index] ?? `vector ${index}`),
      interrupts: state.interrupts,
      halted: state.activity !== 0,
      idleSeconds: idle[cpu] ?? 0,
    }),
  );
  const instructions = each.reduce((sum, { instructions: count }) => sum + count, 0);
  const exits: Record<string, number> = {};
  for (const { exits: counts } of each) {
    for (const [name, count] of Object.entries(counts)) exits[name] = (exits[name] ?? 0) + count;
  }
  return { seconds, instructions, mips: seconds > 0 ? instructions / seconds / 1e6 : 0, exits, vcpus: each, smm };
}
