import { describe, expect, it } from 'vitest';
import { Standstill } from './standstill.ts';
import { running, StopReason } from './stop.ts';
import { BareMachine } from './testing/bare-machine.ts';
import { errorCode } from './testing/bare-service.ts';

function build() {
  const { control } = BareMachine.create({ cpus: 2 });
  const word = (cpu: number) => Atomics.load(control.words, control.stopWords.stop(cpu));
  const set = (cpu: number, value: number) => Atomics.store(control.words, control.stopWords.stop(cpu), value);
  return { standstill: new Standstill(control, 20), control, word, set };
}

describe('standing still', () => {
  it('gives up on a vCPU that is gone, until that is said to have died', () => {
    const { standstill, control, word, set } = build();
    set(1, running);
    Atomics.store(control.words, control.lockWord, 1);
    expect(errorCode(() => standstill.stop(StopReason.pause))).toBe('crashed');
    standstill.vcpuDied(1);
    expect(Atomics.load(control.words, control.lockWord)).toBe(0);
    standstill.stop(StopReason.pause);
    expect([word(0), word(1)]).toEqual([StopReason.pause, StopReason.pause]);
  });

  it('is for the time of a body, also of one that fails', () => {
    const { standstill, word } = build();
    expect(standstill.whileStopped(() => word(1))).toBe(StopReason.service);
    expect(() =>
      standstill.whileStopped(() => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect([word(0), word(1)]).toEqual([0, 0]);
  });

  it('is asked of all, and ended for those that are named', () => {
    const { standstill, word } = build();
    standstill.ask(StopReason.power);
    standstill.release(StopReason.power, [1]);
    expect([word(0), word(1)]).toEqual([StopReason.power, 0]);
  });

  it('knows of chips that wait for what they asked for', () => {
    const { standstill, set } = build();
    expect(standstill.isAsked()).toBe(false);
    set(1, StopReason.request | StopReason.pause);
    expect(standstill.isAsked()).toBe(true);
    expect(standstill.isAsked(1)).toBe(false);
    expect(standstill.isAsked(0)).toBe(true);
  });
});
