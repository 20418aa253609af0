import { describe, expect, it } from 'vitest';
import { FlushScope, Page } from '../cpu/platform.ts';
import { Attention } from '../isa/state.ts';
import { GracePeriods } from './grace-period.ts';
import { Inside, running, StopReason } from './stop.ts';
import { BareMachine } from './testing/bare-machine.ts';

function build() {
  const machine = BareMachine.create({ cpus: 2 });
  const { control, memory } = machine;
  const { words } = memory;
  const set = (word: number, value: number) => void Atomics.store(words, word, value);
  const attention = (cpu: number) => Atomics.load(words, control.attentionWord(cpu));
  set(control.attentionWord(0), 0);
  set(control.attentionWord(1), 0);
  // What was asked for while the machine was made.
  control.takeFlushScope(0);
  control.takeFlushScope(1);
  set(control.stopWords.stop(0), running);
  return { machine, control, words, set, attention };
}

describe('a flush', () => {
  it('has passed for a vCPU once that has taken it at a poll', () => {
    const { control, attention } = build();
    const generation = control.requestFlush(FlushScope.writes);
    expect([attention(0), attention(1), control.flushPassed(generation)]).toEqual([Attention.flush, Attention.flush, false]);
    expect([control.takeFlushScope(0), control.takeFlushScope(0), control.flushPassed(generation)]).toEqual([
      FlushScope.writes,
      0,
      true,
    ]);
  });

  it('that was asked for later has not passed with an earlier one', () => {
    const { control } = build();
    const first = control.requestFlush(FlushScope.writes);
    control.takeFlushScope(0);
    const second = control.requestFlush(FlushScope.translations);
    expect([control.flushPassed(first), control.flushPassed(second)]).toEqual([true, false]);
  });

  it('leaves out who asks for it', () => {
    const { control, attention } = build();
    control.requestFlush(FlushScope.code, 0);
    expect([attention(0), attention(1)]).toEqual([0, Attention.flush]);
  });

  it('has passed for a vCPU that stands still, unless it waits for the device lock', () => {
    const { control, set, words } = build();
    const generation = control.requestFlush(FlushScope.writes);
    set(control.stopWords.stop(0), StopReason.pause);
    expect(control.flushPassed(generation)).toBe(true);
    set(control.stopWords.inside(0), Inside.lock);
    expect(control.flushPassed(generation)).toBe(false);
    set(control.stopWords.inside(0), Inside.exclusivity);
    expect(control.flushPassed(generation)).toBe(true);
    expect(Atomics.load(words, control.stopWords.stop(0))).toBe(StopReason.pause);
  });
});

describe('a grace period', () => {
  it('ends when all vCPUs have passed a poll, and not before', async () => {
    const { machine, control } = build();
    const grace = new GracePeriods((generation) => control.flushPassed(generation));
    let isOver = false;
    const passed = grace.passed(machine.bus.memory.addAttributes(1, Page.traced)).then(() => (isOver = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isOver).toBe(false);
    control.takeFlushScope(0);
    await passed;
    expect(isOver).toBe(true);
  });

  it('is given up when the machine goes', async () => {
    const { control } = build();
    const grace = new GracePeriods((generation) => control.flushPassed(generation));
    const passed = grace.passed(control.requestFlush(FlushScope.writes));
    grace.dispose();
    await expect(passed).rejects.toThrow(/disposed of/);
    await expect(grace.passed(0)).rejects.toThrow(/disposed of/);
  });
});
