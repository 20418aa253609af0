/** Entry of the worker of one vCPU. Never returns to its event loop while the machine lives. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { interpreterModule } from '../execute/interpreter-module.ts';
import { Attention } from '../isa/state.ts';
import { Guard } from '../guard/guard.ts';
import { GuardHypercalls } from '../guard/hypercalls.ts';
import { constructChips } from './chips.ts';
import { MachineClock } from './clock.ts';
import { MachineControl } from './control.ts';
import type { DebugOrders } from './debug/shared.ts';
import { VcpuDebugger } from './debug/vcpu-debugger.ts';
import { DeviceLock } from './device-lock.ts';
import { MachineBus } from './machine-bus.ts';
import { MachineMemory } from './memory.ts';
import { OutputNotice } from './output-notice.ts';
import { InterpretingProcessor } from './processor.ts';
import { ReadServer } from '../peek/read-server.ts';
import { silentMachine } from '../peek/silent-memory.ts';
import type { Compiled, FromVcpu, VcpuStart } from './protocol.ts';
import { SystemManagement } from '../smm/system-management.ts';
import { PauseLoop } from './pause-loop.ts';
import { run } from './atomic-step.ts';
import { requestStop, StopReason } from './stop.ts';
import { platformOf, postRequest, VcpuThread, type VcpuParts } from './vcpu-thread.ts';

// Written by virtual-machine.ts of the same build, in this process.
const { memory: shared, configuration, cpu, service, interpreter } = workerData as VcpuStart;

const send = (message: FromVcpu) => service.postMessage(message);

try {
  const memory = MachineMemory.attach(shared);
  const control = new MachineControl(memory);
  const clock = new MachineClock(memory);
  control.takingTurns = control.cpus > 1 && clock.mode === 'virtual';
  const wake = () => {
    if (control.ringDoorbell()) send({ kind: 'wake' });
  };
  const output = new OutputNotice(() => control.attend(cpu, Attention.timer), wake);
  const lock = new DeviceLock(memory.words, control.stopWords, control.lockWord, cpu);
  const bus = new MachineBus(memory, control, clock, lock, {
    onRequest: (request) => {
      // An SMI needs nobody else: the vCPU takes it behind the instruction that runs.
      if (request.kind === 'smi') smm.send(cpu, request.cause);
      else postRequest({ cpu, control, send }, request);
    },
    onOutput: () => output.said(),
    onDisk: wake,
    onArmed: (deadline) => {
      // The slice that runs was cut for the deadlines known before.
      control.attend(cpu, Attention.timer);
      if (clock.mode === 'virtual') return;
      // Read once: it may wake and be none any more, and then looks at the timers itself.
      const keeper = control.block.timekeeper;
      if (deadline < control.block.timekeeperDeadline && keeper !== 0) control.attend(keeper - 1, Attention.timer);
      else if (deadline < control.block.plan) wake();
    },
  });
  const smm: SystemManagement = new SystemManagement(memory, control, () => processor.dropTranslations());
  const chips = constructChips(bus, control, configuration, (target, cause) => void smm.send(target, cause));
  const guard = new Guard(memory, control, bus, cpu);
  const hypercalls = configuration.guard?.hypercalls === true ? new GuardHypercalls(guard, control, cpu) : undefined;
  const parts: VcpuParts = {
    cpu,
    memory,
    control,
    clock,
    bus,
    interruptPending: (other = cpu) => chips.interruptPending(other),
    acknowledgeInterrupt: () => chips.acknowledgeInterrupt(cpu),
    apics: chips.apics,
    smm,
    saveState: configuration.saveState,
    pauses: control.cpus > 1 ? new PauseLoop() : undefined,
    output,
    send,
  };
  const compiled = interpreter ?? interpreterModule();
  if (interpreter === undefined) parentPort?.postMessage({ interpreter: compiled } satisfies Compiled);
  const platform = { ...platformOf(parts), guard, hypercalls, servePeeks: () => reads.serve() };
  const processor = new InterpretingProcessor(memory, cpu, platform, compiled);
  const reads = new ReadServer(cpu, memory, control, silentMachine(memory, bus, chips.apics), processor.vcpu.cpu);
  const debug = new VcpuDebugger({
    cpu,
    memory,
    vcpu: processor.vcpu,
    isVirtual: clock.mode === 'virtual',
    // Nothing else is sent to this port, and only by the service worker of the same build.
    receive: () => receiveMessageOnPort(service)?.message as DebugOrders | undefined,
    send: (message) => send({ kind: 'debug', cpu, message }),
    hold: () => run(control.words, requestStop(control.stopWords, cpu, StopReason.request)),
  });
  send({ kind: 'ready', cpu });
  new VcpuThread({ ...parts, debug }, processor).loop();
} catch (error) {
  // A defect of the engine, never the guest's doing: the sentence is for people, the stack for us.
  if (error instanceof Error) process.stderr.write(`${error.stack ?? error.message}\n`);
  send({ kind: 'crashed', cpu, reason: `Virtual CPU ${cpu} failed: ${error instanceof Error ? error.message : String(error)}` });
}
