import { z } from 'zod';

/** Where an SMI came from: port 0xB2, another chip, a local APIC's message, the host. */
export const smiCause = z.enum(['apm', 'chipset', 'ipi', 'injected']);

/** How often something took how long: `counts[n]` times 2^n to 2^(n+1) - 1 ns, the last bucket open; sum and largest in ns. */
export const durationHistogram = z.object({ counts: z.array(z.number()), count: z.number(), total: z.number(), longest: z.number() });

/** Figures of System Management Mode since power-on; times in host nanoseconds. */
export const smmStatistics = z.object({
  /** SMIs sent, and those of them that fell together with one that was pending. */
  smis: z.number(),
  latched: z.number(),
  causes: z.record(smiCause, z.number()),
  entries: z.number(),
  /** Times that SMRAM was mapped; entries that found it mapped. */
  rendezvous: z.number(),
  joins: z.number(),
  /** From the SMI to the first instruction in SMM. */
  latency: durationHistogram,
  /** From the request to stop to the last acknowledgement. */
  stop: durationHistogram,
  /** In SMM. */
  residency: durationHistogram,
  /** From RSM to the next instruction. */
  exit: durationHistogram,
  vcpus: z.array(
    z.object({
      inSmm: z.boolean(),
      /** Stopped because another vCPU is in SMM. */
      stopped: z.boolean(),
      /** Since when it is in SMM or stopped for it. */
      since: z.number().optional(),
      smis: z.number(),
      latched: z.number(),
      entries: z.number(),
      stops: z.number(),
      stoppedFor: z.number(),
      inSmmFor: z.number(),
      smbase: z.number(),
    }),
  ),
});

export type DurationHistogramMessage = z.infer<typeof durationHistogram>;
export type SmmStatisticsMessage = z.infer<typeof smmStatistics>;
