/**
 * The service worker's side of one machine: its parts, put together, and what vCPUs and chips say to them. One thread; every method runs to
 * its end before the next message.
 */
import { GuardService } from '../guard/guard-service.ts';
import { vcpuState } from '../isa/state.ts';
import { declareRequestBlocks } from '../peek/request-block.ts';
import type { SmmMachine } from '../smm/inspection.ts';
import { SystemManagement } from '../smm/system-management.ts';
import type { ChipRequest } from './bus.ts';
import { constructChips, type MachineChips } from './chips.ts';
import { MachineClock } from './clock.ts';
import { MachineControl } from './control.ts';
import { Copying } from './copying.ts';
import { MachineDebugger } from './debug/machine-debugger.ts';
import { DeviceLock } from './device-lock.ts';
import { digestParts } from './digest.ts';
import { DiskService, type OpenImage } from './disk-service.ts';
import { DisplayService } from './display-service.ts';
import { openDriveImage } from './drive-image.ts';
import { EpochGate } from './epoch-gate.ts';
import { GracePeriods } from './grace-period.ts';
import type { GuardRequest, GuardState } from './guard-types.ts';
import { InputService } from './input-service.ts';
import { LifeCycle } from './life-cycle.ts';
import { MachineBus } from './machine-bus.ts';
import { initialiseClock, MachineReset } from './machine-reset.ts';
import type { MachineConfiguration, MachineEvent, MachineStatistics } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import { OutputService } from './output-service.ts';
import type { FromVcpu } from './protocol.ts';
import { RunUntil } from './run-until.ts';
import type { ServedMachine } from './served-machine.ts';
import { Standstill } from './standstill.ts';
import { readStatistics } from './statistics.ts';
import { StopReason } from './stop.ts';
import { Suspension } from './suspension.ts';
import { Synchronization } from './synchronization.ts';
import { TimerPlan } from './timer-plan.ts';
import { VcpuUsage } from './usage.ts';

export class MachineService implements ServedMachine {
  readonly control: MachineControl;
  readonly grace: GracePeriods;
  readonly clock: MachineClock;
  readonly standstill: Standstill;
  readonly bus: MachineBus;
  readonly timers: TimerPlan;
  readonly chips: MachineChips;
  readonly smm: SystemManagement;
  readonly debug: MachineDebugger;
  readonly guard: GuardService;
  readonly disks: DiskService;
  readonly epochs: EpochGate | undefined;
  readonly output: OutputService;
  readonly reset: MachineReset;
  readonly life: LifeCycle;
  readonly runUntil: RunUntil;
  readonly input: InputService;
  readonly displays: DisplayService;
  readonly suspension: Suspension;
  readonly copying: Copying;
  readonly synchronization: Synchronization;
  /** Told of every event, with the state that holds then. */
  onEvent: (event: MachineEvent) => void = () => {};
  readonly #usage;

  /** Constructs the chips, which declares their blocks, and seals the directory. The vCPUs' threads may start afterwards. */
  constructor(
    readonly memory: MachineMemory,
    readonly configuration: MachineConfiguration,
    openImage: OpenImage = (drive) => openDriveImage(drive, `machine ${configuration.name}`),
  ) {
    const { name } = configuration;
    const onEvent = (event: MachineEvent) => this.onEvent(event);
    const isRunning = () => this.life.state === 'running';
    const whileStopped = <Result>(body: () => Result): Result => this.standstill.whileStopped(body);
    const deviceWork = (body: () => void) => this.#deviceWork(body);
    this.control = new MachineControl(memory);
    this.grace = new GracePeriods((generation) => this.control.flushPassed(generation));
    this.clock = new MachineClock(memory);
    this.#usage = Array.from({ length: memory.shape.cpus }, (_, cpu) => new VcpuUsage(memory, cpu));
    this.standstill = new Standstill(this.control);
    this.standstill.ask(StopReason.power);
    const lock = new DeviceLock(memory.words, this.control.stopWords, this.control.lockWord, -1);
    this.bus = new MachineBus(memory, this.control, this.clock, lock, {
      // On this thread chips are called in the middle of other work.
      onRequest: (request) => queueMicrotask(() => this.carryOut(-1, request)),
      onOutput: () => queueMicrotask(() => this.output.drain(false)),
      onDisk: () => queueMicrotask(() => this.disks.look()),
      onArmed: (deadline) => this.timers.armed(deadline),
    });
    this.timers = new TimerPlan(this.bus, this.control, isRunning);
    initialiseClock(this.clock, configuration);
    this.control.takingTurns = this.control.cpus > 1 && configuration.clock === 'virtual';
    this.bus.memory.initialise();
    this.smm = new SystemManagement(memory, this.control);
    this.chips = constructChips(this.bus, this.control, configuration, (cpu, cause) => void this.smm.send(cpu, cause));
    this.debug = new MachineDebugger({
      name,
      memory,
      control: this.control,
      bus: this.bus,
      state: () => this.life.state,
      whileStopped,
      pause: (reason) => this.life.pauseNow(reason),
      go: (reason, options) => this.life.go(reason, options),
      tripleFaultReset: (cpu) => this.carryOut(cpu, { kind: 'reset', reason: 'Triple fault.' }),
      onEvent: (event) => this.onEvent({ kind: 'debug', event }),
    });
    declareRequestBlocks(memory);
    this.guard = new GuardService(memory, this.control, this.bus, whileStopped);
    this.reset = new MachineReset(this);
    memory.directory.seal();
    this.disks = new DiskService(configuration.drives ?? [], this.bus.disks, lock, openImage, {
      isRunning,
      isVirtual: () => this.clock.mode === 'virtual',
      onEvent,
    });
    if (configuration.pair !== undefined && configuration.clock === 'virtual') {
      this.epochs = new EpochGate(
        {
          memory,
          control: this.control,
          isRunning: () => isRunning() && this.life.busy === undefined,
          isQuiet: () => this.bus.timers.next() === Infinity,
          interruptPending: (cpu) => this.chips.interruptPending(cpu),
          apply: (inputs) => this.input.give(inputs),
          began: (decision, differs) => {
            this.output.drain();
            this.onEvent({ kind: 'epoch', decision, differs });
          },
        },
        configuration.pair === 'primary',
      );
    }
    this.output = new OutputService(this.bus.outputs, this.chips.outputs, onEvent);
    this.life = new LifeCycle({
      name,
      clock: this.clock,
      standstill: this.standstill,
      disks: this.disks,
      debug: this.debug,
      reset: this.reset,
      changed: (reason, isTold) => this.#changed(reason, isTold),
      wasReset: (reason) => {
        this.onEvent({ kind: 'reset', reason });
        this.timers.plan();
      },
      interrupted: (why) => this.runUntil.giveUp(why),
    });
    this.runUntil = new RunUntil(memory, this.clock, this.life);
    this.input = new InputService({ name, chips: this.chips, life: this.life, hasEpochs: this.epochs !== undefined, deviceWork });
    this.displays = new DisplayService({ control: this.control, chips: this.chips, lock, life: this.life, deviceWork, onEvent });
    this.suspension = new Suspension(this);
    this.copying = new Copying(this, this.runUntil);
    this.synchronization = new Synchronization(this);
  }

  #changed(reason: string, isTold: boolean): void {
    const { state } = this.life;
    this.output.drain();
    this.displays.watch();
    this.timers.plan();
    // What it was told while it stood still, and that an epoch had come to its end, led to nothing then.
    if (state === 'running') this.epochs?.look();
    this.onEvent({ kind: 'state', state, reason });
    if (state === 'paused' && isTold) this.debug.paused();
  }

  /** Work on chips from here: under the lock, and under the virtual clock while no vCPU runs, so that time is exact. */
  #deviceWork(body: () => void): void {
    if (this.clock.mode === 'virtual') this.standstill.whileStopped(() => this.bus.lock.with(body));
    else this.bus.lock.with(body);
    this.timers.plan();
  }

  // What vCPUs and chips say

  fromVcpu(message: FromVcpu): void {
    switch (message.kind) {
      case 'ready':
        return;
      case 'wake':
        this.control.answerDoorbell();
        this.output.drain(false);
        this.disks.look();
        this.timers.run();
        return;
      case 'request':
        return this.carryOut(message.cpu, message.request);
      case 'tripleFault':
        this.onEvent({ kind: 'tripleFault', chain: message.chain });
        if (this.debug.tripleFault(message.cpu)) return;
        return this.carryOut(message.cpu, { kind: 'reset', reason: 'Triple fault.' });
      case 'debug':
        return this.debug.fromVcpu(message.cpu, message.message);
      case 'reached':
        return this.runUntil.reached(message.missed);
      case 'epochEnd':
        this.epochs?.look();
        return;
      case 'smmBreak':
        if (this.life.state === 'running') {
          this.onEvent({ kind: 'smmBreak', cpu: message.cpu, at: message.at });
          this.life.pauseNow(`vCPU ${message.cpu} has ${message.at === 'entry' ? 'entered' : 'left'} System Management Mode.`);
        }
        // Paused by now, by this or by somebody else: that holds it.
        this.standstill.release(StopReason.debug, [message.cpu]);
        return;
      case 'crashed':
        return this.life.crash(message.reason);
    }
  }

  /** Carries out what a chip posted on vCPU `cpu`'s thread (-1: on this one). */
  carryOut(cpu: number, request: ChipRequest): void {
    this.life.forItself(() => this.#carryOut(cpu, request));
  }

  #carryOut(cpu: number, request: ChipRequest): void {
    const { life } = this;
    if (life.isOn) {
      this.output.drain();
      switch (request.kind) {
        case 'reset':
          return life.reset(request.reason);
        case 'powerOff':
          void life.powerOff(request.reason);
          return;
        case 'pause':
          if (life.state === 'running') life.pauseNow(request.reason);
          break;
        case 'debugExit':
          this.onEvent({ kind: 'debugExit', value: request.value });
          void life.powerOff('The guest ended the run through its debug port.');
          return;
        case 'smi':
          this.smm.send(cpu >= 0 ? cpu : 0, request.cause);
          break;
      }
    }
    if (cpu >= 0) this.standstill.release(StopReason.request, [cpu]);
  }

  /** A vCPU's thread ended without a word. */
  vcpuDied(cpu: number, reason: string): void {
    this.standstill.vcpuDied(cpu);
    this.life.crash(reason);
  }

  // What the main thread asks of several parts

  pressPowerButton(): void {
    this.life.require(['running'], 'asked to switch off');
    this.#deviceWork(() => this.chips.pressPowerButton());
  }

  /** See Machine.guard. */
  changeGuard(request: GuardRequest): Promise<GuardState> {
    // A look is as good in every state, and while somebody copies the machine.
    if (request.kind !== 'look') this.life.require(['running', 'paused'], 'guarded');
    return this.guard.perform(request);
  }

  statistics(): MachineStatistics {
    const views = Array.from({ length: this.control.cpus }, (_, cpu) => this.memory.block(vcpuState, String(cpu)));
    const idle = this.#usage.map(({ idleSeconds }) => idleSeconds);
    return readStatistics(views, idle, this.life.ranFor / 1000, this.smm.statistics());
  }

  /** What the host's calls about SMM work on. */
  get smmMachine(): SmmMachine {
    const { memory, smm, configuration } = this;
    return {
      name: configuration.name,
      memory,
      map: this.bus.memory,
      smm,
      layout: configuration.saveState ?? 'intel32',
      smramControl: () => this.bus.lock.with(() => this.chips.smramControl()),
      state: () => this.life.state,
      send: (cpu) => {
        this.life.require(['running', 'paused'], 'sent an SMI');
        const send = () => smm.send(cpu, 'injected');
        return this.clock.mode === 'virtual' ? this.standstill.whileStopped(send) : send();
      },
    };
  }

  digest(): string {
    this.life.require(['paused', 'off', 'crashed'], 'hashed while it changes');
    this.output.drain();
    return digestParts(this.memory).whole;
  }

  /** Ends all timers of this thread. */
  dispose(): void {
    this.grace.dispose();
    this.timers.dispose();
    this.input.hold();
    this.output.dispose();
    this.displays.dispose();
    this.runUntil.giveUp('The machine was disposed of before it got there.');
  }
}
