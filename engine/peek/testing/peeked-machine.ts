/** A TestMachine with a reader on it, as on the vCPU's own thread or as in its stead, and bytes to compare before and after. */
import { vcpuState } from '../../isa/state.ts';
import { TestMachine } from '../../cpu/testing/test-machine.ts';
import { tlbBytes } from '../../cpu/tlb.ts';
import { GuestReader } from '../guest-reader.ts';
import { SilentMemory } from '../silent-memory.ts';

export class PeekedMachine extends TestMachine {
  /** Addresses at which chips were asked; each device answers with `peeked`, or cannot be asked when that is undefined. */
  readonly asked: number[] = [];
  peeked: number | undefined = undefined;

  readonly #silent = new SilentMemory(
    {
      pageRead: this.platform.pageRead,
      pageFlags: this.platform.pageFlags,
      buffer: this.state.buffer,
      peek: (address) => {
        this.asked.push(address);
        return this.peeked;
      },
    },
    0,
    this.state,
  );
  /** As the vCPU's thread reads. */
  readonly own = new GuestReader(this.state, this.#silent, this.cpu.tlb);
  /** As the service worker reads in the vCPU's stead. */
  readonly instead = new GuestReader(this.state, this.#silent, undefined);

  /** The vCPU's block, its TLB, and RAM (or a part of it): what a read must leave alone. */
  everything(from = 0, to = this.ram.byteLength): Uint8Array {
    const block = new Uint8Array(this.memory.buffer, this.state.base, vcpuState.size);
    const tlb = new Uint8Array(this.memory.buffer, this.cpu.tlb.base, tlbBytes);
    const ram = new Uint8Array(this.memory.buffer, this.ram.byteOffset + from, to - from);
    const all = new Uint8Array(block.length + tlb.length + ram.length);
    all.set(block);
    all.set(tlb, block.length);
    all.set(ram, block.length + tlb.length);
    return all;
  }
}
