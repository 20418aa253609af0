/** What the host may see and do of SMM, on the service worker: state, SMRAM, save states, SMIs of its own. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { saveStateEnd, saveStateMaps, saveStateStart } from '../cpu/smm/save-state.ts';
import { vcpuState } from '../isa/state.ts';
import { MachineError, type MachineState } from '../machine/machine.ts';
import type { MachineMemory } from '../machine/memory.ts';
import type { MachinePhysicalMap } from '../machine/physical-map.ts';
import type { InjectedSmis, SaveStateField, SaveStateLayout, SmmSaveState, SmmState } from '../machine/smm-face.ts';
import { hostNanoseconds } from './observation.ts';
import type { SystemManagement } from './system-management.ts';

/** What the host bridge's registers say. */
export interface SmramControl {
  open: boolean;
  closed: boolean;
  locked: boolean;
}

export interface SmmMachine {
  readonly name: string;
  readonly memory: MachineMemory;
  readonly map: MachinePhysicalMap;
  readonly smm: SystemManagement;
  readonly layout: SaveStateLayout;
  smramControl(): SmramControl;
  state(): MachineState;
  /** Under the virtual clock while no vCPU runs, so that the moment is exact. */
  send(cpu: number): boolean;
}

const largestRead = 1 << 20;
const mostInjected = 1_000_000;
/** A vCPU that has not taken an SMI after this many milliseconds of the host is stuck in SMM. */
const longestHandler = 5000;

export function smmState(machine: SmmMachine): SmmState {
  const { smm } = machine;
  return {
    layout: machine.layout,
    mapped: smm.active,
    ...machine.smramControl(),
    ranges: machine.map.smramRanges,
    breakOn: smm.breakOn,
    statistics: smm.statistics(),
    now: hostNanoseconds(),
  };
}

export function readSmram({ map, memory }: SmmMachine, address: number, length: number): Uint8Array {
  if (!Number.isInteger(address) || !Number.isInteger(length) || length < 1 || length > largestRead) {
    throw new MachineError('bad-configuration', `SMRAM is read in pieces of 1 byte to 1 MiB, not ${length} bytes at ${address}.`);
  }
  const inside = map.smramRanges.some(({ base, size }) => address >= base && address + length <= base + size);
  if (!inside) {
    const ranges = map.smramRanges.map(({ base, size }) => `0x${base.toString(16)}-0x${(base + size - 1).toString(16)}`);
    throw new MachineError(
      'bad-configuration',
      `${length} bytes at 0x${address.toString(16)} are not SMRAM: ${ranges.length === 0 ? 'the chipset has none enabled' : `that is ${ranges.join(' and ')}`}.`,
    );
  }
  return memory.ram.slice(address, address + length);
}

export function smmSaveState({ name, memory, layout }: SmmMachine, cpu: number): SmmSaveState {
  if (!Number.isInteger(cpu) || cpu < 0 || cpu >= memory.shape.cpus) throw noSuchVcpu(name, cpu, memory.shape.cpus);
  const { smbase, inSmm } = memory.block(vcpuState, String(cpu));
  if (smbase + saveStateEnd > memory.shape.ramBytes) {
    throw new MachineError(
      'wrong-state',
      `The save state of vCPU ${cpu} is outside of memory: SMBASE is 0x${smbase.toString(16)}.`,
    );
  }
  const start = memory.ramBase + smbase + saveStateStart;
  const view = new DataView(memory.buffer, start, saveStateEnd - saveStateStart);
  const fields = saveStateMaps[layout].entries.map(({ name: field, offset, bytes, hidden }): SaveStateField => {
    let value = '';
    for (let byte = bytes - 1; byte >= 0; byte--)
      value += view
        .getUint8(offset - saveStateStart + byte)
        .toString(16)
        .padStart(2, '0');
    return { name: field, offset, bytes, value, hidden };
  });
  return { cpu, layout, smbase, inSmm: inSmm !== 0, fields };
}

export async function injectSmis(machine: SmmMachine, target: number | 'all', count: number): Promise<InjectedSmis> {
  const { name, memory } = machine;
  const { cpus } = memory.shape;
  if (target !== 'all' && (!Number.isInteger(target) || target < 0 || target >= cpus)) throw noSuchVcpu(name, target, cpus);
  if (!Number.isInteger(count) || count < 1 || count > mostInjected) {
    throw new MachineError('bad-configuration', `1 to ${mostInjected} SMIs can be sent at once, not ${count}.`);
  }
  if (count > 1 && machine.state() !== 'running') {
    throw new MachineError(
      'wrong-state',
      `The machine ${name} is ${machine.state()}: it takes one SMI, when it goes on, not ${count}.`,
    );
  }
  const targets = target === 'all' ? Array.from({ length: cpus }, (_, cpu) => cpu) : [target];
  const result: InjectedSmis = { sent: 0, latched: 0 };
  for (let round = 0; round < count; round++) {
    if (round > 0) await untilTaken(machine, targets);
    for (const cpu of targets) {
      result.sent += 1;
      if (!machine.send(cpu)) result.latched += 1;
    }
  }
  return result;
}

async function untilTaken({ name, smm, state }: SmmMachine, targets: readonly number[]): Promise<void> {
  const end = performance.now() + longestHandler;
  while (!targets.every((cpu) => smm.isIdle(cpu))) {
    if (state() !== 'running')
      throw new MachineError('wrong-state', `The machine ${name} is ${state()} before all SMIs were taken.`);
    if (performance.now() > end) {
      const stuck = targets.find((cpu) => !smm.isIdle(cpu));
      throw new MachineError(
        'wrong-state',
        `vCPU ${stuck} has not taken its SMI for ${longestHandler / 1000} s: its handler does not end.`,
      );
    }
    await nextTurn();
  }
}

function noSuchVcpu(name: string, cpu: number, cpus: number): MachineError {
  return new MachineError(
    'bad-configuration',
    `The machine ${name} has no virtual CPU ${cpu}: they are numbered 0 to ${cpus - 1}.`,
  );
}
