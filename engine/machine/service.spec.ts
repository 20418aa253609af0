import { describe, expect, it } from 'vitest';
import { run } from './atomic-step.ts';
import { mebibyte } from './memory.ts';
import { requestStop, StopReason } from './stop.ts';
import { bareService, errorCode } from './testing/bare-service.ts';

describe('what chips and vCPUs ask for', () => {
  it('ends the run through the debug port', () => {
    const { service, events } = bareService();
    service.life.start({ paused: false });
    service.fromVcpu({ kind: 'request', cpu: 0, request: { kind: 'debugExit', value: 5 } });
    expect(events.slice(-2)).toEqual([
      { kind: 'debugExit', value: 5 },
      { kind: 'state', state: 'off', reason: 'The guest ended the run through its debug port.' },
    ]);
  });

  it('reports a triple fault, resets, and lets the vCPU go on', () => {
    const { service, events, memory, stopWord } = bareService();
    service.life.start({ paused: false });
    run(memory.words, requestStop(service.control.stopWords, 0, StopReason.request));
    const chain = [{ vector: 13, code: 0, eip: 1, address: 0 }];
    service.fromVcpu({ kind: 'tripleFault', cpu: 0, chain });
    expect(events.filter(({ kind }) => kind !== 'display').slice(-2)).toEqual([
      { kind: 'tripleFault', chain },
      { kind: 'reset', reason: 'Triple fault.' },
    ]);
    expect(stopWord()).toBe(0);
  });
});

describe('the digest', () => {
  it('is the same for the same state, and differs with any byte of blocks, RAM and VRAM', () => {
    const { service, memory, vcpu } = bareService('virtual');
    service.life.start({ paused: true });
    const before = service.digest();
    expect(service.digest()).toBe(before);
    for (const touch of [() => memory.ram[2 * mebibyte - 1]!++, () => memory.vram[5]!++, () => vcpu.registers[3]!++, () => service.clock.skipTo(10)]) {
      const old = service.digest();
      touch();
      expect(service.digest()).not.toBe(old);
    }
  });

  it('leaves out how the state is executed', () => {
    const { service, memory, vcpu } = bareService('virtual');
    service.life.start({ paused: true });
    const before = service.digest();
    vcpu.attention = 0xff;
    vcpu.resumeRecord = 5;
    vcpu.exits[1] = 9;
    memory.pageEpoch[7] = 3;
    expect(service.digest()).toBe(before);
  });

  it('is refused while the machine runs', () => {
    const { service } = bareService();
    service.life.start({ paused: false });
    expect(errorCode(() => service.digest())).toBe('wrong-state');
  });
});
