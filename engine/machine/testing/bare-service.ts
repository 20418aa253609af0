/** A machine's service without workers: the vCPUs stand still throughout, as if they slept in HLT. */
import { afterEach } from 'vitest';
import { vcpuState } from '../../isa/state.ts';
import { MachineError, type ClockMode, type MachineConfiguration, type MachineEvent } from '../machine.ts';
import { MachineMemory, mebibyte } from '../memory.ts';
import { MachineService } from '../service.ts';

const made: MachineService[] = [];
afterEach(() => {
  for (const service of made.splice(0)) service.dispose();
});

/** A boot sector that begins with these bytes. */
function bootSector(...code: number[]): Uint8Array {
  const image = new Uint8Array(512);
  image.set(code);
  image.set([0x55, 0xaa], 510);
  return image;
}

/** It is disposed of after the test. */
export function bareService(clock: ClockMode = 'wall', more: Partial<MachineConfiguration> = {}) {
  const configuration: MachineConfiguration = {
    name: 'test',
    cpus: 1,
    memoryBytes: 2 * mebibyte,
    clock,
    boot: { kind: 'boot-sector', image: bootSector(0xf4, 0xeb, 0xfd) },
    ...more,
  };
  const memory = MachineMemory.create({ ramBytes: configuration.memoryBytes, cpus: 1, romBytes: mebibyte });
  const service = new MachineService(memory, configuration);
  made.push(service);
  const events: MachineEvent[] = [];
  service.onEvent = (event) => events.push(event);
  const stopWord = () => Atomics.load(memory.words, service.control.stopWords.stop(0));
  const states = () => events.flatMap((event) => (event.kind === 'state' ? [event.state] : []));
  return { service, memory, events, states, stopWord, vcpu: memory.block(vcpuState, '0') };
}

/** The code of the MachineError that `body` throws; undefined when it throws none. */
export function errorCode(body: () => unknown): string | undefined {
  try {
    body();
  } catch (error) {
    if (error instanceof MachineError) return error.code;
    throw error;
  }
  return undefined;
}
