/**
 * What smm.spec.ts explores: by vCPU what it does besides, and what goes on beside the vCPUs, each in a thread of its own. Every vCPU that gets an SMI
 * executes RSM behind it. What is left out of a row is in another: each event meets each other on two vCPUs, and SMI and RSM on four.
 */
import type { Habit, Other } from './smm-model.ts';

type Row = readonly [vcpus: readonly Habit[], others: readonly Other[]];

/** In each run of the suite. */
export const everyTime: readonly Row[] = [
  [['busy'], ['SMI 0', 'SMI 0', 'INIT 0', 'NMI 0', 'pause']],
  [['busy'], ['SMI 0', 'SMI 0', 'INIT 0', 'NMI 0', 'reset']],
  [['busy', 'busy'], ['SMI 0']],
  [
    ['busy', 'busy'],
    ['SMI 0', 'SMI 0', 'INIT 0', 'NMI 1'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'SMI 1'],
  ],
  [
    ['busy', 'lock'],
    ['SMI 0', 'SMI 1'],
  ],
  [
    ['halts', 'halts'],
    ['SMI 0', 'SMI 1'],
  ],
  [
    ['gathers', 'halts'],
    ['SMI 0', 'SMI 1'],
  ],
  [
    ['busy', 'halts'],
    ['SMI 0', 'SMI 1', 'INIT 0', 'NMI 1'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'pause'],
  ],
  [
    ['busy', 'lock'],
    ['SMI 0', 'pause'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'reset'],
  ],
  [
    ['busy', 'halts'],
    ['SMI 1', 'reset'],
  ],
  [['busy', 'busy', 'halts'], ['SMI 0']],
  [
    ['busy', 'busy', 'lock'],
    ['SMI 0', 'INIT 0', 'NMI 2'],
  ],
  [
    ['busy', 'busy', 'busy'],
    ['SMI 0', 'SMI 0', 'INIT 0', 'NMI 1'],
  ],
  [
    ['busy', 'busy', 'busy', 'busy'],
    ['SMI 0', 'INIT 0'],
  ],
  [['busy', 'busy', 'halts', 'lock'], ['SMI 0']],
];

/** With VITRINE_MODEL=long. */
export const atLength: readonly Row[] = [
  [
    ['busy', 'halts'],
    ['SMI 0', 'INIT 0', 'NMI 1', 'pause'],
  ],
  [
    ['busy', 'halts'],
    ['SMI 0', 'INIT 0', 'NMI 1', 'reset'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'SMI 0', 'pause'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'SMI 1', 'pause'],
  ],
  [
    ['gathers', 'busy'],
    ['SMI 0', 'SMI 1', 'pause'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'SMI 1', 'reset'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'SMI 0', 'SMI 1', 'reset'],
  ],
  [
    ['busy', 'busy'],
    ['SMI 0', 'pause', 'reset'],
  ],
  [
    ['busy', 'busy', 'halts'],
    ['SMI 0', 'SMI 1'],
  ],
  [
    ['busy', 'busy', 'busy'],
    ['SMI 0', 'pause'],
  ],
  [
    ['busy', 'busy', 'busy'],
    ['SMI 0', 'reset'],
  ],
  [
    ['busy', 'busy', 'busy', 'busy'],
    ['SMI 0', 'SMI 0', 'INIT 0', 'NMI 1'],
  ],
];
