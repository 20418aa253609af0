import { expect, it } from 'vitest';
import { append, emptyLog } from '../../../engine/tolerance/output-log.ts';
import type { ChannelState } from '../../../engine/tolerance/side.ts';
import { LagMeter } from './lag.ts';

function channel(end: number, agreed: number): Record<string, ChannelState> {
  const log = append(emptyLog(0), 0, new Uint8Array(end)) ?? emptyLog(0);
  return { com1: { log, agreed, peer: emptyLog(agreed), sent: agreed } };
}

it('measures from the moment something is said to the moment its equal is there', () => {
  const meter = new LagMeter();
  meter.look(channel(10, 0), 1000);
  expect(meter.milliseconds(1003)).toBe(3);
  // More is said meanwhile; the older waits longer.
  meter.look(channel(20, 0), 1004);
  meter.look(channel(20, 10), 1006);
  expect(meter.milliseconds(1007)).toBe(6);
  meter.look(channel(20, 20), 1009);
  expect(meter.milliseconds(1010)).toBe(6);
  // What is long over counts no more.
  expect(meter.milliseconds(1507)).toBe(5);
  expect(meter.milliseconds(1600)).toBe(0);
});

it('has nothing to measure where everything agreed at once, and forgets all when nobody is waited for', () => {
  const meter = new LagMeter();
  meter.look(channel(10, 10), 1000);
  expect(meter.milliseconds(1400)).toBe(0);
  meter.look(channel(30, 10), 1500);
  expect(meter.milliseconds(1700)).toBe(200);
  meter.clear();
  expect(meter.milliseconds(1700)).toBe(0);
});

it('counts the time in which anything waits once, and begins anew with another side', () => {
  const meter = new LagMeter();
  expect(meter.cost(900)).toBeUndefined();
  meter.look(channel(10, 10), 1000);
  meter.look(channel(20, 10), 1100);
  // More of it waits: that is no more time.
  meter.look(channel(30, 10), 1110);
  meter.look(channel(30, 20), 1120);
  expect(meter.cost(1125)).toEqual({ together: 125, waited: 25, stood: 0 });
  meter.look(channel(30, 30), 1130);
  meter.stood(4);
  expect(meter.cost(2000)).toEqual({ together: 1000, waited: 30, stood: 4 });
  meter.clear();
  expect(meter.cost(2000)).toBeUndefined();
});
