import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRequest, desktopOf, mostOutputs, type OutputRequest } from './properties.ts';

const budget = 32 << 20;
const refusal = (...outputs: OutputRequest[]): string | undefined => {
  const result = checkRequest({ outputs }, 1 << 30);
  return result.ok ? undefined : result.reason;
};
const one = (output: Partial<OutputRequest>) => {
  const result = checkRequest({ outputs: [{ width: 800, height: 600, ...output }] }, budget);
  if (!result.ok) throw new Error(result.reason);
  const [first] = result.properties.outputs;
  if (first === undefined) throw new Error('off');
  return { ...first, ignored: result.ignored };
};

describe('the limits of a display', () => {
  it.each([
    [199, 600, 'cannot have a width of 199'],
    [200, 200, undefined],
    [8192, 8192, undefined],
    [8194, 600, 'cannot have a width of 8194'],
    [8193, 600, 'cannot have a width of 8193'],
    [800, 199, 'cannot have a height of 199'],
    [800, 8193, 'cannot have a height of 8193'],
    [801, 600, 'cannot be 801 pixels wide: the width is even'],
    [800, 601, undefined],
    [0, 600, 'cannot have a width of 0'],
    [800, 0, 'cannot have a height of 0'],
    [NaN, 600, 'cannot have a width of NaN'],
    [800.5, 600, 'cannot have a width of 800.5'],
    [-800, 600, 'cannot have a width of -800'],
    [Infinity, 600, 'cannot have a width of Infinity'],
  ])('%s × %s pixels: %s', (width, height, reason) => {
    const said = refusal({ width, height });
    if (reason === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(reason);
  });

  it.each([
    [99, 100],
    [100, 100],
    [500, 500],
    [501, 100],
    [150.5, 100],
  ])('a scale of %s %% counts as %s %%', (scale, counts) => {
    const result = one({ scale });
    expect(result.scale).toBe(counts);
    expect(result.ignored).toHaveLength(counts === scale ? 0 : 1);
  });

  it.each([
    [9, 200, false],
    [10, 10_000, true],
    [200, 10_001, false],
    [200, undefined, false],
  ])('%s × %s mm count: %s', (widthMillimetres, heightMillimetres, counts) => {
    const result = one({ widthMillimetres, heightMillimetres });
    expect(result.millimetres !== undefined).toBe(counts);
    expect(result.ignored).toHaveLength(counts ? 0 : 1);
  });

  it('turns pictures by quarters only', () => {
    expect(one({ orientation: 270 }).orientation).toBe(270);
    expect(one({ orientation: 45 })).toMatchObject({ orientation: 0, ignored: ['Output 0: a rotation of 45 was ignored; 0, 90, 180 and 270 degrees count.'] });
  });

  it('lets the desktop be 32,766 pixels on each axis, and no more', () => {
    const apart = (x: number, y: number) => refusal({ width: 200, height: 200, x: 0, y: 0 }, { width: 200, height: 200, x, y });
    expect(apart(32_566, 0)).toBeUndefined();
    expect(apart(32_567, 0)).toBe('The desktop cannot be 32767 pixels wide: 32766 is the most.');
    expect(apart(0, -32_566)).toBeUndefined();
    expect(apart(0, -32_567)).toBe('The desktop cannot be 32767 pixels high: 32766 is the most.');
  });

  it('has 8 outputs, of which one is on and one is the primary one', () => {
    const outputs = Array.from({ length: 8 }, () => ({ width: 200, height: 200 }));
    expect(refusal(...outputs)).toBeUndefined();
    expect(refusal(...outputs, { width: 200, height: 200 })).toBe('There are 8 outputs; the request names 9.');
    expect(refusal({ width: 0, height: 0 })).toBe('At least one output is on.');
    expect(refusal(...outputs.map((output) => ({ ...output, primary: true })))).toBe('Only one output is the primary one.');
    const result = checkRequest({ outputs: [{ width: 0, height: 0 }, ...outputs.slice(2)] }, budget);
    expect(result.ok && result.properties.outputs.map((output) => output?.primary)).toEqual([undefined, true, ...Array<boolean>(5).fill(false), undefined]);
  });

  it('fits the outputs into the memory there is', () => {
    const result = checkRequest({ outputs: [{ width: 4096, height: 2048 }, { width: 200, height: 200 }] }, budget);
    expect(result).toEqual({ ok: false, reason: 'The outputs need 32.2 MiB of video memory together, and there are 32 MiB.' });
    expect(checkRequest({ outputs: [{ width: 4096, height: 2048 }] }, budget).ok).toBe(true);
  });

  it('ignores more fingers than ten, and says so', () => {
    const result = checkRequest({ outputs: [{ width: 800, height: 600 }], input: { touchPoints: 11, pointer: true } }, budget);
    expect(result.ok && result).toMatchObject({
      properties: { input: { keyboard: true, mouse: false, pointer: true, touchPoints: 0, pen: false } },
      ignored: ['11 touch points were ignored; 0 to 10 count.'],
    });
  });
});

describe('any request at all', () => {
  const number = fc.oneof(fc.integer({ min: -40_000, max: 40_000 }), fc.double(), fc.constantFrom(0, 200, 8192, 800, 600));
  const output = fc.record(
    { width: number, height: number, widthMillimetres: number, heightMillimetres: number, scale: number, orientation: number, depth: number, refresh: number, x: number, y: number, primary: fc.boolean() },
    { requiredKeys: ['width', 'height'] },
  );
  const good = fc.record(
    { width: fc.integer({ min: 100, max: 500 }).map((half) => 2 * half), height: fc.integer({ min: 200, max: 1000 }), scale: number, x: fc.integer({ min: -9000, max: 9000 }), refresh: number },
    { requiredKeys: ['width', 'height'] },
  );

  it('is refused with a sentence, or leaves every property within its limits', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(output, good), { maxLength: 10 }), fc.record({ touchPoints: number }), (outputs, input) => {
        const result = checkRequest({ outputs, input }, budget);
        if (!result.ok) {
          expect(result.reason).toMatch(/^[A-Z].*\.$/);
          return;
        }
        const { properties } = result;
        expect(properties.outputs).toHaveLength(mostOutputs);
        const on = properties.outputs.filter((each) => each !== undefined);
        expect(on.filter(({ primary }) => primary)).toHaveLength(1);
        for (const each of on) {
          expect(each.width % 2).toBe(0);
          for (const size of [each.width, each.height]) expect(size >= 200 && size <= 8192).toBe(true);
          expect(each.scale >= 100 && each.scale <= 500).toBe(true);
          expect([0, 90, 180, 270]).toContain(each.orientation);
          for (const value of Object.values(each.millimetres ?? {})) expect(value === true || value === false || (value >= 10 && value <= 10_000)).toBe(true);
        }
        const desktop = desktopOf(properties.outputs);
        expect(Math.max(desktop.width, desktop.height)).toBeLessThanOrEqual(32_766);
        expect(on.reduce((sum, each) => sum + each.width * each.height * 4, 0)).toBeLessThanOrEqual(budget);
        expect(properties.input.touchPoints >= 0 && properties.input.touchPoints <= 10).toBe(true);
      }),
    );
  });

  it('is not all refused: good ones pass', () => {
    fc.assert(
      fc.property(fc.array(good, { minLength: 1, maxLength: 8 }), (outputs) => {
        expect(checkRequest({ outputs }, budget)).toMatchObject({ ok: true });
      }),
    );
  });
});
