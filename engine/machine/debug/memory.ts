/** Reads of guest memory for the debugger: no accessed bit, no TLB entry, no side effect in a chip. */
import { pagingStateOf, translateForInspection, type PagingState } from '../../cpu/inspection.ts';
import { physicalPages } from '../../cpu/platform.ts';
import type { CpuState } from '../../cpu/registers.ts';
import type { MachineMemory } from '../memory.ts';

const pageBytes = 4096;

/** Asks the chip behind a page without backing; undefined where it cannot be asked. */
export type PeekDevice = (address: number) => number | undefined;

export class InspectedMemory {
  readonly #bytes: Uint8Array<SharedArrayBuffer>;

  constructor(
    private readonly memory: MachineMemory,
    private readonly peekDevice: PeekDevice = () => undefined,
  ) {
    this.#bytes = new Uint8Array(memory.buffer);
  }

  /** One byte of guest-physical memory; undefined where none can be read. */
  physicalByte(address: number): number | undefined {
    const page = Math.floor(address / pageBytes);
    if (page >= physicalPages) return undefined;
    const at = this.memory.pageRead[page] ?? 0;
    return at === 0 ? this.peekDevice(address) : this.#bytes[at + (address % pageBytes)];
  }

  /** 1, 2 or 4 bytes of guest-physical memory. */
  physical(address: number, size: 1 | 2 | 4): number | undefined {
    return joined(size, (index) => this.physicalByte(address + index));
  }

  /** The physical address behind a linear one; undefined where nothing is mapped. */
  translate(paging: PagingState, linear: number): number | undefined {
    return translateForInspection(paging, (address) => this.physical(address, 4), linear).physical;
  }

  /** 1, 2 or 4 bytes at a linear address, as the tables of this vCPU say now. */
  linear(state: CpuState, address: number, size: 1 | 2 | 4): number | undefined {
    const paging = pagingStateOf(state);
    return joined(size, (index) => {
      const physical = this.translate(paging, (address + index) >>> 0);
      return physical === undefined ? undefined : this.physicalByte(physical);
    });
  }

  /** Up to a page's rest at once: bytes, and for each whether it could be read. */
  read(paging: PagingState | undefined, address: number, length: number): { bytes: Uint8Array; readable: Uint8Array } {
    const bytes = new Uint8Array(length);
    const readable = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const at = (address + done) % 2 ** 32;
      const piece = Math.min(pageBytes - (at % pageBytes), length - done);
      const physical = paging === undefined ? at : this.translate(paging, at);
      if (physical !== undefined)
        this.#readPage(physical, bytes.subarray(done, done + piece), readable.subarray(done, done + piece));
      done += piece;
    }
    return { bytes, readable };
  }

  #readPage(physical: number, bytes: Uint8Array, readable: Uint8Array): void {
    const page = Math.floor(physical / pageBytes);
    const at = page < physicalPages ? (this.memory.pageRead[page] ?? 0) : 0;
    if (at !== 0) {
      const from = at + (physical % pageBytes);
      bytes.set(this.#bytes.subarray(from, from + bytes.length));
      readable.fill(1);
      return;
    }
    for (let index = 0; index < bytes.length; index++) {
      const value = this.physicalByte(physical + index);
      if (value === undefined) continue;
      bytes[index] = value;
      readable[index] = 1;
    }
  }
}

function joined(size: 1 | 2 | 4, byte: (index: number) => number | undefined): number | undefined {
  let value = 0;
  for (let index = 0; index < size; index++) {
    const one = byte(index);
    if (one === undefined) return undefined;
    value += one * 2 ** (8 * index);
  }
  return value;
}
