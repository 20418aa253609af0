/**
 * What smm.spec.ts explores: 'by vCPU what it does besides | what goes on beside the vCPUs, each in a thread of its own'. See Habit and Other. Every
 * vCPU that gets an SMI executes RSM behind it. Where vCPUs are exchanged for each other (3*busy), they are asked in any order, else as on real machines.
 */

/** In each run of the suite: all events on one vCPU and on two, all but reset on three, SMI, RSM and INIT on four. */
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
  'busy busy busy | SMI 0, pause',
  '2*busy | SMI any, pause',
  '3*busy | SMI any',
  '4*busy | SMI any',
  '4*busy | SMI any, INIT any',
];

/** With VITRINE_MODEL=long: with pause or reset on three and on four vCPUs, and on three together with INIT and NMI. */
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
  'busy busy busy | SMI 0, reset',
  '3*busy | SMI any, pause',
  '3*busy | SMI any, SMI any',
  '2*busy 2*halts | SMI any',
  'busy busy busy | SMI 0, INIT 0, NMI 1, pause',
  'busy busy busy | SMI 0, INIT 0, NMI 1, reset',
  'busy busy busy busy | SMI 0, SMI 1',
  'busy busy busy busy | SMI 0, SMI 0, INIT 0, NMI 1',
  'busy busy busy busy | SMI 0, pause',
  'busy busy busy busy | SMI 0, reset',
];
