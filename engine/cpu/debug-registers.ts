/** DR0-DR7 (SDM vol. 3, 18.2): which addresses are watched, and what a hit sets in DR6. */
import { Control4 } from './control-bits.ts';
import type { CpuState } from './registers.ts';

export const Debug6 = {
  /** B0-B3. */
  breakpoints: 0xf,
  /** BD: a debug register was about to be accessed while DR7.GD was set. */
  accessDetected: 1 << 13,
  /** BS: single step. */
  singleStep: 1 << 14,
  /** BT: task switch to a task with the T bit. */
  taskSwitch: 1 << 15,
} as const;
/** DR6 bits that read as one. */
export const debug6Fixed = 0xffff0ff0;
/** Bits that software may set; bit 12 reads as zero. */
export const debug6Writable = Debug6.breakpoints | Debug6.accessDetected | Debug6.singleStep | Debug6.taskSwitch;

export const Debug7 = {
  /** L0 G0 ... L3 G3. */
  enables: 0xff,
  /** L0, L1, L2, L3 and LE: cleared by a task switch. */
  local: 0x155,
  generalDetect: 1 << 13,
} as const;
/** DR7 bits that read as one, and those that read as zero. */
export const debug7Fixed = 1 << 10;
export const debug7Zero = 0xd800;

/** R/W field of DR7 (SDM vol. 3, 18.2.4). */
const enum Kind {
  execute,
  write,
  io,
  access,
}

const lengths = [1, 2, 8, 4] as const;

export class DebugRegisters {
  /** Some register watches data; slow paths ask `data` then. */
  watchesData = false;
  /** Some register watches instruction fetches / ports. */
  watchesCode = false;
  watchesPorts = false;

  readonly #first = new Float64Array(4);
  readonly #last = new Float64Array(4);
  readonly #kind = new Int8Array(4);

  constructor(private readonly state: CpuState) {
    this.update();
  }

  /** Call after DR0-DR3, DR7 or CR4.DE changed. True: what pages are watched may have changed. */
  update(): void {
    const control = this.state.debugRegister(7);
    this.watchesData = this.watchesCode = this.watchesPorts = false;
    for (let number = 0; number < 4; number++) {
      this.#kind[number] = -1;
      if (((control >>> (2 * number)) & 3) === 0) continue;
      const field = control >>> (16 + 4 * number);
      const length = lengths[(field >>> 2) & 3]!;
      const kind: Kind = field & 3;
      // Without CR4.DE the I/O encoding is undefined; it matches nothing here.
      if (kind === Kind.io && (this.state.cr4 & Control4.debuggingExtensions) === 0) continue;
      const first = kind === Kind.execute ? this.state.debugRegister(number) : (this.state.debugRegister(number) & -length) >>> 0;
      this.#kind[number] = kind;
      this.#first[number] = first;
      this.#last[number] = kind === Kind.execute ? first : first + length - 1;
      if (kind === Kind.execute) this.watchesCode = true;
      else if (kind === Kind.io) this.watchesPorts = true;
      else this.watchesData = true;
    }
  }

  /** True if data on this linear page is watched. */
  watchesPage(linear: number): boolean {
    if (!this.watchesData) return false;
    const page = linear >>> 12;
    for (let number = 0; number < 4; number++) {
      const kind = this.#kind[number]!;
      if ((kind === Kind.write || kind === Kind.access) && this.#first[number]! >>> 12 === page) return true;
    }
    return false;
  }

  /** True if an instruction on this linear page is watched. */
  watchesCodePage(linear: number): boolean {
    if (!this.watchesCode) return false;
    const page = linear >>> 12;
    for (let number = 0; number < 4; number++) {
      if (this.#kind[number] === Kind.execute && this.#first[number]! >>> 12 === page) return true;
    }
    return false;
  }

  /** B0-B3 for an instruction that starts at this linear address. */
  code(linear: number): number {
    return this.matches(linear, linear, Kind.execute, Kind.execute);
  }

  /** B0-B3 for a data access. */
  data(linear: number, size: number, write: boolean): number {
    const last = linear + size - 1;
    return this.matches(linear, last, Kind.access, write ? Kind.write : Kind.access);
  }

  /** B0-B3 for port I/O. */
  port(port: number, size: number): number {
    return this.matches(port, port + size - 1, Kind.io, Kind.io);
  }

  private matches(first: number, last: number, kind: Kind, other: Kind): number {
    let hits = 0;
    for (let number = 0; number < 4; number++) {
      if (this.#kind[number] !== kind && this.#kind[number] !== other) continue;
      if (this.#first[number]! <= last && this.#last[number]! >= first) hits |= 1 << number;
    }
    return hits;
  }
}
