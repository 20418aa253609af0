/**
 * System Management Mode of one machine, as each of its threads has it: the rendezvous on real memory, SMIs sent, what is seen of it, and
 * what the host may ask. The state of SMM itself is in the vCPU blocks (`inSmm`, `smbase`, `latched`); all else follows from them.
 */
import { latch, resetSmbase } from '../cpu/reset.ts';
import { Attention, vcpuState, type VcpuState } from '../isa/state.ts';
import { run, type Protocol } from '../machine/atomic-step.ts';
import type { MachineControl } from '../machine/control.ts';
import type { MachineMemory } from '../machine/memory.ts';
import type { SmiCause, SmmBreak, SmmEvents, SmmStatistics } from '../machine/smm-face.ts';
import { releaseAll, requestStop, StopReason } from '../machine/stop.ts';
import { Duration, smiIoBlock, smmBlock, type SmiIoBlock, type SmmBlock } from './blocks.ts';
import { causes, hostNanoseconds, SmmObservation } from './observation.ts';
import { enterSmm, knock, leaveSmm, sendSmi, stand, type SmmHooks, type SmmWords } from './rendezvous.ts';

const breakOnEntry = 1;
const breakOnExit = 2;

export class SystemManagement {
  readonly words: SmmWords;
  /** The I/O instruction at which each vCPU's SMI arose. */
  readonly io: SmiIoBlock;
  readonly observation: SmmObservation;
  readonly #block: SmmBlock;
  readonly #states: VcpuState[];
  readonly #shared: Int32Array<SharedArrayBuffer>;
  readonly #control: MachineControl;
  readonly #hooks: SmmHooks;
  readonly #dropTranslations: () => void;
  readonly #others: readonly (readonly number[])[];
  /** The vCPU stands still for others behind its RSM; called on its own thread. */
  onHeld: () => void = () => undefined;
  #stoppingSince = 0;
  #resumedAt = 0;

  /** `dropTranslations` is asked for on the thread of a vCPU, for that vCPU. */
  constructor(memory: MachineMemory, control: MachineControl, dropTranslations: () => void = () => undefined) {
    const base = memory.directory.open(smmBlock, '', { transient: true });
    this.#block = smmBlock.at(memory.buffer, base);
    this.io = memory.block(smiIoBlock);
    this.#shared = memory.words;
    this.#control = control;
    this.#dropTranslations = dropTranslations;
    const numbers = Array.from({ length: control.cpus }, (_, cpu) => cpu);
    this.#others = numbers.map((cpu) => numbers.filter((other) => other !== cpu));
    this.#states = Array.from({ length: control.cpus }, (_, cpu) => memory.block(vcpuState, String(cpu)));
    const word = (field: 'turn' | 'members' | 'view' | 'noted') => (base + smmBlock.offset[field]) >>> 2;
    this.observation = new SmmObservation(this.#block, memory.words, word('noted'));
    this.words = { stop: control.stopWords, turn: word('turn'), members: word('members'), view: word('view') };
    this.#hooks = this.#makeHooks(dropTranslations);
  }

  // The vCPU's own thread

  /** The vCPU has something to do about SMM before its next instruction: enter, or leave. Between two instructions. */
  due(cpu: number): boolean {
    const state = this.#states[cpu];
    if (state === undefined || state.inSmm !== 0) return false;
    return this.#hasSmi(cpu) || (Atomics.load(this.#shared, this.words.members) & (1 << cpu)) !== 0;
  }

  #hasSmi(cpu: number): boolean {
    return (Atomics.load(this.#shared, this.words.stop.attention(cpu)) & Attention.smi) !== 0;
  }

  /** Whether the vCPU is due to enter rather than to leave. */
  enters(cpu: number): boolean {
    return this.#hasSmi(cpu);
  }

  /** Becomes a member. The caller saves the state and calls `entered` before the vCPU's next poll. */
  enter(cpu: number): void {
    if (this.#control.cpus === 1) return this.#enterAlone();
    run(this.#shared, enterSmm(this.words, cpu, this.#hooks));
  }

  /** One vCPU: nobody has to stand still, and nobody can stop it between these lines. */
  #enterAlone(): void {
    const { words } = this;
    this.#dropTranslations();
    if (Atomics.exchange(this.#shared, words.members, 1) !== 0) return;
    Atomics.store(this.#shared, words.view, 1);
    this.observation.note('map', 0);
    this.#block.rendezvous += 1;
  }

  #leaveAlone(): void {
    const { words } = this;
    this.#dropTranslations();
    Atomics.store(this.#shared, words.members, 0);
    Atomics.store(this.#shared, words.view, 0);
    this.observation.note('unmap', 0);
  }

  /** The state is saved, `inSmm` is set. True: somebody wants the machine to pause here. */
  entered(cpu: number): boolean {
    Atomics.and(this.#shared, this.words.stop.attention(cpu), ~Attention.smi);
    const block = this.#block;
    const cause = causes[block.pendingCause[cpu] ?? 0];
    const since = block.pendingSince[cpu] ?? 0;
    const now = this.observation.note('enter', cpu, cause);
    block.entries[cpu]! += 1;
    block.inSmmSince[cpu] = now;
    if (since !== 0) this.observation.record(Duration.latency, cpu, now - since);
    block.pendingSince[cpu] = 0;
    return (block.breakOn & breakOnEntry) !== 0;
  }

  /** RSM was executed, and nobody has said so yet. */
  endsVisit(cpu: number): boolean {
    return this.isMember(cpu) && this.#block.inSmmSince[cpu] !== 0;
  }

  /** RSM was executed. True: somebody wants the machine to pause here. */
  resumed(cpu: number): boolean {
    const block = this.#block;
    const now = this.observation.note('rsm', cpu);
    this.#resumedAt = now;
    const since = block.inSmmSince[cpu] ?? 0;
    block.inSmmSince[cpu] = 0;
    if (since !== 0) {
      block.inSmmFor[cpu]! += now - since;
      this.observation.record(Duration.residency, cpu, now - since);
    }
    return (block.breakOn & breakOnExit) !== 0;
  }

  /** Ends membership; comes back when the vCPU may execute again, in SMM if it has got an SMI. `mayJoin`: see `stand` in rendezvous.ts. */
  leave(cpu: number, mayJoin?: () => boolean): void {
    if (this.#control.cpus === 1) this.#leaveAlone();
    else run(this.#shared, leaveSmm(this.words, cpu, this.#hooks, mayJoin));
    if (this.#resumedAt !== 0) this.observation.record(Duration.exit, cpu, hostNanoseconds() - this.#resumedAt);
    this.#resumedAt = 0;
  }

  /** As leaveQuiescence, between two instructions. */
  stand(cpu: number, mayJoin?: () => boolean): void {
    run(this.#shared, stand(this.words, cpu, this.#hooks, mayJoin));
  }

  /** A vCPU that is stopped because others are in SMM looks again whether it may join them. Any thread. */
  knock(cpu: number): void {
    run(this.#shared, knock(this.words.stop, cpu));
  }

  /** Whether the vCPU is stopped because others are in SMM. */
  holds(cpu: number): boolean {
    return (Atomics.load(this.#shared, this.words.stop.stop(cpu)) & StopReason.smm) !== 0;
  }

  /** Whether anybody is in SMM, or about to enter or leave. */
  get active(): boolean {
    return Atomics.load(this.#shared, this.words.members) !== 0;
  }

  isMember(cpu: number): boolean {
    return (Atomics.load(this.#shared, this.words.members) & (1 << cpu)) !== 0;
  }

  #makeHooks(dropTranslations: () => void): SmmHooks {
    const { observation } = this;
    const block = this.#block;
    const others = (cpu: number) => this.#others[cpu] ?? [];
    const released = (cpu: number, time: number) => {
      const since = block.stoppedSince[cpu] ?? 0;
      if (since === 0) return;
      block.stoppedSince[cpu] = 0;
      block.stoppedFor[cpu]! += time - since;
      observation.note('release', cpu, undefined, time);
    };
    const held = (cpu: number, time: number) => {
      block.stoppedSince[cpu] = time;
      block.stops[cpu]! += 1;
    };
    return {
      *dropTranslations(): Protocol {
        dropTranslations();
      },
      stopping: (cpu) => {
        this.#stoppingSince = observation.note('stop', cpu);
      },
      stopped: (cpu) => {
        const now = hostNanoseconds();
        for (const other of others(cpu)) {
          held(other, now);
          observation.note('acknowledge', other, undefined, now);
        }
        observation.record(Duration.stop, cpu, now - this.#stoppingSince);
      },
      mapped: (cpu) => void observation.note('map', cpu),
      joined: (cpu, first) => {
        if (first) block.rendezvous += 1;
        else {
          block.joins += 1;
          released(cpu, hostNanoseconds());
        }
      },
      unmapped: (cpu) => {
        const now = observation.note('unmap', cpu);
        for (const other of others(cpu)) released(other, now);
      },
      held: (cpu) => {
        held(cpu, observation.note('hold', cpu));
        this.onHeld();
      },
    };
  }

  // Any thread

  /** Sends an SMI. False: one is pending already, or the vCPU is in SMM; they fall together. */
  send(cpu: number, cause: SmiCause): boolean {
    const state = this.#states[cpu];
    if (state === undefined) throw new RangeError(`There is no virtual CPU ${cpu}.`);
    const block = this.#block;
    Atomics.add(block.smis, cpu, 1);
    Atomics.add(block.causes, causes.indexOf(cause), 1);
    const inSmm = state.inSmm !== 0;
    const time = hostNanoseconds();
    if (!this.#hasSmi(cpu) && (state.latched & Attention.smi) === 0) {
      block.pendingCause[cpu] = causes.indexOf(cause);
      block.pendingSince[cpu] = time;
    }
    // Of several senders at the very same moment one is the first.
    const waits = run(this.#shared, sendSmi(this.words.stop, cpu)) || inSmm;
    if (waits) Atomics.add(block.latched, cpu, 1);
    this.observation.note(waits ? 'latched' : 'smi', cpu, cause, time);
    // Not the bit again: the vCPU may have taken it, and would enter twice.
    this.#control.tellHolder(cpu);
    return !waits;
  }

  // Service worker

  /** Every vCPU stands still between two instructions and the vCPU blocks were replaced: derives who is a member. */
  rederive(): void {
    let members = 0;
    this.#states.forEach((state, cpu) => {
      if (state.inSmm !== 0) members |= 1 << cpu;
    });
    const { words } = this;
    Atomics.store(this.#shared, words.turn, 0);
    Atomics.store(this.#shared, words.members, members);
    Atomics.store(this.#shared, words.view, members === 0 ? 0 : 1);
    run(this.#shared, releaseAll(words.stop, StopReason.smm));
    const now = hostNanoseconds();
    const block = this.#block;
    block.stoppedSince.fill(0);
    block.inSmmSince.fill(0);
    block.pendingSince.fill(0);
    if (members === 0) return;
    for (let cpu = 0; cpu < this.#control.cpus; cpu++) {
      if ((members & (1 << cpu)) !== 0) block.inSmmSince[cpu] = now;
      else {
        run(this.#shared, requestStop(words.stop, cpu, StopReason.smm));
        block.stoppedSince[cpu] = now;
      }
    }
  }

  /** Before a state is saved, while every vCPU stands still: what is pending goes where it is saved, and is pending no more until `restorePending`. */
  keepPending(): void {
    this.#states.forEach((state, cpu) => {
      latch(state, Atomics.and(this.#shared, this.words.stop.attention(cpu), ~asynchronous) & asynchronous);
    });
  }

  /** After a state was restored, or kept: what it holds of pending events is pending again. */
  restorePending(): void {
    this.#states.forEach((state, cpu) => {
      // A state that is older than SMM has no SMBASE.
      if (state.smbase === 0) state.smbase = resetSmbase;
      const bits = state.latched & asynchronous;
      state.latched &= ~(asynchronous & ~Attention.nmi);
      if (bits !== 0) this.#control.attend(cpu, bits);
    });
  }

  get breakOn(): SmmBreak {
    const bits = this.#block.breakOn;
    return { entry: (bits & breakOnEntry) !== 0, exit: (bits & breakOnExit) !== 0 };
  }
  set breakOn({ entry, exit }: SmmBreak) {
    this.#block.breakOn = (entry ? breakOnEntry : 0) | (exit ? breakOnExit : 0);
  }

  events(since: number): SmmEvents {
    return this.observation.read(since);
  }

  /** Whether the vCPU has taken the SMIs that were sent to it. */
  isIdle(cpu: number): boolean {
    const state = this.#states[cpu];
    return state !== undefined && !this.#hasSmi(cpu) && (state.latched & Attention.smi) === 0;
  }

  /** Power-on: figures begin anew. */
  clear(): void {
    this.observation.clear();
  }

  statistics(): SmmStatistics {
    const block = this.#block;
    const now = hostNanoseconds();
    const vcpus = this.#states.map((state, cpu) => {
      const inSmmSince = block.inSmmSince[cpu] ?? 0;
      const stoppedSince = block.stoppedSince[cpu] ?? 0;
      const since = inSmmSince !== 0 ? inSmmSince : stoppedSince;
      return {
        inSmm: state.inSmm !== 0,
        stopped: stoppedSince !== 0,
        since: since === 0 ? undefined : since,
        smis: block.smis[cpu] ?? 0,
        latched: block.latched[cpu] ?? 0,
        entries: block.entries[cpu] ?? 0,
        stops: block.stops[cpu] ?? 0,
        stoppedFor: (block.stoppedFor[cpu] ?? 0) + (stoppedSince === 0 ? 0 : Math.max(0, now - stoppedSince)),
        inSmmFor: (block.inSmmFor[cpu] ?? 0) + (inSmmSince === 0 ? 0 : Math.max(0, now - inSmmSince)),
        smbase: state.smbase,
      };
    });
    const sum = (key: 'smis' | 'latched' | 'entries') => vcpus.reduce((total, each) => total + each[key], 0);
    const [apm = 0, chipset = 0, ipi = 0, injected = 0] = block.causes;
    return {
      smis: sum('smis'),
      latched: sum('latched'),
      causes: { apm, chipset, ipi, injected },
      entries: sum('entries'),
      rendezvous: block.rendezvous,
      joins: block.joins,
      latency: this.observation.histogram(Duration.latency),
      stop: this.observation.histogram(Duration.stop),
      residency: this.observation.histogram(Duration.residency),
      exit: this.observation.histogram(Duration.exit),
      vcpus,
    };
  }
}

/** Events that are no interrupts. */
const asynchronous = Attention.nmi | Attention.smi | Attention.init | Attention.sipi;
