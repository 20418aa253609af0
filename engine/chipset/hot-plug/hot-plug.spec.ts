import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { HotPlug, type Pluggable } from './hot-plug.ts';
import { hotPlugPort, HotPlugRegister } from './registers.ts';

const device = 9;
const bit = 1 << device;

function board() {
  const bus = new FakeBus();
  const log: string[] = [];
  const system = { listens: false, events: 0 };
  const hotPlug = new HotPlug(bus, { listens: () => system.listens, announce: () => void system.events++ });
  const owner: Pluggable = {
    plugged: (form) => log.push(`plugged ${form}`),
    leaves: () => log.push('leaves'),
    unplugged: () => log.push('unplugged'),
  };
  const present = hotPlug.addSlot(device, owner);
  const port = (register: HotPlugRegister) => bus.in(hotPlugPort + register, 4);
  const settle = (form: number) => {
    log.length = 0;
    hotPlug.want(device, form);
    hotPlug.settle();
    return [...log];
  };
  return { bus, hotPlug, system, present, port, settle, log, eject: (bits: number) => bus.out(hotPlugPort + HotPlugRegister.eject, bits, 4) };
}

describe('slots that are filled and emptied', () => {
  it('have what they should have from a reset on, and nobody is told', () => {
    const { hotPlug, system, present, port, log } = board();
    hotPlug.want(device, 7);
    hotPlug.reset();
    expect([present(), port(HotPlugRegister.arrived), system.events, port(HotPlugRegister.removable)]).toEqual([7, 0, 0, bit]);
    expect(log).toEqual(['plugged 7']);
  });

  it('tell of what has come, once', () => {
    const { settle, system, port, bus } = board();
    system.listens = true;
    expect(settle(3)).toEqual(['plugged 3']);
    expect(bus.peek(hotPlugPort + HotPlugRegister.arrived, 4)).toBe(bit);
    expect([system.events, port(HotPlugRegister.arrived), port(HotPlugRegister.arrived)]).toEqual([1, bit, 0]);
    expect([settle(3), system.events]).toEqual([[], 1]);
  });

  it('are emptied at once where no system would eject', () => {
    const { settle, present } = board();
    settle(3);
    expect([settle(0), present()]).toEqual([['unplugged'], 0]);
    settle(3);
    expect([settle(4), present()]).toEqual([['unplugged', 'plugged 4'], 4]);
  });

  it('are emptied by the system that was asked to', () => {
    const { settle, system, present, port, eject, log } = board();
    settle(3);
    system.listens = true;
    expect(settle(0)).toEqual(['leaves']);
    expect([present(), port(HotPlugRegister.leaving), system.events]).toEqual([3, bit, 2]);
    eject(bit);
    expect([present(), port(HotPlugRegister.leaving), log]).toEqual([0, 0, ['leaves', 'unplugged']]);
    eject(bit);
    expect(log).toEqual(['leaves', 'unplugged']);
  });

  it('are filled again when what was there had to go first', () => {
    const { settle, system, present, eject, port } = board();
    settle(3);
    system.listens = true;
    settle(4);
    expect(present()).toBe(3);
    eject(bit);
    expect([present(), port(HotPlugRegister.arrived)]).toEqual([4, bit]);
  });

  it('give back what the system ejects though it was wanted again by then', () => {
    const { settle, system, present, port, eject } = board();
    settle(3);
    system.listens = true;
    settle(0);
    expect(port(HotPlugRegister.leaving)).toBe(bit);
    expect(settle(3)).toEqual([]);
    expect(port(HotPlugRegister.leaving)).toBe(0);
    eject(bit);
    expect(present()).toBe(3);
    // What it ejects on its own stays away until it is wanted anew.
    eject(bit);
    expect(present()).toBe(0);
    expect(settle(3)).toEqual(['plugged 3']);
  });

  it('end as they should be, whatever comes in between', () => {
    const step = fc.oneof(fc.record({ want: fc.nat(3) }), fc.record({ listens: fc.boolean() }), fc.constant('read'), fc.constant('eject'), fc.constant('peek'));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(3), (steps, last) => {
        const { settle, system, present, port, eject, bus } = board();
        for (const each of steps) {
          if (each === 'read') eject(port(HotPlugRegister.leaving));
          else if (each === 'eject') eject(bit);
          else if (each === 'peek') bus.peek(hotPlugPort + HotPlugRegister.leaving, 4);
          else if (typeof each === 'object' && 'want' in each) settle(each.want);
          else if (typeof each === 'object') system.listens = each.listens;
        }
        settle(last);
        // A system that does what it is asked.
        eject(port(HotPlugRegister.leaving));
        expect(present()).toBe(last);
        expect(port(HotPlugRegister.leaving)).toBe(0);
        expect(bus.blocksIntact()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
