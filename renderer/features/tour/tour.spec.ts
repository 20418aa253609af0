import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it } from 'vitest';
import { assemble } from '../../../engine/assembler/assembler.ts';
import { TOUR_PROGRAM, TOUR_STEPS } from './tour-steps.ts';
import { useTour } from './tour.ts';

describe('the tour', () => {
  beforeEach(() => {
    localStorage.clear();
    setActivePinia(createPinia());
  });

  it('has a program with one error, in the line that it names, which its advice mends', () => {
    const run = (text: string) => assemble({ file: 'guest.asm', read: () => ({ path: 'guest.asm', text }) });
    expect(run(TOUR_PROGRAM).errors.map(({ line }) => line)).toEqual([9]);
    expect(TOUR_STEPS[0]?.text).toContain('In line 9');
    const mended = run(TOUR_PROGRAM.replace('add al, bx', 'add al, 1 '));
    expect(mended.errors).toEqual([]);
    expect(mended.listing.find(({ line }) => line === 8)?.text).toContain('letter:');
  });

  it('is new, goes on where it was left, and is offered no more once it is over', () => {
    expect(useTour().state).toBe('new');
    useTour().begin('first-steps');
    useTour().next();
    setActivePinia(createPinia());
    expect(useTour()).toMatchObject({ state: 'on', machine: 'first-steps', step: 1 });
    useTour().end();
    setActivePinia(createPinia());
    expect(useTour().state).toBe('over');
  });

  it('is new where what was kept cannot be read', () => {
    localStorage.setItem('vitrine.tour', '{ damaged');
    expect(useTour().state).toBe('new');
  });
});
