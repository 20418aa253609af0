import { describe, expect, it } from 'vitest';
import { runTarget } from './run-target.ts';
import { bareService, errorCode } from './testing/bare-service.ts';

describe('runUntil', () => {
  it('is for virtual clocks, ahead, one at a time', () => {
    const wall = bareService('wall').service;
    wall.life.start({ paused: true });
    expect(errorCode(() => wall.runUntil.start(5))).toBe('not-supported');
    const { service, vcpu, memory } = bareService('virtual');
    service.life.start({ paused: true });
    vcpu.retired = 100n;
    expect(errorCode(() => service.runUntil.start(99))).toBe('wrong-state');
    const done = service.runUntil.start(500);
    expect(runTarget(memory).count).toBe(500);
    expect(errorCode(() => service.runUntil.start(600))).toBe('wrong-state');
    service.fromVcpu({ kind: 'reached', cpu: 0 });
    expect(service.life.state).toBe('paused');
    return done;
  });

  it('fails when the machine is stopped on the way, or halts for good', async () => {
    const { service } = bareService('virtual');
    service.life.start({ paused: true });
    const first = service.runUntil.start(500);
    service.life.pause();
    await expect(first).rejects.toThrow(/paused before/);
    const second = service.runUntil.start(500);
    service.fromVcpu({ kind: 'reached', cpu: 0, missed: 'The guest halted for good after 3 instructions.' });
    await expect(second).rejects.toThrow(/halted for good/);
  });
});
