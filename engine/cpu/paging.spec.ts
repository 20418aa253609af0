import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Control0, Control4, Efer } from './control-bits.ts';
import { PageFault } from './faults.ts';
import { pageFaultOf, pagingStateOf, translateForInspection, walkSilently } from './inspection.ts';
import { loadPdptes } from './paging.ts';
import { TestMachine } from './testing/test-machine.ts';

const machine = new TestMachine();
const directory = 0x100000;
/** Tables and pages the random entries point to. */
const tables = [0x101000, 0x102000, 0x103000];

interface Mode {
  cr0: number;
  cr4: number;
  efer: number;
}

const mode: fc.Arbitrary<Mode> = fc.record({
  cr0: fc.constantFrom(0, Control0.writeProtect).map((bits) => Control0.protectionEnable | Control0.paging | bits),
  cr4: fc
    .subarray([Control4.pageSizeExtension, Control4.physicalAddressExtension, Control4.pageGlobalEnable])
    .map((bits) => bits.reduce((a, b) => a | b, 0)),
  efer: fc.constantFrom(0, Efer.noExecuteEnable),
});

/** An entry: mostly present, flags at random, now and then something reserved. */
const flags = fc.record({
  present: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  low: fc.integer({ min: 0, max: 0x1ff }),
  table: fc.constantFrom(...tables),
  stray: fc.constantFrom(0, 0, 0, 0, 0x2000, 0x20000, 0x200000, 0x400000),
  high: fc.constantFrom(0, 0, 0, 0, 1, 0x10, 0x80000000),
});

function enter({ cr0, cr4, efer }: Mode): void {
  const { state, memory } = machine.cpu;
  state.cr0 = cr0;
  state.cr4 = cr4;
  state.efer = efer;
  state.cr3 = directory;
  if ((cr4 & Control4.physicalAddressExtension) !== 0) {
    for (let entry = 0; entry < 4; entry++) {
      machine.setDword(directory + 8 * entry, (tables[entry % 3]! | 1) >>> 0);
      machine.setDword(directory + 8 * entry + 4, 0);
    }
    expect(loadPdptes(state, memory, directory)).toBe(true);
  }
  machine.cpu.flushTranslations();
}

const readPhysical = (address: number): number | undefined => {
  const page = Math.floor(address / 4096);
  return machine.cpu.memory.readable(page) === 0 ? undefined : machine.cpu.memory.read(page, address & 0xfff, 4);
};

describe('the page walk', () => {
  it('agrees with the inspecting walker in every paging mode, for translations, faults and error codes', () => {
    fc.assert(
      fc.property(
        mode,
        fc.array(flags, { minLength: 12, maxLength: 12 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.constantFrom(
          0,
          PageFault.write,
          PageFault.user,
          PageFault.user | PageFault.write,
          PageFault.fetch,
          PageFault.user | PageFault.fetch,
        ),
        (paging, entries, linear, access) => {
          const extended = (paging.cr4 & Control4.physicalAddressExtension) !== 0;
          enter(paging);
          // Fill, at every level, the very entries that this address uses.
          let next = 0;
          const put = (at: number, wide: boolean) => {
            const entry = entries[next++ % entries.length]!;
            machine.setDword(
              at,
              ((entry.table | entry.low | entry.stray | (entry.present ? 1 : 0)) >>> 0) & (entry.present ? -1 : ~1),
            );
            if (wide) machine.setDword(at + 4, entry.high);
          };
          for (const table of [directory, ...tables]) {
            if (extended) {
              if (table === directory) continue;
              put(table + ((linear >>> 21) & 0x1ff) * 8, true);
              if (((linear >>> 21) & 0x1ff) !== ((linear >>> 12) & 0x1ff)) put(table + ((linear >>> 12) & 0x1ff) * 8, true);
            } else {
              put(table + (table === directory ? linear >>> 22 : (linear >>> 12) & 0x3ff) * 4, false);
            }
          }
          const seen = translateForInspection(pagingStateOf(machine.state), readPhysical, linear);
          const state = pagingStateOf(machine.state);
          const told = pageFaultOf(state, walkSilently(state, readPhysical, linear), access);
          const page = machine.cpu.tlb.translate(linear >>> 0, access);
          const fault = machine.takeFault();

          const user = (access & PageFault.user) !== 0;
          const write = (access & PageFault.write) !== 0;
          const fetch = (access & PageFault.fetch) !== 0;
          const writable = seen.writable || (!user && (paging.cr0 & Control0.writeProtect) === 0);
          const code =
            (access & (PageFault.user | PageFault.write)) | (fetch && extended && paging.efer !== 0 ? PageFault.fetch : 0);
          if (seen.reason === 'unreadable') return;
          // What tools are told before the access: the very fault, or that there is none.
          expect(fault).toBe(told === undefined ? 'none' : `14(0x${told.toString(16)})`);
          if (seen.reason === 'not-present') {
            expect(fault).toBe(`14(0x${code.toString(16)})`);
          } else if (seen.reason === 'reserved-bit') {
            expect(fault).toBe(`14(0x${(code | PageFault.present | PageFault.reserved).toString(16)})`);
          } else if ((user && !seen.user) || (write && !writable) || (fetch && !seen.executable)) {
            expect(fault).toBe(`14(0x${(code | PageFault.present).toString(16)})`);
          } else {
            expect(fault).toBe('none');
            expect(page).toBe(Math.floor(seen.physical! / 4096));
            const after = translateForInspection(pagingStateOf(machine.state), readPhysical, linear);
            expect(after.accessed).toBe(true);
            if (write) expect(after.dirty).toBe(true);
            // A second time it comes from the TLB.
            expect(machine.cpu.tlb.translate(linear >>> 0, access)).toBe(page);
          }
          if (page < 0) expect(machine.state.faultAddress).toBe(linear >>> 0);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('sets the accessed bit of a directory entry it went through, and leaves the table entry of a refused page alone', () => {
    enter({ cr0: Control0.protectionEnable | Control0.paging, cr4: 0, efer: 0 });
    machine.setDword(directory, tables[0]! | 7);
    machine.setDword(tables[0]!, 0x5000 | 3);
    expect(machine.cpu.tlb.translate(0, PageFault.user)).toBe(-1);
    expect(machine.takeFault()).toBe('14(0x5)');
    expect(machine.dword(directory) & 0x20).toBe(0x20);
    expect(machine.dword(tables[0]!)).toBe(0x5003);
  });

  it('refuses to load page-directory-pointer entries with reserved bits, and loads none of them then', () => {
    const { state, memory } = machine.cpu;
    for (let entry = 0; entry < 4; entry++) {
      machine.setDword(directory + 8 * entry, 0x101001);
      machine.setDword(directory + 8 * entry + 4, 0);
    }
    expect(loadPdptes(state, memory, directory)).toBe(true);
    machine.setDword(directory, 0x155001);
    machine.setDword(directory + 24, 0x101003);
    expect(loadPdptes(state, memory, directory)).toBe(false);
    expect(state.pdpte(0, 0)).toBe(0x101001);
  });
});

describe('the page walk beside another vCPU', () => {
  const { memory, state } = machine.cpu;
  const entryAt = tables[0]!;
  const extended = {
    cr0: Control0.protectionEnable | Control0.paging,
    cr4: Control4.physicalAddressExtension,
    efer: Efer.noExecuteEnable,
  };
  const plain = { ...extended, cr4: 0 };

  function tableOf(low: number, high = 0): void {
    enter(plain);
    machine.setDword(directory, entryAt | 0x27);
    machine.setDword(entryAt, low);
    machine.setDword(entryAt + 4, high);
  }

  it.each([
    ['another flag of the entry is set meanwhile: it stays', 0x200007, 0x200007 | 0x200, 0x200267],
    ['the dirty bit is taken back meanwhile: it is set again', 0x200047, 0x200007, 0x200067],
    ['the entry goes meanwhile: it stays away, and the access faults', 0x200007, 0, 0],
  ])('%s', (_, before, meanwhile, after) => {
    tableOf(before);
    const read = vi.spyOn(memory, 'read').mockImplementation(function (this: typeof memory, page, offset, size) {
      const value = Object.getPrototypeOf(this).read.call(this, page, offset, size) as number;
      // The other one comes right behind our read of the entry, once.
      if (page === entryAt >>> 12 && value === before) machine.setDword(entryAt, meanwhile);
      return value;
    });
    const page = machine.cpu.tlb.translate(0, PageFault.write);
    read.mockRestore();
    expect([page, machine.dword(entryAt), machine.takeFault()]).toEqual([
      after === 0 ? -1 : 0x200,
      after,
      after === 0 ? '14(0x2)' : 'none',
    ]);
  });

  it('never takes one half of an extended entry from before a change and the other from after it', () => {
    enter(extended);
    const table = tables[1]!;
    machine.setDword(tables[0]!, table | 0x27);
    machine.setDword(tables[0]! + 4, 0);
    machine.setDword(table, 0x200067);
    machine.setDword(table + 4, 0x80000000);
    const load = Atomics.load.bind(Atomics);
    const spy = vi.spyOn(Atomics, 'load').mockImplementation(((array: Int32Array, index: number) => {
      const value = load(array, index);
      if (value !== 0x200067) return value;
      machine.setDword(table, 0x201067);
      machine.setDword(table + 4, 0);
      return value;
    }) as typeof Atomics.load);
    const page = machine.cpu.tlb.translate(0, PageFault.fetch);
    spy.mockRestore();
    expect([page, machine.takeFault()]).toEqual([0x201, 'none']);
    state.cr0 = 0;
  });
});
