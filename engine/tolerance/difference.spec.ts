import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vcpuState } from '../isa/state.ts';
import { generalNames } from '../machine/debug/registers.ts';
import { pageSize } from '../machine/memory.ts';
import { stateDifference } from './difference.ts';

/** A part whose content is `bytes`. */
const partOf = (name: string, bytes: Uint8Array) => ({
  name,
  bytes: bytes.length,
  pages: Math.ceil(bytes.length / pageSize),
  page: (page: number) => bytes.subarray(page * pageSize, (page + 1) * pageSize),
});
type Comparable = ReturnType<typeof partOf>;

/** All pages of a part, as if they had come. */
const allOf = ({ pages, page }: Comparable) => new Map(Array.from({ length: pages }, (_, index) => [index, Uint8Array.from(page(index))] as const));

const whole = (parts: readonly Comparable[]) => new Map(parts.map((part, index) => [index, allOf(part)] as const));

const vcpuName = (cpu: number) => `block ${vcpuState.name}/${cpu} 2`;

function vcpu(registers: readonly bigint[], retired: bigint): Uint8Array {
  const buffer = new SharedArrayBuffer(vcpuState.size);
  const block = vcpuState.at(buffer, 0);
  for (const [number, value] of registers.entries()) block.registers[number] = value;
  block.retired = retired;
  return new Uint8Array(buffer);
}

const area = (pages: number, seed: number) => Uint8Array.from({ length: pages * pageSize }, (_, at) => (at * 31 + seed) & 0xff);

describe('the difference of two states', () => {
  it('is none where everything that came is what was there', async () => {
    const parts = [partOf(vcpuName(0), vcpu([5n], 77n)), partOf('vram', area(2, 3)), partOf('ram', area(4, 9))];
    const none = { instructions: { primary: 77, secondary: 77 }, registers: [], first: null, pages: [] };
    expect(await stateDifference(parts, whole(parts))).toEqual(none);
    expect(await stateDifference(parts, new Map())).toEqual(none);
  });

  it('has the first byte that differs, of RAM before all else, and counts pages', async () => {
    const place = fc.record({ part: fc.constantFrom(0, 1, 2), at: fc.nat(4 * pageSize - 1), bits: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 12 }), fc.boolean(), async (places, inOrder) => {
        const parts = [partOf('vram', area(4, 1)), partOf('ram', area(4, 2)), partOf('disk ide0.0', area(4, 3))];
        // Twice at one place would be no change again.
        const flips = new Map(places.map((flip) => [flip.part * parts[0]!.bytes + flip.at, flip]));
        const coming = whole(parts);
        for (const { part, at, bits } of flips.values()) {
          const page = coming.get(part)!.get(Math.floor(at / pageSize))!;
          page[at % pageSize] = page[at % pageSize]! ^ bits;
        }
        // Pieces that went ahead are in no order.
        if (!inOrder) for (const [part, pages] of coming) coming.set(part, new Map([...pages].reverse()));
        const order = [1, 0, 2];
        const first = [...flips.values()].sort((one, other) => order.indexOf(one.part) - order.indexOf(other.part) || one.at - other.at)[0]!;
        const own = parts[first.part]!.page(Math.floor(first.at / pageSize))[first.at % pageSize]!;
        const found = await stateDifference(parts, coming);
        expect(found.first).toEqual({
          part: parts[first.part]!.name,
          page: Math.floor(first.at / pageSize),
          address: first.at,
          primary: own ^ first.bits,
          secondary: own,
        });
        const expected = order.flatMap((part) => {
          const pages = new Set([...flips.values()].filter((flip) => flip.part === part).map(({ at }) => Math.floor(at / pageSize))).size;
          return pages === 0 ? [] : [{ part: parts[part]!.name, pages }];
        });
        expect(found.pages).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('has the first register of each vCPU that differs, with both values', async () => {
    const value = fc.bigInt({ min: 0n, max: 0xffffffffn });
    const registers = fc.array(value, { minLength: 8, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(registers, registers, fc.boolean(), async (one, other, isSame) => {
        const theirs = isSame ? one : other;
        // The tenth comes before the second by name.
        const own = [partOf(vcpuName(10), vcpu(one, 1000n)), partOf(vcpuName(2), vcpu(one, 10n))];
        const coming = whole([partOf(vcpuName(10), vcpu(theirs, 1003n)), partOf(vcpuName(2), vcpu(theirs, 10n))]);
        const at = one.findIndex((mine, number) => mine !== theirs[number]);
        const hex = (of: bigint) => `0x${of.toString(16).padStart(8, '0')}`;
        const expected = at < 0 ? [] : [2, 10].map((cpu) => ({ cpu, name: generalNames[at], primary: hex(theirs[at]!), secondary: hex(one[at]!) }));
        expect(await stateDifference(own, coming)).toEqual({ instructions: { primary: 1013, secondary: 1010 }, registers: expected, first: null, pages: [] });
      }),
      { numRuns: 60 },
    );
  });
});
