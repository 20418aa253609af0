import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Attention } from '../isa/state.ts';
import type { ClockMode } from './machine.ts';
import { BareMachine } from './testing/bare-machine.ts';
import { TimerPlan } from './timer-plan.ts';

const millisecond = 1e6;

function build(clock: ClockMode) {
  const bare = BareMachine.create({ clock });
  const state = { running: true };
  const fired: number[] = [];
  const timer = bare.bus.timer('test', () => fired.push(bare.clock.now()));
  const plan = new TimerPlan(bare.bus, bare.control, () => state.running);
  const attention = () => Atomics.load(bare.memory.words, bare.control.attentionWord(0));
  return { bare, state, fired, timer, plan, attention };
}

describe('when timers are looked at', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is the next deadline, which vCPUs can see', () => {
    const { bare, fired, timer, plan } = build('wall');
    bare.clock.resume();
    timer.arm(5 * millisecond);
    plan.plan();
    expect(bare.control.block.plan).toBe(5 * millisecond);
    vi.advanceTimersByTime(4);
    expect(fired).toEqual([]);
    bare.hostTime += BigInt(5 * millisecond);
    vi.advanceTimersByTime(1);
    expect(fired).toEqual([5 * millisecond]);
    expect(bare.control.block.plan).toBe(Infinity);
  });

  it('is never while the machine does not run', () => {
    const { bare, state, fired, timer, plan } = build('wall');
    state.running = false;
    timer.arm(0);
    plan.plan();
    plan.run();
    expect(bare.control.block.plan).toBe(Infinity);
    expect(vi.getTimerCount()).toBe(0);
    expect(fired).toEqual([]);
  });

  it('is the vCPU’s own business under the virtual clock', () => {
    const { fired, timer, plan, attention } = build('virtual');
    timer.arm(0);
    plan.plan();
    plan.run();
    expect(attention() & Attention.timer).not.toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(fired).toEqual([]);
  });

  it('is what a vCPU that watches for a later deadline hears of', () => {
    const { bare, state, plan, attention } = build('wall');
    const heard = (deadline: number) => {
      Atomics.store(bare.memory.words, bare.control.attentionWord(0), 0);
      plan.armed(deadline);
      return (attention() & Attention.timer) !== 0;
    };
    bare.control.block.timekeeper = 1;
    bare.control.block.timekeeperDeadline = 5 * millisecond;
    expect(heard(6 * millisecond)).toBe(false);
    expect(heard(4 * millisecond)).toBe(true);
    // Nobody watches: whoever runs has a slice that was cut for other deadlines.
    bare.control.block.timekeeper = 0;
    expect(heard(6 * millisecond)).toBe(true);
    state.running = false;
    expect(heard(4 * millisecond)).toBe(false);
  });

  it('is planned once for many that are armed in a row', async () => {
    const { plan } = build('wall');
    const planned = vi.spyOn(plan, 'plan');
    for (let count = 0; count < 5; count++) plan.armed(5 * millisecond);
    expect(planned).not.toHaveBeenCalled();
    await Promise.resolve();
    expect(planned).toHaveBeenCalledTimes(1);
  });
});
