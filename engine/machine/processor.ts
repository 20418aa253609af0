/** One virtual CPU as its thread uses it: the run loop of engine/cpu over the interpreter of engine/execute. */
import type { Platform } from '../cpu/platform.ts';
import { tlbBytes } from '../cpu/tlb.ts';
import { Vcpu, type RunEnd } from '../cpu/vcpu.ts';
import { Interpreter } from '../execute/interpreter.ts';
import { Attention, vcpuState } from '../isa/state.ts';
import type { MachineMemory } from './memory.ts';
import type { Processor } from './vcpu-thread.ts';

export class InterpretingProcessor implements Processor {
  readonly vcpu: Vcpu;

  /** `compiled` is interpreterModule(), of this thread or another of the process. */
  constructor(memory: MachineMemory, cpu: number, platform: Platform, compiled: WebAssembly.Module) {
    const base = memory.directory.open(vcpuState, String(cpu));
    const caches = memory.caches(cpu);
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
          fetch,
          compiled,
        });
        return {
          run: () => interpreter.run(),
          invalidatePage: (page, first, size) => interpreter.invalidatePage(page, first, size),
          dropChanged: (generation) => interpreter.dropChanged(generation),
          dropAll: () => interpreter.dropAll(),
          instructionPointer: () => interpreter.instructionPointer(),
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

  enterSystemManagementMode(): void {
    this.vcpu.enterSystemManagementMode();
  }

  dropTranslations(): void {
    this.vcpu.cpu.tlb.flushAll();
  }

  synchronise(): void {
    this.vcpu.synchronise();
  }

  retired(): number {
    return this.vcpu.retired();
  }

  interruptible(): boolean {
    return this.vcpu.interruptible();
  }
}
