/** Entry of the worker of one vCPU. Never returns to its event loop while the machine lives. */
import { parentPort, workerData } from 'node:worker_threads';
import { interpreterModule } from '../execute/interpreter-module.ts';
import { Attention } from '../isa/state.ts';
import { constructChips } from './chips.ts';
import { MachineClock } from './clock.ts';
import { MachineControl } from './control.ts';
import { DeviceLock } from './device-lock.ts';
import { MachineBus } from './machine-bus.ts';
import { MachineMemory } from './memory.ts';
import { InterpretingProcessor } from './processor.ts';
import type { Compiled, FromVcpu, VcpuStart } from './protocol.ts';
import { platformOf, postRequest, VcpuThread, type VcpuParts } from './vcpu-thread.ts';

// Written by virtual-machine.ts of the same build, in this process.
const { memory: shared, configuration, cpu, service, interpreter } = workerData as VcpuStart;

const send = (message: FromVcpu) => service.postMessage(message);

try {
  const memory = MachineMemory.attach(shared);
  const control = new MachineControl(memory);
  const clock = new MachineClock(memory);
  const wake = () => {
    if (control.ringDoorbell()) send({ kind: 'wake' });
  };
  const lock = new DeviceLock(memory.words, control.stopWords, control.lockWord, cpu);
  const bus = new MachineBus(memory, control, clock, lock, {
    onRequest: (request) => postRequest({ cpu, control, send }, request),
    onOutput: wake,
    onDisk: wake,
    onArmed: (deadline) => {
      // The slice that runs was cut for the deadlines known before.
      if (clock.mode === 'virtual') control.attend(0, Attention.timer);
      else if (deadline < control.block.plan) wake();
    },
  });
  const chips = constructChips(bus, control, configuration);
  const parts: VcpuParts = {
    cpu,
    memory,
    control,
    clock,
    bus,
    interruptPending: () => chips.interruptPending(),
    acknowledgeInterrupt: () => chips.acknowledgeInterrupt(),
    send,
  };
  const compiled = interpreter ?? interpreterModule();
  if (interpreter === undefined) parentPort?.postMessage({ interpreter: compiled } satisfies Compiled);
  const processor = new InterpretingProcessor(memory, cpu, platformOf(parts), compiled);
  send({ kind: 'ready', cpu });
  new VcpuThread(parts, processor).loop();
} catch (error) {
  // A defect of the engine, never the guest's doing: the sentence is for people, the stack for us.
  if (error instanceof Error) process.stderr.write(`${error.stack ?? error.message}\n`);
  send({ kind: 'crashed', cpu, reason: `Virtual CPU ${cpu} failed: ${error instanceof Error ? error.message : String(error)}` });
}
