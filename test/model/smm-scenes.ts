/**
 * What smm.spec.ts explores: 'by vCPU what it does besides | what goes on beside the vCPUs, each in a thread of its own'. See Habit and Other. Every
 * vCPU that gets an SMI executes RSM behind it.
 */

/** In each run of the suite: all kinds of events on one vCPU and on two, SMI, RSM, INIT and NMI on three and four. */
export const everyTime: readonly string[] = [
  'busy | SMI 0, SMI 0, INIT 0, NMI 0, pause',
  'busy | SMI 0, SMI 0, INIT 0, NMI 0, reset',
  'busy busy | SMI 0',
  'busy busy | SMI 0, SMI 0, INIT 0, NMI 1',
  'busy busy | SMI 0, SMI 1',
  'busy lock | SMI 0, SMI 1',
  'halts halts | SMI 0, SMI 1',
  'busy halts | SMI 0, SMI 1, INIT 0, NMI 1',
  'gathers busy | SMI 0, SMI 1, look 1',
  'decodes decodes | SMI 0',
  'busy busy | SMI 0, pause',
  'busy lock | SMI 0, pause',
  'busy busy | SMI 0, reset',
  'busy halts | SMI 1, reset',
  'busy busy halts | SMI 0',
  'decodes lock busy | SMI 2',
  'busy busy lock | SMI 0, INIT 0, NMI 2',
  'busy busy busy | SMI 0, SMI 1',
  'busy busy busy busy | SMI 0, INIT 0',
  'busy busy halts lock | SMI 0',
];

/** With VITRINE_MODEL=long: pause and reset on three vCPUs, with everything else on two; all but these on four. */
export const atLength: readonly string[] = [
  'busy halts | SMI 0, INIT 0, NMI 1, pause',
  'busy halts | SMI 0, INIT 0, NMI 1, reset',
  'busy busy | SMI 0, SMI 0, pause',
  'busy busy | SMI 0, SMI 1, pause',
  'gathers busy | SMI 0, SMI 1, pause',
  'busy busy | SMI 0, SMI 1, reset',
  'busy busy | SMI 0, SMI 0, SMI 1, reset',
  'busy busy | SMI 0, pause, reset',
  'busy halts | SMI 0, SMI 1, INIT 0, NMI 1, pause',
  'busy busy busy | SMI 0, SMI 0, INIT 0, NMI 1',
  'busy busy halts | SMI 0, SMI 1, INIT 0, NMI 1',
  'busy busy busy | SMI 0, pause',
  'busy busy busy | SMI 0, reset',
  'busy busy busy busy | SMI 0, SMI 1',
  'busy busy busy busy | SMI 0, SMI 0, INIT 0, NMI 1',
];
