/** Changes of a machine's file that people ask for one by one. */
import { MEMORY_UNIT } from '../contract/machine.ts';
import { HostError } from './errors.ts';
import type { MachineFile } from './machine-file.ts';

/** Absent: as it is. */
export interface MachineChange {
  memoryBytes?: number;
  cpus?: number;
  clock?: 'wall' | 'virtual';
  note?: string;
  group?: string | null;
  tags?: string[];
  commandLine?: string | null;
  virtioGpu?: boolean;
  virtioInput?: boolean;
}

/** What takes effect at the next start is changed only while off; what people see, at any time. */
export function needsOff({ memoryBytes, cpus, clock, commandLine, virtioGpu, virtioInput }: MachineChange): boolean {
  return [memoryBytes, cpus, clock, commandLine, virtioGpu, virtioInput].some((value) => value !== undefined);
}

/** Throws BAD_INPUT for a command line where there is no kernel. */
export function changed(file: MachineFile, change: MachineChange): MachineFile {
  const next: MachineFile = { ...file };
  if (change.memoryBytes !== undefined) next.memoryMiB = change.memoryBytes / MEMORY_UNIT;
  if (change.cpus !== undefined) next.cpus = change.cpus;
  if (change.clock !== undefined) next.clock = change.clock;
  if (change.virtioGpu !== undefined) {
    const { virtioGpu: _before, ...display } = file.display ?? {};
    next.display = change.virtioGpu ? { ...display, virtioGpu: true } : display;
  }
  if (change.virtioInput !== undefined) {
    const { virtioInput: _before, ...display } = next.display ?? {};
    next.display = change.virtioInput ? display : { ...display, virtioInput: false };
  }
  if (change.note !== undefined) next.note = change.note;
  if (change.group === null) delete next.group;
  else if (change.group !== undefined) next.group = change.group;
  if (change.tags !== undefined) next.tags = change.tags;
  if (change.commandLine !== undefined) {
    if (file.boot.kind !== 'kernel')
      throw new HostError('BAD_INPUT', 'Only a machine that starts a kernel has a command line.');
    const { commandLine: _before, ...boot } = file.boot;
    next.boot = change.commandLine === null ? boot : { ...boot, commandLine: change.commandLine };
  }
  return next;
}
