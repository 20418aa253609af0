/** The local vector table, and the state of an APIC after power-on, reset and INIT (SDM vol. 3, sections 11.4.7 and 11.5.1). */
import { ApicRegister, Delivery, LocalVector } from './registers.ts';
import type { LocalApicState } from './state.ts';

/** Register, field of the block, and the bits that mean something in it. */
export const localVectors = [
  [ApicRegister.localTimer, 'localTimer', 0x700ff | LocalVector.pending],
  [ApicRegister.localThermal, 'localThermal', 0x117ff],
  [ApicRegister.localPerformance, 'localPerformance', 0x117ff],
  [ApicRegister.localLint0, 'localLint0', 0x1f7ff],
  [ApicRegister.localLint1, 'localLint1', 0x1f7ff],
  [ApicRegister.localError, 'localError', 0x110ff],
] as const;

export type LocalEntry = (typeof localVectors)[number];

export const readOnlyOfVector = LocalVector.pending | LocalVector.remoteRequest;

export function localEntryAt(offset: number): LocalEntry | undefined {
  return localVectors.find(([at]) => at === offset);
}

/** The power-on state (section 11.4.7.1). `bootstrap`: LINT0 carries the 8259's INTR, as firmware that knows no APIC needs it. */
export function resetLocalApic(state: LocalApicState, cpu: number, bootstrap: boolean): void {
  initLocalApic(state, bootstrap);
  state.id = cpu;
}

/** After INIT: as after a reset, with the identifier kept (section 11.4.7.3). */
export function initLocalApic(state: LocalApicState, bootstrap: boolean): void {
  state.requested.fill(0);
  state.inService.fill(0);
  state.levelTriggered.fill(0);
  state.taskPriority = 0;
  state.logicalDestination = 0;
  state.destinationFormat = 0xffffffff;
  state.spurious = 0xff;
  state.errorStatus = 0;
  state.errors = 0;
  state.commandLow = 0;
  state.commandHigh = 0;
  for (const [, field] of localVectors) state[field] = LocalVector.masked;
  if (bootstrap) state.localLint0 = Delivery.external << LocalVector.modeShift;
  state.timerInitial = 0;
  state.timerDivide = 0;
  state.timerStart = 0;
  state.timestampDeadline = 0n;
}
