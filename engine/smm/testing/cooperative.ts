/**
 * vCPUs of one machine on one thread, a step at a time in a random order: the real rendezvous on the machine's real words, the real entry to SMM and RSM, and
 * the real ways to memory (TLB with its fast entries, physical map, code fetch). What is made up is the program: outside of SMM each vCPU
 * reads, writes and fetches SMRAM over and over, in SMM it looks whether anybody got through.
 */
import { tlb as tlbLayout, tlbSlot } from '../../execute/translation-cache.ts';
import { PageFault } from '../../cpu/faults.ts';
import { tlbBytes } from '../../cpu/tlb.ts';
import { Vcpu } from '../../cpu/vcpu.ts';
import { Attention, vcpuState } from '../../isa/state.ts';
import { perform, run, type AtomicStep, type Protocol } from '../../machine/atomic-step.ts';
import { resetState } from '../../cpu/reset.ts';
import { enterQuiescence } from '../../machine/stop.ts';
import { BareMachine } from '../../machine/testing/bare-machine.ts';
import { platformOf } from '../../machine/vcpu-thread.ts';
import * as rendezvous from '../rendezvous.ts';
import type { SmmHooks, SmmWords } from '../rendezvous.ts';
import { SystemManagement } from '../system-management.ts';

const smram = 0xa0000;
const secretAt = 0xa4000;
const canaryAt = 0xa4008;
const secret = 0x5ec2e70f;
const garbage = 0x66666666;

export type Rendezvous = Pick<typeof rendezvous, 'enterSmm' | 'leaveSmm' | 'stand'>;
export const sound: Rendezvous = rendezvous;

export interface Figures {
  /** Steps taken, each by a vCPU chosen at random; those of them that came while somebody was entering, in, or leaving SMM. */
  steps: number;
  interleavings: number;
  smis: number;
  entries: number;
  /** Accesses to SMRAM from outside of SMM, and those that came through. */
  tries: number;
  leaks: number;
  /** Times a handler found SMRAM missing or changed. */
  damaged: number;
}

export class Cooperative {
  readonly figures: Figures = { steps: 0, interleavings: 0, smis: 0, entries: 0, tries: 0, leaks: 0, damaged: 0 };
  readonly #machine: BareMachine;
  readonly #words: SmmWords;
  readonly #vcpus: Vcpu[] = [];
  readonly #threads: Generator<AtomicStep | undefined, void, number>[] = [];
  /** The step that each thread wants to take. */
  readonly #pending: (AtomicStep | undefined)[] = [];
  #random: number;

  constructor(
    readonly cpus: number,
    seed: number,
    private readonly parts: Rendezvous = sound,
    /** One in so many steps sends an SMI. */
    private readonly rarity = 40,
  ) {
    this.#random = seed | 1;
    const machine = BareMachine.create({ cpus });
    this.#machine = machine;
    const { memory, control } = machine;
    machine.bus.memory.routeSmram({ compatible: true, tseg: undefined, open: false, closed: false });
    const view = new DataView(memory.ram.buffer, memory.ram.byteOffset, memory.ram.length);
    for (const at of [secretAt, canaryAt]) view.setUint32(at, secret, true);
    const smm = new SystemManagement(memory, control);
    this.#words = smm.words;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const base = memory.directory.open(vcpuState, String(cpu));
      resetState(memory.buffer, base);
      const platform = platformOf({
        cpu,
        ...machine,
        smm,
        interruptPending: () => false,
        acknowledgeInterrupt: () => -1,
        send: () => undefined,
      });
      const nothing = () => undefined;
      const vcpu = new Vcpu({
        state: base,
        tlb: memory.caches(cpu).base,
        platform,
        executor: () => ({
          run: () => {
            throw new Error('nothing is executed here');
          },
          invalidatePage: nothing,
          dropChanged: nothing,
          dropAll: nothing,
          flushJumpCache: nothing,
        }),
      });
      vcpu.cpu.state.block.smbase = smram + 0x400 * cpu;
      this.#vcpus.push(vcpu);
      const thread = this.#program(cpu, vcpu);
      this.#threads.push(thread);
      this.#pending.push(this.#advance(thread, 0));
    }
    if (tlbBytes > memory.caches(0).bytes) throw new RangeError('there is no room for a TLB');
  }

  #chance(below: number): number {
    // xorshift32
    let value = this.#random;
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
    this.#random = value | 0;
    return (value >>> 0) % below;
  }

  #advance(thread: Generator<AtomicStep | undefined, void, number>, result: number): AtomicStep | undefined {
    const next = thread.next(result);
    return next.done === true ? undefined : next.value;
  }

  /** Takes `steps` steps. */
  run(steps: number): Figures {
    const { words } = this.#machine.memory;
    const { figures } = this;
    for (let step = 0; step < steps; step++) {
      figures.steps += 1;
      if (words[this.#words.members] !== 0 || words[this.#words.turn] !== 0) figures.interleavings += 1;
      if (this.#chance(this.rarity) === 0) this.#send(this.#chance(this.cpus));
      const cpu = this.#chance(this.cpus);
      const thread = this.#threads[cpu];
      const pending = this.#pending[cpu];
      if (thread === undefined) continue;
      if (pending === undefined) this.#pending[cpu] = this.#advance(thread, 0);
      else if (pending.op === 'wait' && words[pending.word] === pending.expected) continue;
      else this.#pending[cpu] = this.#advance(thread, pending.op === 'wait' ? 0 : perform(words, pending));
    }
    return figures;
  }

  #send(cpu: number): void {
    this.figures.smis += 1;
    run(this.#machine.memory.words, rendezvous.sendSmi(this.#words.stop, cpu));
  }

  *#program(cpu: number, vcpu: Vcpu): Generator<AtomicStep | undefined, void, number> {
    const words = this.#words;
    const { state } = vcpu.cpu;
    const hooks: SmmHooks = {
      *dropTranslations(): Protocol {
        vcpu.cpu.tlb.flushAll();
      },
      stopping: () => undefined,
      stopped: () => undefined,
      mapped: () => undefined,
      joined: () => undefined,
      unmapped: () => undefined,
      held: () => undefined,
    };
    const attention = words.stop.attention(cpu);
    yield* this.parts.stand(words, cpu, hooks);
    for (;;) {
      const bits = yield { at: 'poll', op: 'load', word: attention };
      if ((bits & Attention.stop) !== 0) {
        yield { at: 'obey', op: 'and', word: attention, value: ~Attention.stop };
        yield* enterQuiescence(words.stop, cpu);
        yield* this.parts.stand(words, cpu, hooks);
      } else if (state.inSmm !== 0) {
        if ((bits & Attention.smi) !== 0) state.latched |= state.takeAttention(Attention.smi);
        this.#handler(vcpu);
        // The handler takes its time.
        if (this.#chance(4) === 0) vcpu.services.rsm();
        state.takeAttention(Attention.step);
        yield undefined;
      } else if ((bits & Attention.smi) !== 0) {
        yield* this.parts.enterSmm(words, cpu, hooks);
        vcpu.enterSystemManagementMode();
        state.takeAttention(Attention.smi);
        this.figures.entries += 1;
        yield undefined;
      } else if ((Atomics.load(this.#machine.memory.words, words.members) & (1 << cpu)) !== 0) {
        yield* this.parts.leaveSmm(words, cpu, hooks);
      } else {
        // Between its poll and its access anything may happen.
        yield undefined;
        this.#thief(vcpu);
      }
    }
  }

  #handler(vcpu: Vcpu): void {
    const { access } = vcpu.cpu;
    if (access.read(secretAt, 4) !== secret || access.read(canaryAt, 4) !== secret) this.figures.damaged += 1;
  }

  #thief(vcpu: Vcpu): void {
    const { cpu } = vcpu;
    this.figures.tries += 1;
    switch (this.#chance(4)) {
      case 0:
        if (cpu.access.read(secretAt, 4) === secret) this.figures.leaks += 1;
        break;
      case 1:
        if (this.#fastRead(vcpu, secretAt) === secret) this.figures.leaks += 1;
        break;
      case 2:
        cpu.access.write(canaryAt, 4, garbage);
        break;
      default: {
        const page = cpu.tlb.translate(secretAt, PageFault.fetch);
        const memory = cpu.memory.fetchable(page);
        if (memory !== 0 && cpu.memory.view.getUint32(memory + (secretAt & 0xfff), true) === secret) this.figures.leaks += 1;
      }
    }
  }

  /** What generated code does: the fast entry of the TLB, whatever has become of the page. */
  #fastRead(vcpu: Vcpu, linear: number): number | undefined {
    const { words } = this.#machine.memory;
    const entry = (vcpu.cpu.tlb.base + tlbSlot(linear) * tlbLayout.entryBytes) >>> 2;
    if (words[entry + tlbLayout.readTag / 4] !== (linear & 0xfffff000)) return undefined;
    return vcpu.cpu.memory.view.getUint32((linear + (words[entry + tlbLayout.addend / 4] ?? 0)) >>> 0, true);
  }
}
