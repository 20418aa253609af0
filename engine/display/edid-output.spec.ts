import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEdid } from './edid-decode.ts';
import { edidOfOutput } from './edid-output.ts';

const output = fc.record({
  width: fc.integer({ min: 100, max: 4096 }).map((half) => 2 * half),
  height: fc.integer({ min: 200, max: 8192 }),
  refresh: fc.integer({ min: 24, max: 240 }),
  millimetres: fc.option(fc.record({ width: fc.integer({ min: 10, max: 10_000 }), height: fc.integer({ min: 10, max: 10_000 }), estimated: fc.boolean() }), { nil: undefined }),
});

describe('the EDID of an output', () => {
  it('prefers exactly the size of every output there can be', () => {
    fc.assert(
      fc.property(output, fc.integer({ min: 0, max: 7 }), (properties, index) => {
        const bytes = edidOfOutput(properties, index);
        const { problem, preferred, facts } = decodeEdid(bytes);
        expect(problem).toBe('');
        expect(preferred).toMatchObject({ width: properties.width, height: properties.height });
        // Clocks go in steps of 250 kHz.
        const step = 250_000 / ((properties.width + 160) * properties.height);
        expect(Math.abs((preferred?.refresh ?? 0) - properties.refresh)).toBeLessThanOrEqual(step);
        expect(facts.find(({ name }) => name === 'Name')?.value).toBe(`Output ${index}`);
        const { millimetres } = properties;
        const sayable = millimetres !== undefined && millimetres.width < 4096 && millimetres.height < 4096;
        expect(facts.find(({ name }) => name === 'Picture')?.value).toMatch(sayable ? new RegExp(`^${millimetres.width} × ${millimetres.height} mm`) : /^size not known$/);
      }),
      { numRuns: 300 },
    );
  });

  it('needs an extension only beyond 4,095 pixels or 655 MHz', () => {
    const bytes = (width: number, height: number, refresh = 60) => edidOfOutput({ width, height, refresh, millimetres: undefined }, 0).length;
    expect([bytes(4094, 2160), bytes(4096, 2160), bytes(8192, 8192), bytes(2560, 1600, 240)]).toEqual([128, 256, 256, 256]);
  });
});

describe('a decoder of EDID', () => {
  it('says what is wrong with bytes of any content, and believes none of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeEdid(bytes).problem).not.toBe('');
      }),
    );
    const good = edidOfOutput({ width: 1920, height: 1080, refresh: 60, millimetres: undefined }, 0);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = good.map((byte, index) => (index === at ? byte ^ change : byte));
        expect(decodeEdid(changed).problem).not.toBe('');
      }),
    );
  });
});
