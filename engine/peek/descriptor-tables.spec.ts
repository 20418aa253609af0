import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control0 } from '../cpu/control-bits.ts';
import { rights } from '../cpu/registers.ts';
import { Seg } from '../isa/state.ts';
import { readDescriptorTable } from './descriptor-tables.ts';
import { decodeDescriptor, decodeGate, describe as inWords } from './descriptors.ts';
import { PeekedMachine } from './testing/peeked-machine.ts';

const machine = new PeekedMachine();
const gdt = 0x2000;
const idt = 0x3000;
const ldt = 0x4000;

function put(table: number, index: number, low: number, high: number): void {
  machine.setDword(table + 8 * index, low);
  machine.setDword(table + 8 * index + 4, high);
}

const read = (table: 'gdt' | 'idt' | 'ldt') => readDescriptorTable(machine.state, machine.instead, table);
const problems = (table: 'gdt' | 'idt' | 'ldt') => read(table).entries.map(({ descriptor }) => descriptor.problem);

beforeEach(() => {
  machine.vcpu.reset();
  const { state } = machine;
  for (let at = gdt; at < ldt + 0x1000; at += 4) machine.setDword(at, 0);
  Object.assign(state, { cr0: Control0.protectionEnable, gdtBase: gdt, gdtLimit: 8 * 8 - 1, idtBase: idt, idtLimit: 8 * 8 - 1 });
  put(gdt, 1, 0x0000ffff, 0x00cf9b00);
  put(gdt, 2, 0x0000ffff, 0x00cf9300);
  put(gdt, 3, 0x50000067, 0x00008b00);
  put(gdt, 4, 0x0000ffff, 0x00cf1b00);
  state.setSegment(Seg.cs, 0x08, 0, 0xffffffff, 0xc09b);
  for (const seg of [Seg.ss, Seg.ds, Seg.es]) state.setSegment(seg, 0x10, 0, 0xffffffff, 0xc093);
  for (const seg of [Seg.fs, Seg.gs, Seg.ldt]) state.setSegment(seg, 0, 0, 0, 0);
  state.setSegment(Seg.tr, 0x18, 0x5000, 0x67, rights.present | 0xb);
});

describe('the GDT of a vCPU', () => {
  it('has each entry in words, with the registers that name it', () => {
    const { entries, problem, task } = read('gdt');
    expect(problem).toBeUndefined();
    expect(entries.map(({ descriptor }) => inWords(descriptor)).slice(0, 5)).toEqual([
      'null: loading it gives #GP, except into a data segment register',
      '32-bit code, readable, base 0x0, limit 0xffffffff, DPL 0',
      '32-bit data, writable, base 0x0, limit 0xffffffff, DPL 0',
      'busy 32-bit TSS, base 0x5000, limit 0x67, DPL 0',
      '32-bit code, readable, base 0x0, limit 0xffffffff, DPL 0, not present: using it gives #NP',
    ]);
    expect(entries.map(({ registers }) => registers.map(({ name }) => name).join(' '))).toEqual([
      '',
      'cs',
      'es ss ds',
      'tr',
      '',
      '',
      '',
      '',
    ]);
    expect(task).toEqual({ selector: 0x18, base: 0x5000, limit: 0x67, type: '32-bit TSS' });
    expect(entries[1]).toMatchObject({ address: gdt + 8, value: 0x00cf9b000000ffffn });
  });

  it('marks registers that hold something else than the entry has by now', () => {
    put(gdt, 2, 0x0000fff0, 0x00cf9300);
    expect(read('gdt').entries[2]?.registers).toEqual(['es', 'ss', 'ds'].map((name) => ({ name, isStale: true })));
    // The accessed bit, which the processor sets itself, is no difference.
    put(gdt, 1, 0x0000ffff, 0x00cf9a00);
    expect(read('gdt').entries[1]?.registers).toEqual([{ name: 'cs', isStale: false }]);
  });

  it('says what is wrong with it as a whole', () => {
    machine.state.gdtLimit = 0x1d;
    expect(read('gdt')).toMatchObject({ problem: 'the limit 0x1d cuts the last entry off' });
    expect(read('gdt').entries).toHaveLength(3);
    machine.state.cr0 = 0;
    expect(read('gdt').problem).toBe('in real mode segments do not come from descriptors');
    expect(read('ldt')).toMatchObject({ entries: [], problem: 'LDTR is null: there is no LDT' });
  });

  it('changes nothing of the guest, and takes any bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.constantFrom('gdt' as const, 'idt' as const),
        (bytes, table) => {
          machine.bytes(table === 'gdt' ? gdt : idt, ...bytes);
          const before = machine.everything(gdt, ldt + 0x1000);
          for (const { descriptor } of read(table).entries) {
            // Whatever is present and has no complaint is something that can be used.
            if (descriptor.problem === undefined) expect(descriptor.present && descriptor.kind !== 'none').toBe(true);
            expect(inWords(descriptor)).not.toContain('undefined');
          }
          expect(Buffer.compare(machine.everything(gdt, ldt + 0x1000), before)).toBe(0);
        },
      ),
    );
  });
});

describe('the IDT of a vCPU', () => {
  const gate = (selector: number, type = 0x8e) => [(selector << 16) | 0x1234, 0x00100000 | (type << 8)] as const;

  it('explains each gate that cannot be used where it leads', () => {
    put(idt, 0, ...gate(0x08));
    put(idt, 1, ...gate(0x10));
    put(idt, 2, ...gate(0x20));
    put(idt, 3, ...gate(0x48));
    put(idt, 4, ...gate(0x0c));
    put(idt, 5, ...gate(0x18, 0x85));
    put(idt, 6, ...gate(0x08, 0x8c));
    expect(problems('idt')).toEqual([
      undefined,
      'selector 0x10 is 32-bit data, not code: using it gives #GP',
      'selector 0x20 is not present: using it gives #NP',
      'selector 0x48 is behind the end of the GDT: using it gives #GP',
      'selector 0xc is behind the end of the LDT: using it gives #GP',
      undefined,
      'a call gate in the IDT, using it gives #GP',
      'the vector gives #GP, or #DF when that cannot be delivered either',
    ]);
    expect(read('idt').entries[0]?.descriptor.target).toEqual({ selector: 8, offset: 0x101234 });
  });

  it('is a table of far pointers in real mode', () => {
    Object.assign(machine.state, { cr0: 0, idtBase: 0, idtLimit: 0x3ff });
    machine.setDword(4 * 0x10, 0xf000_1234);
    const { entries, entryBytes } = read('idt');
    expect([entries.length, entryBytes]).toEqual([256, 4]);
    expect(entries[0x10]?.descriptor.target).toEqual({ selector: 0xf000, offset: 0x1234 });
  });
});

describe('one descriptor', () => {
  it('is decoded in every field', () => {
    const bytes = Uint8Array.of(0x34, 0x12, 0x78, 0x56, 0x9a, 0xf6, 0xcf, 0xab);
    expect(decodeDescriptor(bytes)).toMatchObject({
      kind: 'data',
      base: 0xab9a5678,
      limit: 0xf1234fff,
      privilege: 3,
      present: true,
    });
    expect(inWords(decodeDescriptor(Uint8Array.of(1, 0, 0, 0, 0, 0x88, 0, 0)))).toBe(
      'reserved, base 0x0, limit 0x1, DPL 0: a reserved type, using it gives #GP',
    );
    expect(inWords(decodeGate(Uint8Array.of(0, 0, 0x28, 0, 0, 0xe5, 0, 0)))).toBe('task gate to 0x28, DPL 3');
  });
});
