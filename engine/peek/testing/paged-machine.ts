/** A PeekedMachine with page tables at random in every paging mode, and what the independent oracle says of them. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { Control0, Control4, Efer } from '../../cpu/control-bits.ts';
import { loadPdptes } from '../../cpu/paging.ts';
import { devicePage } from '../../cpu/testing/test-machine.ts';
import { oracleRead, type OracleAnswer } from '../../../test/support/page-walk-oracle.ts';
import { PeekedMachine } from './peeked-machine.ts';

export const directory = 0x100000;
export const tables = [0x101000, 0x102000, 0x103000];

export interface Mode {
  name: string;
  cr0: number;
  cr4: number;
  efer: number;
}

const on = Control0.protectionEnable | Control0.paging;
export const modes: Mode[] = [
  { name: 'without paging', cr0: Control0.protectionEnable, cr4: 0, efer: 0 },
  { name: '32-bit paging', cr0: on, cr4: 0, efer: 0 },
  { name: '32-bit paging with PSE', cr0: on, cr4: Control4.pageSizeExtension, efer: 0 },
  { name: 'PAE', cr0: on, cr4: Control4.physicalAddressExtension, efer: 0 },
  {
    name: 'PAE with NX',
    cr0: on,
    cr4: Control4.physicalAddressExtension | Control4.pageSizeExtension,
    efer: Efer.noExecuteEnable,
  },
];

/** An entry: mostly present, flags at random, now and then something reserved. */
export const entry = fc.record({
  present: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  low: fc.integer({ min: 0, max: 0x1ff }),
  target: fc.constantFrom(...tables, 0x5000, 0x206000, 0xf0000, 0x800000, devicePage * 4096),
  stray: fc.constantFrom(0, 0, 0, 0, 0x2000, 0x20000, 0x200000),
  high: fc.constantFrom(0, 0, 0, 0, 1, 0x10, 0x80000000),
});
export type Entry = typeof entry extends fc.Arbitrary<infer Value> ? Value : never;

export const absent: Entry = { present: false, low: 0, target: 0, stray: 0, high: 0 };

export class PagedMachine extends PeekedMachine {
  /** Fills the entries that addresses around `around` use. */
  enter({ cr0, cr4, efer }: Mode, entries: readonly Entry[], around: number): void {
    const { state, memory } = this.cpu;
    for (const at of [directory, ...tables]) for (let word = 0; word < 1024; word++) this.setDword(at + 4 * word, 0);
    const extended = (cr4 & Control4.physicalAddressExtension) !== 0;
    const entryBytes = extended ? 8 : 4;
    const indices = extended ? [(around >>> 21) & 0x1ff, (around >>> 12) & 0x1ff] : [around >>> 22, (around >>> 12) & 0x3ff];
    let next = 0;
    for (const table of [directory, ...tables]) {
      for (const index of indices) {
        for (const neighbour of [index, (index + 1) % (4096 / entryBytes)]) {
          const { low, target, stray, present, high } = entries[next++ % entries.length] ?? absent;
          this.setDword(table + neighbour * entryBytes, ((target | low | stray) & ~1) | (present ? 1 : 0));
          if (extended) this.setDword(table + neighbour * entryBytes + 4, high);
        }
      }
    }
    if (extended) {
      for (let pointer = 0; pointer < 4; pointer++) {
        this.setDword(directory + 8 * pointer, tables[pointer % 3]! | (entries[pointer]?.present === true ? 1 : 0));
        this.setDword(directory + 8 * pointer + 4, 0);
      }
    }
    Object.assign(state, { cr0, cr4, efer, cr3: directory });
    if (extended) expect(loadPdptes(state, memory, directory)).toBe(true);
    this.cpu.flushTranslations();
  }

  /** What the bus gives, byte by byte; above 4 GiB and in holes ones. */
  byteAt(physical: bigint): number {
    const page = Number(physical / 4096n);
    const backing = this.platform.pageRead[page] ?? 0;
    return backing === 0 ? 0xff : new Uint8Array(this.memory.buffer)[backing + Number(physical % 4096n)]!;
  }

  /** What the manual says of a read at CPL 3, or below. */
  oracle(mode: Mode, linear: number, user: boolean): OracleAnswer {
    return oracleRead(
      {
        paging: (mode.cr0 & Control0.paging) !== 0,
        pae: (mode.cr4 & Control4.physicalAddressExtension) !== 0,
        pse: (mode.cr4 & Control4.pageSizeExtension) !== 0,
        nx: mode.efer !== 0,
        cr3: BigInt(directory),
        pointers: [0, 1, 2, 3].map(
          (number) => (BigInt(this.state.pdpte(number, 1)) << 32n) | BigInt(this.state.pdpte(number, 0)),
        ),
      },
      (physical) => this.byteAt(physical),
      BigInt(linear),
      user,
    );
  }
}
