/** What a front may know of the engine: the words in which the host speaks of machines. */
export type {
  ClockMode,
  DriveConfiguration,
  MachineConfiguration,
  MachineInput,
  MachineStatistics,
  Picture,
} from '../../engine/machine/machine.ts';
export { linkHeader } from '../../engine/display/link.ts';
