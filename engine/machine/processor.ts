/** One virtual CPU as its thread uses it: the run loop of engine/cpu over the interpreter of engine/execute. */
import { Flag } from '../cpu/flags.ts';
import type { Platform } from '../cpu/platform.ts';
import { Activity } from '../cpu/reset.ts';
import { tlbBytes } from '../cpu/tlb.ts';
import { Vcpu, type RunEnd } from '../cpu/vcpu.ts';
import { Interpreter } from '../execute/interpreter.ts';
import { Attention, vcpuState, type VcpuState } from '../isa/state.ts';
import type { MachineMemory } from './memory.ts';
import type { Processor } from './vcpu-thread.ts';

export class InterpretingProcessor implements Processor {
  readonly vcpu: Vcpu;
  readonly #state: VcpuState;
  /** Budget with which generated code was entered, or -1 while it does not run. */
  #entered = -1;

  constructor(memory: MachineMemory, cpu: number, platform: Platform) {
    const base = memory.directory.open(vcpuState, String(cpu));
    const state = vcpuState.at(memory.buffer, base);
    const caches = memory.caches(cpu);
    this.#state = state;
    this.vcpu = new Vcpu({
      state: base,
      tlb: caches.base,
      platform: {
        ...platform,
        portWrite: (port, size, value) => {
          platform.portWrite(port, size, value);
          this.#followMap();
        },
        mmioWrite: (address, size, value) => {
          platform.mmioWrite(address, size, value);
          this.#followMap();
        },
      },
      executor: ({ services, fetch }) => {
        const interpreter = new Interpreter({
          memory: memory.memory,
          vcpu: base,
          cacheBase: caches.base + tlbBytes,
          cacheBytes: caches.bytes - tlbBytes,
          services,
          fetch: {
            context: (id) => fetch.context(id),
            translate: (linear) => fetch.translate(linear),
            markCode: (page) => fetch.markCode(page),
            page: (page) => platform.pageRead[page] ?? 0,
            readByte: (address) => platform.mmioRead(address, 1),
          },
        });
        return {
          run: () => {
            this.#entered = state.budget;
            try {
              return interpreter.run();
            } finally {
              this.#entered = -1;
            }
          },
          invalidatePage: (page) => {
            interpreter.invalidatePage(page);
            return !interpreter.hasCode(page);
          },
          dropAll: () => interpreter.dropAll(),
          flushJumpCache: () => interpreter.flushJumpCache(),
        };
      },
    });
  }

  /**
   * A chip has changed the map in this very instruction (PAM, a BAR): the next access, in the same block, has to see it. Records are
   * dropped at the next poll, with the rest.
   */
  #followMap(): void {
    if ((this.vcpu.cpu.state.attention & Attention.flush) !== 0) this.vcpu.cpu.flushTranslations();
  }

  run(maximum: number): RunEnd {
    return this.vcpu.run(maximum);
  }

  synchronise(): void {
    this.vcpu.synchronise();
  }

  retired(): number {
    // `retired` is written back when generated code returns; in between the budget says how far it is.
    return Number(this.#state.retired) + (this.#entered < 0 ? 0 : this.#entered - this.#state.budget);
  }

  interruptible(): boolean {
    return this.#state.activity === Activity.halted && (this.#state.eflags & Flag.interrupt) !== 0;
  }
}
