import { expect, it } from 'vitest';
import { destination } from './arrow-keys.ts';

it('keys lead along rows of machines and stay within them', () => {
  const from = (at: number) => (key: string) => destination(key, at, 7, 3);
  expect(['ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp', 'Home', 'End'].map(from(4))).toEqual([5, 3, 6, 1, 0, 6]);
  expect(['ArrowLeft', 'ArrowUp'].map(from(0))).toEqual([0, 0]);
  expect(['ArrowRight', 'ArrowDown'].map(from(6))).toEqual([6, 6]);
  expect(from(2)('x')).toBeUndefined();
});
