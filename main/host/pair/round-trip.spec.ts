import { expect, it } from 'vitest';
import { RoundTrip } from './round-trip.ts';

/** Two sides whose clocks have nothing to do with each other, `there` milliseconds apart one way and `back` the other. */
function talk(beats: number, there: number, back: number): { one: RoundTrip; two: RoundTrip } {
  const [one, two] = [new RoundTrip(), new RoundTrip()];
  const clockOfTwo = (at: number): number => at * 1 + 1e6;
  for (let round = 0; round < beats; round++) {
    const now = round * 100;
    two.take(one.beat(now), clockOfTwo(now + there));
    // It beats when its own time has come, long after what it answers.
    one.take(two.beat(clockOfTwo(now + 60)), now + 60 + back);
  }
  return { one, two };
}

it('measures both ways together, however long a beat waited for the next one, and whatever the clocks say', () => {
  const { one, two } = talk(5, 3, 4);
  expect(one.milliseconds).toBeCloseTo(7);
  expect(two.milliseconds).toBeCloseTo(7);
});

it('knows nothing before an echo, counts none twice, and forgets another side', () => {
  const side = new RoundTrip();
  expect(side.milliseconds).toBeNull();
  side.take({ kind: 'beat', at: 5 }, 100);
  expect(side.milliseconds).toBeNull();
  expect(side.beat(110)).toEqual({ kind: 'beat', at: 110, echo: { at: 5, after: 10 } });
  expect(side.beat(210)).toEqual({ kind: 'beat', at: 210 });
  side.take({ kind: 'beat', at: 9, echo: { at: 110, after: 50 } }, 162);
  expect(side.milliseconds).toBe(2);
  side.clear();
  expect(side.milliseconds).toBeNull();
});

it('is not moved by one beat that came late', () => {
  const side = new RoundTrip();
  for (const late of [1, 1, 900, 1, 1]) side.take({ kind: 'beat', at: 0, echo: { at: 0, after: 0 } }, late);
  expect(side.milliseconds).toBe(1);
});
