import { describe, expect, it, vi } from 'vitest';
import { StopReason } from './stop.ts';
import { bareService, errorCode } from './testing/bare-service.ts';

describe('the life of a machine', () => {
  it('begins switched off, with every vCPU held', () => {
    const { service, stopWord } = bareService();
    expect(service.life.state).toBe('off');
    expect(stopWord()).toBe(StopReason.power);
    expect(errorCode(() => service.life.pause())).toBe('wrong-state');
    expect(errorCode(() => service.life.reset())).toBe('wrong-state');
    expect(errorCode(() => service.input.accept({ kind: 'scancodes', bytes: [0x1e] }))).toBe('wrong-state');
  });

  it('starts at the loader’s entry, running or paused', () => {
    const { service, memory, stopWord, vcpu, states } = bareService();
    service.life.start({ paused: true });
    expect(stopWord()).toBe(StopReason.pause);
    expect(memory.ram[0x7c00]).toBe(0xf4);
    expect(vcpu.eip).toBe(0x7c00n);
    expect(service.clock.running).toBe(false);
    expect(errorCode(() => service.life.start({ paused: false }))).toBe('wrong-state');
    service.life.resume();
    expect(stopWord()).toBe(0);
    expect(service.clock.running).toBe(true);
    service.life.pause();
    service.life.powerOff();
    expect(stopWord()).toBe(StopReason.power);
    expect(states()).toEqual(['paused', 'running', 'paused', 'off']);
  });

  it('starts again from nothing after it was switched off', () => {
    const { service, memory, vcpu } = bareService();
    service.life.start({ paused: false });
    memory.ram[0x5000] = 1;
    vcpu.retired = 77n;
    service.life.powerOff();
    service.life.start({ paused: true });
    expect(memory.ram[0x5000]).toBe(0);
    expect(vcpu.retired).toBe(0n);
  });

  it('resets to the entry, keeps RAM that nobody writes, and lets the counters go on', () => {
    const { service, memory, vcpu, events } = bareService();
    service.life.start({ paused: true });
    memory.ram[0x7c00] = 0;
    memory.ram[0x5000] = 9;
    vcpu.eip = 5n;
    vcpu.retired = 1000n;
    service.life.reset();
    expect([memory.ram[0x7c00], memory.ram[0x5000], vcpu.eip, vcpu.retired]).toEqual([0xf4, 9, 0x7c00n, 1000n]);
    expect(events.at(-1)).toEqual({ kind: 'reset', reason: 'Reset by the user.' });
    expect(service.life.state).toBe('paused');
  });

  it('crashes when a vCPU does, and stays so', () => {
    const { service, memory, states, stopWord } = bareService();
    service.life.start({ paused: false });
    Atomics.store(memory.words, service.control.stopWords.stop(0), 1);
    Atomics.store(memory.words, service.control.lockWord, 1);
    service.vcpuDied(0, 'out of memory');
    expect(states()).toEqual(['running', 'crashed']);
    expect(stopWord()).toBe(StopReason.power);
    expect(errorCode(() => service.life.resume())).toBe('wrong-state');
    // The lock is free for whoever looks at what is left.
    expect(service.displays.screenshot().width).toBeGreaterThan(0);
    expect(service.digest()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('begins the next epoch of a pair when it goes on, if it came to the end of one as it was paused', () => {
    const { service } = bareService('virtual', { pair: 'primary' });
    const { epochs } = service;
    if (epochs === undefined) throw new Error('a pair under the virtual clock has epochs');
    service.life.start({ paused: false });
    service.life.pause();
    const look = vi.spyOn(epochs, 'look');
    service.life.resume();
    expect(look).toHaveBeenCalled();
  });

  it('is switched off where it has crashed, for good', async () => {
    const { service, states } = bareService();
    service.life.start({ paused: false });
    service.vcpuDied(0, 'out of memory');
    await service.life.powerOff();
    expect(states()).toEqual(['running', 'crashed', 'off']);
    // Its vCPU's thread is gone.
    expect(errorCode(() => service.life.start({ paused: false }))).toBe('crashed');
  });

  it('runs when it is started, though somebody had it stand still while it was switched off', () => {
    const { service, stopWord } = bareService();
    service.life.start({ paused: false });
    void service.life.powerOff();
    service.standstill.stop(StopReason.pause);
    service.life.start({ paused: false });
    expect(stopWord()).toBe(0);
  });
});
