import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PageFault } from '../cpu/faults.ts';
import { pagingStateOf, withRoot } from '../cpu/inspection.ts';
import { describeEntry } from './paging-entry.ts';
import { mappingsOf, walkPage, type FrameMapping } from './page-walk.ts';
import { directory, entry, modes, PagedMachine, tables } from './testing/paged-machine.ts';

const machine = new PagedMachine();
const read = (address: number): number | undefined => {
  let value = 0;
  for (let byte = 0; byte < 4; byte++) value += machine.byteAt(BigInt(address + byte)) * 2 ** (8 * byte);
  return value;
};
const walk = (linear: number) => walkPage(pagingStateOf(machine.state), read, linear, true);
const mappings = (frame: number): FrameMapping[] => [...mappingsOf(pagingStateOf(machine.state), read, frame)].flat();

const present = 1;
const plain = modes[1]!;
const large = modes[2]!;
const extended = modes[3]!;

beforeEach(() => machine.vcpu.reset());

describe.each(modes)('a walk $name', (mode) => {
  it('ends where the oracle does, with the same faults, and every entry is what memory holds', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 8, maxLength: 24 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (entries, linear) => {
          machine.enter(mode, entries, linear);
          const before = machine.everything(directory, directory + 0x4000);
          const walked = walk(linear);
          expect(Buffer.compare(machine.everything(directory, directory + 0x4000), before)).toBe(0);
          for (const user of [false, true]) {
            const said = machine.oracle(mode, linear, user);
            const fault = walked.verdicts.find((verdict) => verdict.access === 'read' && verdict.user === user)?.fault;
            if ('fault' in said) expect(fault).toBe(said.fault);
            else {
              expect(fault).toBeUndefined();
              expect(walked.physical).toBe(Number(said.physical));
            }
          }
          for (const { level, address, value } of walked.entries) {
            if (address === undefined) expect(level).toBe('pointer');
            else {
              const high = mode === extended || mode === modes[4] ? BigInt(read(address + 4) ?? 0) : 0n;
              expect(value).toBe((high << 32n) | BigInt(read(address) ?? 0));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('can be gone back: all linear addresses of a frame, and no others, lead to it', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 8, maxLength: 24 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 3 }),
        (entries, around, away) => {
          machine.enter(mode, entries, around);
          const linear = (around + away * 4096) >>> 0;
          const page = (address: number) => Math.floor(address / 4096) * 4096;
          const said = machine.oracle(mode, linear, false);
          const frame = 'physical' in said ? page(Number(said.physical)) : 0x5000;
          const found = mappings(frame + 0x123);
          if ('physical' in said && frame < 2 ** 32) expect(found.map((each) => each.linear)).toContain(page(linear));
          expect(found.map((each) => each.linear)).toEqual([...new Set(found.map((each) => each.linear))].sort((a, b) => a - b));
          for (const each of found.slice(0, 50)) {
            expect(machine.oracle(mode, each.linear, false)).toEqual({ physical: BigInt(frame) });
            expect('physical' in machine.oracle(mode, each.linear, true)).toBe(each.user);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('the words of a walk', () => {
  it('say which bit ends it', () => {
    machine.enter(plain, [], 0x400000);
    expect(walk(0x400123).text).toBe('Bit 0, present, of the page-directory entry is clear.');
    machine.setDword(directory + 4, tables[0]! | present);
    machine.setDword(tables[0]!, 0xabc00);
    const walked = walk(0x400123);
    expect(walked.text).toBe('Bit 0, present, of the page-table entry is clear. The other bits are the guest’s own.');
    expect(walked.entries.map(({ index, address, value }) => [index, address, value])).toEqual([
      [1, directory + 4, BigInt(tables[0]! | present)],
      [0, tables[0]!, 0xabc00n],
    ]);
  });

  it('name reserved bits', () => {
    machine.enter(large, [], 0x400000);
    machine.setDword(directory + 4, 0x00c60000 | 0x80 | present);
    expect(walk(0x400000).text).toBe('Bits 17 and 18 of the page-directory entry are set and have to be clear.');
    machine.enter(extended, [{ present: true, low: 0, target: 0, stray: 0, high: 0 }], 0);
    machine.setDword(tables[0]!, 0x200000 | 0x80 | present);
    machine.setDword(tables[0]! + 4, 0x80000000);
    expect(walk(0x1234).text).toBe(
      'Bit 63 of the page-directory entry is set and has to be clear. NX needs EFER.NXE, which is clear.',
    );
    expect(walk(0x1234).verdicts[0]).toEqual({
      access: 'read',
      user: false,
      fault: PageFault.present | PageFault.reserved,
    });
  });

  it('tell apart what the processor holds and what memory has, and where a root of its own is read', () => {
    machine.enter(extended, [{ present: true, low: 0, target: 0, stray: 0, high: 0 }], 0);
    machine.setDword(directory, 0);
    expect(walk(0).entries[0]).toMatchObject({ address: undefined, replacement: 0n, present: true });
    const root = withRoot(pagingStateOf(machine.state), directory, read);
    expect(walkPage(root, read, 0, false).entries[0]).toMatchObject({
      address: directory,
      replacement: undefined,
      present: false,
    });
  });

  it('decode flags at each level', () => {
    machine.enter(large, [], 0);
    machine.setDword(directory, 0x00800000 | 0x1e3);
    const [only] = walk(0x12345).entries;
    expect(only?.flags.filter(({ set }) => set).map(({ name }) => name)).toEqual(['P', 'W', 'A', 'D', 'G', 'PS']);
    expect(walk(0x12345)).toMatchObject({ physical: 0x812345, text: 'The page-directory entry maps a page of 4 MiB itself.' });
    expect(describeEntry(0x8000_0000_0000_5063n, 'table', { extended: true, large: true })).toBe(
      'page at 0x5000, writable, supervisor, accessed, dirty, not executable',
    );
    expect(describeEntry(0n, 'table', { extended: false, large: false })).toBe('not present');
  });
});
