import { describe, expect, it, vi } from 'vitest';
import { alertStream } from '../guard/alert.ts';
import type { MachineEvent } from './machine.ts';
import { mebibyte } from './memory.ts';
import { OutputService } from './output-service.ts';
import { BareMachine } from './testing/bare-machine.ts';

function build() {
  const { bus } = BareMachine.create();
  const com1 = bus.output('com1');
  const alerts = bus.output(alertStream);
  const events: MachineEvent[] = [];
  const output = new OutputService(bus.outputs, { com1: 'serial' }, (event) => events.push(event));
  const taken = () => events.reduce((sum, event) => sum + (event.kind === 'serial' ? event.bytes.length : 0), 0);
  return { com1, alerts, events, output, taken };
}

describe('output on its way to the main thread', () => {
  it('goes in order, and only as far as it is taken', () => {
    const { com1, output, taken } = build();
    const write = (count: number, byte: number) => {
      for (let index = 0; index < count; index++) if (!com1.push(byte)) throw new Error('full');
    };
    for (let round = 0; round < 40; round++) {
      write(Math.min(30_000, com1.space), round);
      output.drain();
    }
    expect(taken()).toBeLessThan(1.2 * mebibyte);
    expect(com1.congested).toBe(true);
    expect(output.empty).toBe(false);
    output.taken(taken());
    expect(com1.space).toBe(1 << 16);
    expect(output.empty).toBe(true);
  });

  it('gathers alerts of the guard for a moment, unless all of it is wanted now', () => {
    vi.useFakeTimers();
    try {
      const { alerts, com1, events, output } = build();
      const kinds = () => events.splice(0).map(({ kind }) => kind);
      const pushBoth = () => {
        alerts.pushAll(new Uint8Array(64));
        com1.push(1);
        output.drain(false);
      };
      pushBoth();
      expect(kinds()).toEqual(['serial']);
      vi.advanceTimersByTime(10);
      expect(kinds()).toEqual(['guard']);
      pushBoth();
      output.drain();
      expect(kinds()).toEqual(['serial', 'guard']);
      vi.advanceTimersByTime(10);
      expect(kinds()).toEqual([]);
      // Nobody takes what comes, as the time of some alerts is over; afterwards others are told of all the same.
      alerts.pushAll(new Uint8Array(64));
      output.drain(false);
      for (let round = 0; round < 40; round++) {
        while (com1.space > 1000) com1.pushAll(new Uint8Array(1000));
        output.drain(false);
      }
      const unread = events.reduce((sum, event) => sum + (event.kind === 'serial' ? event.bytes.length : 0), 0);
      expect(unread).toBeGreaterThanOrEqual(mebibyte);
      vi.advanceTimersByTime(10);
      expect(kinds().includes('guard')).toBe(false);
      output.taken(unread);
      vi.advanceTimersByTime(10);
      expect(kinds().includes('guard')).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});
