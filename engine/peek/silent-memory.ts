/**
 * Guest-physical memory for tools: RAM and ROM through the page arrays, chips by their peek, nothing with a side effect. One per vCPU, since
 * each sees its own local APIC. Any thread; chips are asked under the device lock.
 */
import { ApicBase } from '../cpu/apic/state.ts';
import type { LocalApics } from '../cpu/apic/local-apic.ts';
import { Page, physicalPages } from '../cpu/platform.ts';
import type { CpuState } from '../cpu/registers.ts';
import { vcpuState } from '../isa/state.ts';
import type { Width } from '../machine/bus.ts';
import type { MachineBus } from '../machine/machine-bus.ts';
import type { MachineMemory } from '../machine/memory.ts';
import type { Ending } from './operation.ts';

const pageBytes = 4096;
const apicBaseWord = vcpuState.offset.apicBase >>> 2;
const answering = Page.ram | Page.rom | Page.mmio;

export interface SilentMachine {
  readonly pageRead: Uint32Array<SharedArrayBuffer>;
  readonly pageFlags: Int32Array<SharedArrayBuffer>;
  readonly buffer: SharedArrayBuffer;
  /** What a chip, or a page that is read elsewhere than it is written, holds; undefined when it cannot be asked. */
  peek(address: number, width: Width): number | undefined;
  /** Absent: there are none. */
  readonly apics?: LocalApics | undefined;
}

/** A machine as one of its threads sees it. */
export function silentMachine(memory: MachineMemory, bus: MachineBus, apics: LocalApics | undefined): SilentMachine {
  const { pageRead, pageFlags, buffer } = memory;
  return { pageRead, pageFlags, buffer, peek: (address, width) => bus.mmioPeek(address, width), apics };
}

export class SilentMemory {
  /** Why the last copy ended early. */
  ending: Ending | undefined;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(
    private readonly machine: SilentMachine,
    private readonly cpu: number,
    private readonly state: CpuState,
  ) {
    this.#bytes = new Uint8Array(machine.buffer);
    this.#words = new Int32Array(machine.buffer);
  }

  /** The page at which this vCPU sees its local APIC, or -1. */
  #apicPage(): number {
    if (this.machine.apics === undefined) return -1;
    const base = this.state.u32[apicBaseWord]!;
    if ((base & (ApicBase.enable | ApicBase.x2apic)) !== ApicBase.enable) return -1;
    return (base >>> 12) + this.state.u32[apicBaseWord + 1]! * 2 ** 20;
  }

  #backing(page: number): number {
    return page < physicalPages && page !== this.#apicPage() ? this.machine.pageRead[page]! : 0;
  }

  /** A word of a paging structure, as a page walk would read it: nothing reads as ones. Undefined: a chip that cannot be asked. */
  readonly readEntry = (address: number): number | undefined => {
    const backing = this.#backing(Math.floor(address / pageBytes));
    if (backing !== 0) return this.#words[(backing + (address % pageBytes)) >>> 2]! >>> 0;
    const value = this.#ask(address, 4);
    return value === 'nothing' ? 0xffffffff : value === 'device' ? undefined : value >>> 0;
  };

  #ask(address: number, width: Width): number | 'device' | 'nothing' {
    const page = Math.floor(address / pageBytes);
    if (page >= physicalPages) return 'nothing';
    if (page === this.#apicPage()) {
      const value = this.machine.apics?.peek(this.cpu, address & 0xff0);
      return value === undefined ? 'device' : value >>> (8 * (address & 3));
    }
    if ((this.machine.pageFlags[page]! & answering) === 0) return 'nothing';
    return this.machine.peek(address, width) ?? 'device';
  }

  /** Copies bytes out of the shared memory itself. Aligned words are read in one piece: a pointer is the old one or the new one. */
  copyOut(from: number, length: number, into: Uint8Array<ArrayBuffer>, at: number): void {
    const bytes = this.#bytes;
    if (length >= 64 && ((from ^ (into.byteOffset + at)) & 7) === 0) {
      into.set(bytes.subarray(from, from + length), at);
      return;
    }
    let done = 0;
    while (((from + done) & 3) !== 0 && done < length) into[at + done] = bytes[from + done++]!;
    const words = this.#words;
    for (; done + 4 <= length; done += 4) {
      const word = words[(from + done) >>> 2]!;
      into[at + done] = word;
      into[at + done + 1] = word >>> 8;
      into[at + done + 2] = word >>> 16;
      into[at + done + 3] = word >>> 24;
    }
    while (done < length) into[at + done] = bytes[from + done++]!;
  }

  /** Copies bytes at a guest-physical address; returns how many there were before `ending`. */
  copy(physical: number, length: number, into: Uint8Array<ArrayBuffer>, at: number): number {
    let done = 0;
    while (done < length) {
      const address = physical + done;
      const inPage = address % pageBytes;
      const piece = Math.min(length - done, pageBytes - inPage);
      const page = Math.floor(address / pageBytes);
      // While it is mapped the handler of its vCPU sees it, and no tool but one.
      if (page < physicalPages && (this.machine.pageFlags[page]! & Page.smram) !== 0) {
        this.ending = { kind: 'refused', reason: 'smram', physical: address };
        return done;
      }
      const backing = this.#backing(page);
      if (backing !== 0) this.copyOut(backing + inPage, piece, into, at + done);
      else {
        const got = this.#copyDevice(address, piece, into, at + done);
        if (got < piece) return done + got;
      }
      done += piece;
    }
    return done;
  }

  #copyDevice(physical: number, length: number, into: Uint8Array<ArrayBuffer>, at: number): number {
    for (let done = 0; done < length;) {
      const address = physical + done;
      const left = length - done;
      const width = (address & 3) === 0 && left >= 4 ? 4 : (address & 1) === 0 && left >= 2 ? 2 : 1;
      const value = this.#ask(address, width);
      if (typeof value === 'string') {
        this.ending = { kind: 'refused', reason: value, physical: address };
        return done;
      }
      for (let index = 0; index < width; index++) into[at + done + index] = value >>> (8 * index);
      done += width;
    }
    return length;
  }
}
