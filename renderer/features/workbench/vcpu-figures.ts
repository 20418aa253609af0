/** What each vCPU did over the last minutes, from the machine's counters. */
import type { MachineStatisticsMessage } from '../../../main/contract/machine.ts';

export interface VcpuSample {
  /** 0 to 1. */
  busy: number;
  mips: number;
  /** A second, by reason. */
  exits: Record<string, number>;
}

export const MOST_SAMPLES = 120;

/** What happened between two looks; undefined when no time went by, as over a reset of the counters. */
export function samplesBetween(before: MachineStatisticsMessage, now: MachineStatisticsMessage): VcpuSample[] | undefined {
  const seconds = now.seconds - before.seconds;
  if (seconds <= 0) return undefined;
  return now.vcpus.map((vcpu, cpu) => {
    const old = before.vcpus[cpu];
    const idle = vcpu.idleSeconds - (old?.idleSeconds ?? 0);
    const rate = (count: number, was: number | undefined): number => Math.max(0, count - (was ?? 0)) / seconds;
    return {
      busy: Math.min(1, Math.max(0, 1 - idle / seconds)),
      mips: rate(vcpu.instructions, old?.instructions) / 1e6,
      exits: Object.fromEntries(Object.entries(vcpu.exits).map(([reason, count]) => [reason, rate(count, old?.exits[reason])])),
    };
  });
}

/** A round number at or above `value`: the top of an axis. */
export function axisTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * power >= value) ?? 10;
  return step * power;
}

/** Points of a line over the newest samples, the newest at the right edge; `values` from 0 to `top`. */
export function linePoints(values: readonly number[], top: number, width: number, height: number): string {
  const step = width / (MOST_SAMPLES - 1);
  return values
    .map((value, index) => {
      const x = width - (values.length - 1 - index) * step;
      return `${x.toFixed(1)},${(height - (Math.min(value, top) / top) * height).toFixed(1)}`;
    })
    .join(' ');
}

const EXIT_WORDS: Readonly<Record<string, string>> = {
  budget: 'Budget used up',
  attention: 'Attention (interrupt, stop)',
  fault: 'Exception',
  halt: 'HLT',
  service: 'Mode or state changed',
};

export function exitWords(reason: string): string {
  return EXIT_WORDS[reason] ?? reason;
}
