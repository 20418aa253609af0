import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control4 } from '../cpu/control-bits.ts';
import { PageFault, Vector } from '../cpu/faults.ts';
import { Page } from '../cpu/platform.ts';
import { rights } from '../cpu/registers.ts';
import { devicePage, romPage } from '../cpu/testing/test-machine.ts';
import { Seg } from '../isa/state.ts';
import { linearSpace, physicalSpace, restOf, type Operation } from './operation.ts';
import { joined } from './window.ts';
import { directory, entry, modes, PagedMachine, tables } from './testing/paged-machine.ts';

const machine = new PagedMachine();

const isDevice = (physical: number): boolean => Math.floor(physical / 4096) === devicePage;
const hasMemory = (physical: number): boolean =>
  physical < 2 ** 32 && machine.platform.pageRead[Math.floor(physical / 4096)] !== 0;

beforeEach(() => {
  machine.vcpu.reset();
  machine.asked.length = 0;
  machine.peeked = undefined;
});

describe.each(modes)('a read $name', (mode) => {
  it('agrees with the oracle at every byte, from the first to the one that faults, and changes nothing', () => {
    for (let at = 0; at < 0x400000; at += 4093) machine.bytes(at, (at >>> 3) & 0xff);
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 8, maxLength: 24 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 1, max: 300 }),
        fc.boolean(),
        fc.constantFrom('own' as const, 'instead' as const),
        fc.boolean(),
        (entries, base, length, user, who, warm) => {
          // Most reads cross into the next page.
          const start = (((base & 0xfffff000) >>> 0) + 4096 - (base % 200)) >>> 0;
          machine.enter(mode, entries, start);
          if (warm) {
            machine.cpu.tlb.translate(start, user ? PageFault.user : 0);
            machine.takeFault();
            // A table in a device: the guest's own walk reads it, and the oracle does not know what it says.
            if (machine.recorded.mmio.length > 0) machine.cpu.flushTranslations();
          }
          machine.recorded.mmio.length = 0;
          const before = machine.everything(directory, directory + 0x4000);
          const { bytes, ending } = machine[who].perform({ kind: 'read', space: linearSpace, address: start, length, user });
          expect(Buffer.compare(machine.everything(directory, directory + 0x4000), before)).toBe(0);
          expect(machine.recorded.mmio).toEqual([]);

          for (let index = 0; index < length; index++) {
            const linear = (start + index) >>> 0;
            const said = machine.oracle(mode, linear, user);
            if (index < bytes.length) {
              if (!('physical' in said)) throw new Error(`byte ${index} was read, and the oracle has ${JSON.stringify(said)}`);
              if (bytes[index] !== machine.byteAt(said.physical))
                throw new Error(`byte ${index} is ${bytes[index]}, and ${machine.byteAt(said.physical)} in memory`);
              continue;
            }
            if (ending?.kind === 'refused' && ending.reason === 'table') expect(isDevice(ending.physical)).toBe(true);
            else if ('fault' in said)
              expect(ending).toEqual({ kind: 'fault', vector: Vector.pageFault, code: said.fault, address: linear });
            else {
              const physical = Number(said.physical);
              expect(hasMemory(physical)).toBe(false);
              expect(ending).toEqual({ kind: 'refused', reason: isDevice(physical) ? 'device' : 'nothing', physical });
            }
            break;
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('what the vCPU has cached', () => {
  it('is used, as the architecture allows, until the guest flushes it; and a read never adds to it', () => {
    machine.enter(modes[1]!, [], 0x400000);
    machine.setDword(directory + 4, tables[0]! | 7);
    machine.setDword(tables[0]!, 0x5000 | 7);
    machine.bytes(0x5000, 1);
    machine.bytes(0x6000, 2);
    const first = () => machine.own.perform({ kind: 'read', space: linearSpace, address: 0x400000, length: 1 }).bytes[0];
    expect(first()).toBe(1);
    machine.setDword(tables[0]!, 0x6000 | 7);
    // Had the read filled an entry, it would still be the old page.
    expect(first()).toBe(2);
    machine.cpu.tlb.translate(0x400000, 0);
    machine.setDword(tables[0]!, 0x5000 | 7);
    expect(first()).toBe(2);
    machine.cpu.tlb.invalidate(0x400000);
    expect(first()).toBe(1);
  });

  it('would be seen to change if a read went the guest’s own way (negative control)', () => {
    machine.enter(modes[1]!, [], 0x400000);
    machine.setDword(directory + 4, tables[0]! | 7);
    machine.setDword(tables[0]!, 0x5000 | 7);
    const before = machine.everything(directory, directory + 0x4000);
    machine.cpu.access.read(0x400000, 4);
    expect(Buffer.compare(machine.everything(directory, directory + 0x4000), before)).not.toBe(0);
    // And a fault on that way is one of the guest's.
    expect(() => machine.cpu.access.read(0x700000, 4)).toThrow();
    expect(machine.takeFault()).toBe('14(0x0)');
  });

  it('does not spare a later access of the guest its accessed bit', () => {
    machine.enter(modes[1]!, [], 0x400000);
    machine.setDword(directory + 4, tables[0]! | 7);
    machine.setDword(tables[0]!, 0x5000 | 7);
    machine.own.perform({ kind: 'read', space: linearSpace, address: 0x400000, length: 4096 });
    expect(machine.dword(tables[0]!) & 0x20).toBe(0);
    machine.cpu.tlb.translate(0x400000, 0);
    expect(machine.dword(tables[0]!) & 0x20).toBe(0x20);
  });
});

describe('reads through a segment', () => {
  const data = rights.present | rights.segment | rights.writable;
  const read = (address: number, length: number): Operation => ({
    kind: 'read',
    space: { kind: 'segment', segment: 'ds' },
    address,
    length,
  });

  it.each([
    ['data up to its limit', data | rights.big, 0xff, 0xf0, 32, 16],
    ['nothing beyond it', data | rights.big, 0xff, 0x100, 1, 0],
    ['expand-down from above its limit', data | rights.big | rights.expandDown, 0xfff, 0x1000, 16, 16],
    ['expand-down not below it', data | rights.big | rights.expandDown, 0xfff, 0xfff, 16, 0],
    ['expand-down of 16 bits up to 0xffff', data | rights.expandDown, 0xfff, 0xfff8, 16, 8],
    ['readable code', rights.present | rights.segment | rights.code | rights.readable, 0xfff, 0, 4, 4],
    ['no execute-only code', rights.present | rights.segment | rights.code, 0xfff, 0, 4, 0],
    ['nothing of what is not present', data & ~rights.present, 0xfff, 0, 4, 0],
    ['nothing of a null segment', 0, 0, 0, 4, 0],
  ])('give %s', (_name, segmentRights, limit, offset, length, count) => {
    machine.state.setSegment(Seg.ds, 0x10, 0x2000, limit, segmentRights);
    const { bytes, ending } = machine.own.perform(read(offset, length));
    expect(bytes.length).toBe(count);
    if (count === length) expect(ending).toBeUndefined();
    else expect(ending).toEqual({ kind: 'fault', vector: Vector.generalProtection, code: 0, address: 0x2000 + offset + count });
    // The very bytes that the guest's own access gets or faults for.
    for (let index = 0; index < length; index++) {
      machine.services.readSlow(Seg.ds * 32, offset + index, 1);
      expect(machine.takeFault()).toBe(index < count ? 'none' : '13(0x0)');
      if (index >= count) break;
    }
  });
});

describe('one operation', () => {
  beforeEach(() => machine.enter(modes[0]!, [], 0));

  it('reads a string up to its NUL, across pages, and bounded', () => {
    const text = 'x'.repeat(150);
    machine.bytes(0x1fc0, ...Buffer.from(`${text}\0rest`));
    const string = (limit: number) => machine.own.perform({ kind: 'string', space: linearSpace, address: 0x1fc0, limit });
    expect(string(1000)).toMatchObject({ complete: true, ending: undefined });
    expect(Buffer.from(string(1000).bytes).toString()).toBe(text);
    expect(string(150)).toMatchObject({ complete: false, ending: undefined });
    expect(string(100).bytes.length).toBe(100);
  });

  it('does not fault behind the NUL of a string', () => {
    machine.state.setSegment(Seg.ds, 0x10, 0, 0x3004, rights.present | rights.segment | rights.writable);
    machine.bytes(0x3000, 65, 66, 0);
    const outcome = machine.own.perform({
      kind: 'string',
      space: { kind: 'segment', segment: 'ds' },
      address: 0x3000,
      limit: 64,
    });
    expect(outcome).toMatchObject({ complete: true, ending: undefined });
    machine.bytes(0x3000, 65, 66, 67, 68, 69);
    const cut = machine.own.perform({ kind: 'string', space: { kind: 'segment', segment: 'ds' }, address: 0x3000, limit: 64 });
    expect(cut.bytes.length).toBe(5);
    expect(cut.ending).toMatchObject({ vector: Vector.generalProtection, address: 0x3005 });
  });

  it('follows a chain of pointers, and says how far it came', () => {
    machine.setDword(0x3000, 0x4000);
    machine.setDword(0x4010, 0x5000);
    machine.bytes(0x5020, 1, 2, 3);
    const chain: Operation = { kind: 'chain', space: linearSpace, address: 0x3000, offsets: [0x10, 0x20], length: 3 };
    expect(machine.own.perform(chain)).toEqual({
      bytes: Uint8Array.of(1, 2, 3),
      pointers: [0x4000, 0x5000],
      ending: undefined,
      complete: true,
    });
    machine.setDword(0x4010, 0xdead0000);
    expect(machine.own.perform(chain)).toMatchObject({
      bytes: new Uint8Array(0),
      pointers: [0x4000, 0xdead0000],
      ending: { kind: 'refused', reason: 'nothing', physical: 0xdead0020 },
    });
  });

  it('reads a list of places, and nothing behind the one that fails', () => {
    machine.bytes(0x3000, 1, 2, 3, 4);
    machine.bytes(0x5000, 5, 6);
    const parts = [
      { address: 0x3001, length: 2 },
      { address: 0x5000, length: 1 },
      { address: 0xe0000000, length: 1 },
      { address: 0x5001, length: 1 },
    ];
    const outcome = machine.own.perform({ kind: 'scatter', space: linearSpace, parts });
    expect([...outcome.bytes]).toEqual([2, 3, 5]);
    expect(outcome.ending).toEqual({ kind: 'refused', reason: 'nothing', physical: 0xe0000000 });
  });

  it('goes through other page tables than the vCPU’s, for a given CR3', () => {
    machine.enter(modes[1]!, [], 0);
    machine.setDword(0x110000 + 4, 0x111000 | 3);
    machine.setDword(0x111000, 0x7000 | 3);
    machine.bytes(0x7000, 0x42);
    const operation: Operation = { kind: 'read', space: { kind: 'root', cr3: 0x110000 }, address: 0x400000, length: 1 };
    expect([...machine.own.perform(operation).bytes]).toEqual([0x42]);
    machine.state.cr4 = Control4.physicalAddressExtension;
    machine.setDword(0x120000, 0x121001);
    machine.setDword(0x121000, 0x7000 | (0x83 & ~0x80));
    machine.setDword(0x121010, 0x200000 | 0x83);
    machine.bytes(0x207000, 0x43);
    const extended: Operation = { kind: 'read', space: { kind: 'root', cr3: 0x120000 }, address: 0x407000, length: 1 };
    expect([...machine.own.perform(extended).bytes]).toEqual([0x43]);
  });

  it('asks a chip by its peek, reads ROM, and refuses a chip that cannot be asked', () => {
    const device = (): Operation => ({ kind: 'read', space: physicalSpace, address: devicePage * 4096 + 2, length: 3 });
    expect(machine.own.perform(device())).toMatchObject({
      bytes: new Uint8Array(0),
      ending: { reason: 'device', physical: devicePage * 4096 + 2 },
    });
    machine.peeked = 0xabcd;
    expect([...machine.own.perform(device()).bytes]).toEqual([0xcd, 0xab, 0xcd]);
    expect(machine.recorded.mmio).toEqual([]);
    machine.bytes(romPage * 4096, 9);
    expect([...machine.own.perform({ kind: 'read', space: physicalSpace, address: romPage * 4096, length: 1 }).bytes]).toEqual([
      9,
    ]);
  });

  it('never shows what is mapped for System Management Mode', () => {
    machine.cpu.tlb.translate(0x30000, 0);
    machine.bytes(0x30000, 0x5a);
    machine.platform.pageFlags[0x30]! |= Page.smram;
    for (const space of [linearSpace, physicalSpace]) {
      for (const who of ['own', 'instead'] as const) {
        expect(machine[who].perform({ kind: 'read', space, address: 0x2ffff, length: 4 })).toMatchObject({
          bytes: new Uint8Array(1),
          ending: { kind: 'refused', reason: 'smram', physical: 0x30000 },
        });
      }
    }
    machine.platform.pageFlags[0x30]! &= ~Page.smram;
    expect([...machine.own.perform({ kind: 'read', space: linearSpace, address: 0x30000, length: 1 }).bytes]).toEqual([0x5a]);
  });

  it('gives the same in pieces as at once, whatever the operation', () => {
    for (let at = 0; at < 0x3000; at++) machine.bytes(0x3000 + at, (at % 251) + 1);
    machine.setDword(0x2000, 0x2100);
    machine.setDword(0x2104, 0x3000);
    const operations: Operation[] = [
      { kind: 'read', space: linearSpace, address: 0x3001, length: 0x1800 },
      { kind: 'string', space: linearSpace, address: 0x3001, limit: 0x1800 },
      {
        kind: 'scatter',
        space: linearSpace,
        parts: [3, 0, 700, 1].map((length, index) => ({ address: 0x3000 + 0x400 * index, length })),
      },
      { kind: 'chain', space: linearSpace, address: 0x2000, offsets: [4, 8], length: 600 },
    ];
    for (const operation of operations) {
      const whole = machine.own.perform(operation);
      for (const cut of [1, 7, 500]) {
        let outcome = joined(
          { ...whole, bytes: whole.bytes.slice(0, cut) },
          machine.own.perform(restOf(operation, { ...whole, bytes: whole.bytes.slice(0, cut) })),
        );
        outcome = { ...outcome, pointers: whole.pointers };
        expect(outcome).toEqual(whole);
      }
    }
    const chain = operations[3]!;
    const half = { bytes: new Uint8Array(0), pointers: [0x2100], ending: undefined, complete: false };
    expect(joined(half, machine.own.perform(restOf(chain, half)))).toEqual(machine.own.perform(chain));
  });
});
