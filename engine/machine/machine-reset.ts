/** What power-on and a reset do to a machine's memory, vCPUs and chips. Service worker; every vCPU stands still. */
import { boot } from '../firmware/plan.ts';
import type { GuardService } from '../guard/guard-service.ts';
import { Attention } from '../isa/state.ts';
import type { SystemManagement } from '../smm/system-management.ts';
import { MachineBootContext } from './boot.ts';
import type { MachineChips } from './chips.ts';
import { virtualStartTime, type MachineClock } from './clock.ts';
import { flushAll, type MachineControl } from './control.ts';
import type { MachineDebugger } from './debug/machine-debugger.ts';
import type { EpochGate } from './epoch-gate.ts';
import type { MachineBus } from './machine-bus.ts';
import type { MachineConfiguration } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import { runTarget } from './run-target.ts';

/** What is reset. */
export interface MachineParts {
  readonly configuration: MachineConfiguration;
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  readonly clock: MachineClock;
  readonly bus: MachineBus;
  readonly chips: MachineChips;
  readonly debug: MachineDebugger;
  readonly smm: SystemManagement;
  readonly guard: GuardService;
  /** Of a side of a pair under the virtual clock. */
  readonly epochs: EpochGate | undefined;
}

/** Sets the clock to power-on, standing still. */
export function initialiseClock(clock: MachineClock, { clock: mode, startTime }: MachineConfiguration): void {
  clock.initialise(mode, startTime ?? (mode === 'virtual' ? virtualStartTime : Math.floor(Date.now() / 1000)));
}

export class MachineReset {
  readonly #target;
  #used = false;

  constructor(private readonly machine: MachineParts) {
    this.#target = runTarget(machine.memory);
  }

  /** Memory and clock of power-on. */
  clear(): void {
    const { memory, smm, clock, configuration } = this.machine;
    if (this.#used) {
      memory.ram.fill(0);
      memory.vram.fill(0);
      memory.scanoutMemory.fill(0);
      memory.guardPages.fill(0);
      memory.pageEpoch.fill(0);
    }
    this.#used = true;
    smm.clear();
    initialiseClock(clock, configuration);
  }

  /** Brings everything to its reset state and loads what the machine starts from. */
  prepare(powerOn: boolean): void {
    const { configuration, guard, epochs, control } = this.machine;
    const context = this.toResetState(powerOn);
    epochs?.arm();
    boot(configuration.boot, context);
    // What the loader wrote is what is protected.
    for (const range of configuration.guard?.ranges ?? []) guard.protectAtReset(range);
    control.noteStateReplaced();
    this.offerInterrupts();
  }

  /** Brings everything to its reset state, with nothing loaded. */
  toResetState(powerOn: boolean): MachineBootContext {
    const { memory, control, bus, chips, debug, guard, smm } = this.machine;
    guard.reset(powerOn);
    this.#target.count = 0;
    debug.stateReplaced();
    const context = new MachineBootContext(memory, bus, chips);
    for (let cpu = 0; cpu < control.cpus; cpu++) {
      context.resetProcessor(cpu, powerOn);
      // What was asked of the processor before is void; its caches are stale, and a stop may be on its way.
      Atomics.store(memory.words, control.attentionWord(cpu), Attention.flush | Attention.stop);
    }
    // After the processors: under the virtual clock their counters are the time.
    bus.lock.with(() => {
      bus.timers.clear();
      bus.memory.reset();
      chips.reset();
    });
    smm.rederive();
    control.passTurn(0, 0);
    Atomics.store(memory.words, control.word('timekeeper'), 0);
    control.block.timekeeperDeadline = Infinity;
    control.requestFlush(flushAll);
    return context;
  }

  /** vCPUs that have an interrupt to take by their chips' state look for it. */
  offerInterrupts(): void {
    const { control, chips } = this.machine;
    for (let cpu = 0; cpu < control.cpus; cpu++) {
      if (chips.interruptPending(cpu)) control.attend(cpu, Attention.interrupt);
    }
  }
}
