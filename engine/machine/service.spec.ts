/** The service worker's logic without workers: the vCPUs stand still throughout, as if they slept in HLT. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { vcpuState } from '../isa/state.ts';
import { run } from './atomic-step.ts';
import { physicalLayer, physicalOffset, readHeaders } from './core/testing/read-core.ts';
import { MachineError, type ClockMode, type MachineConfiguration, type MachineEvent } from './machine.ts';
import { MachineMemory, mebibyte } from './memory.ts';
import { runTarget } from './run-target.ts';
import { MachineService } from './service.ts';
import { requestStop, StopReason } from './stop.ts';

const made: MachineService[] = [];
afterEach(() => {
  for (const service of made.splice(0)) service.dispose();
});

/** A boot sector that begins with these bytes. */
function bootSector(...code: number[]): Uint8Array {
  const image = new Uint8Array(512);
  image.set(code);
  image.set([0x55, 0xaa], 510);
  return image;
}

function build(clock: ClockMode = 'wall') {
  const configuration: MachineConfiguration = {
    name: 'test',
    cpus: 1,
    memoryBytes: 2 * mebibyte,
    clock,
    boot: { kind: 'boot-sector', image: bootSector(0xf4, 0xeb, 0xfd) },
  };
  const memory = MachineMemory.create({ ramBytes: configuration.memoryBytes, cpus: 1, romBytes: mebibyte });
  const service = new MachineService(memory, configuration);
  made.push(service);
  const events: MachineEvent[] = [];
  service.onEvent = (event) => events.push(event);
  const stopWord = () => Atomics.load(memory.words, service.control.stopWords.stop(0));
  const states = () => events.flatMap((event) => (event.kind === 'state' ? [event.state] : []));
  return { service, memory, events, states, stopWord, vcpu: memory.block(vcpuState, '0') };
}

function code(body: () => unknown): string | undefined {
  try {
    body();
  } catch (error) {
    if (error instanceof MachineError) return error.code;
    throw error;
  }
  return undefined;
}

describe('the life of a machine', () => {
  it('begins switched off, with every vCPU held', () => {
    const { service, stopWord } = build();
    expect(service.state).toBe('off');
    expect(stopWord()).toBe(StopReason.power);
    expect(code(() => service.pause())).toBe('wrong-state');
    expect(code(() => service.reset())).toBe('wrong-state');
    expect(code(() => service.input({ kind: 'scancodes', bytes: [0x1e] }))).toBe('wrong-state');
  });

  it('starts at the loader’s entry, running or paused', () => {
    const { service, memory, stopWord, vcpu, states } = build();
    service.start({ paused: true });
    expect(stopWord()).toBe(StopReason.pause);
    expect(memory.ram[0x7c00]).toBe(0xf4);
    expect(vcpu.eip).toBe(0x7c00n);
    expect(service.clock.running).toBe(false);
    expect(code(() => service.start({ paused: false }))).toBe('wrong-state');
    service.resume();
    expect(stopWord()).toBe(0);
    expect(service.clock.running).toBe(true);
    service.pause();
    service.powerOff();
    expect(stopWord()).toBe(StopReason.power);
    expect(states()).toEqual(['paused', 'running', 'paused', 'off']);
  });

  it('starts again from nothing after it was switched off', () => {
    const { service, memory, vcpu } = build();
    service.start({ paused: false });
    memory.ram[0x5000] = 1;
    vcpu.retired = 77n;
    service.powerOff();
    service.start({ paused: true });
    expect(memory.ram[0x5000]).toBe(0);
    expect(vcpu.retired).toBe(0n);
  });

  it('resets to the entry, keeps RAM that nobody writes, and lets the counters go on', () => {
    const { service, memory, vcpu, events } = build();
    service.start({ paused: true });
    memory.ram[0x7c00] = 0;
    memory.ram[0x5000] = 9;
    vcpu.eip = 5n;
    vcpu.retired = 1000n;
    service.reset();
    expect([memory.ram[0x7c00], memory.ram[0x5000], vcpu.eip, vcpu.retired]).toEqual([0xf4, 9, 0x7c00n, 1000n]);
    expect(events.at(-1)).toEqual({ kind: 'reset', reason: 'Reset by the user.' });
    expect(service.state).toBe('paused');
  });

  it('crashes when a vCPU does, and stays so', () => {
    const { service, memory, states, stopWord } = build();
    service.start({ paused: false });
    Atomics.store(memory.words, service.control.stopWords.stop(0), 1);
    Atomics.store(memory.words, service.control.lockWord, 1);
    service.vcpuDied(0, 'out of memory');
    expect(states()).toEqual(['running', 'crashed']);
    expect(stopWord()).toBe(StopReason.power);
    expect(code(() => service.resume())).toBe('wrong-state');
    // The lock is free for whoever looks at what is left.
    expect(service.screenshot().width).toBeGreaterThan(0);
    expect(service.digest()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is copied after a crash too, with what is left', async () => {
    const { service, memory } = build();
    const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-service-'));
    try {
      service.start({ paused: false });
      memory.ram.set([1, 2, 3], 0x9000);
      service.crash('out of memory');
      await service.hold();
      const file = path.join(folder, 'x.core');
      const { bytes } = await service.writeCore(file, 0);
      service.letGo();
      expect(service.state).toBe('crashed');
      const core = await readFile(file);
      expect(core.length).toBe(bytes);
      const offset = physicalOffset(physicalLayer(readHeaders(core)), 0x9000) ?? NaN;
      expect([...core.subarray(offset, offset + 3)]).toEqual([1, 2, 3]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is copied by one at a time, and not while it is kept or runs to an exact instruction', async () => {
    const { service } = build('virtual');
    service.start({ paused: true });
    const until = service.runUntil(1000).catch((error: unknown) => error);
    await expect(service.hold()).rejects.toThrow('because it runs to an exact instruction; pause it first.');
    service.pause();
    expect(await until).toBeInstanceOf(MachineError);
    await service.hold();
    await expect(service.hold()).rejects.toThrow('is being copied, so it cannot be copied now.');
    expect(code(() => service.resume())).toBe('wrong-state');
    expect(code(() => service.reset())).toBe('wrong-state');
    service.letGo();
    service.letGo();
    expect(service.state).toBe('paused');
    service.resume();
    expect(service.state).toBe('running');
  });
});

describe('what chips and vCPUs ask for', () => {
  it('ends the run through the debug port', () => {
    const { service, events } = build();
    service.start({ paused: false });
    service.fromVcpu({ kind: 'request', cpu: 0, request: { kind: 'debugExit', value: 5 } });
    expect(events.slice(-2)).toEqual([
      { kind: 'debugExit', value: 5 },
      { kind: 'state', state: 'off', reason: 'The guest ended the run through its debug port.' },
    ]);
  });

  it('reports a triple fault, resets, and lets the vCPU go on', () => {
    const { service, events, memory, stopWord } = build();
    service.start({ paused: false });
    run(memory.words, requestStop(service.control.stopWords, 0, StopReason.request));
    const chain = [{ vector: 13, code: 0, eip: 1, address: 0 }];
    service.fromVcpu({ kind: 'tripleFault', cpu: 0, chain });
    expect(events.filter(({ kind }) => kind !== 'display').slice(-2)).toEqual([
      { kind: 'tripleFault', chain },
      { kind: 'reset', reason: 'Triple fault.' },
    ]);
    expect(stopWord()).toBe(0);
  });

  it('hands output over in order, and only as far as it is taken', () => {
    const { service, events } = build();
    service.start({ paused: false });
    const com1 = service.bus.output('com1');
    const write = (count: number, byte: number) => {
      for (let index = 0; index < count; index++) if (!com1.push(byte)) throw new Error('full');
    };
    const taken = () => events.reduce((sum, event) => sum + (event.kind === 'serial' ? event.bytes.length : 0), 0);
    for (let round = 0; round < 40; round++) {
      write(Math.min(30_000, com1.space), round);
      service.drain();
    }
    expect(taken()).toBeLessThan(1.2 * mebibyte);
    expect(com1.congested).toBe(true);
    service.taken(taken());
    expect(com1.space).toBe(1 << 16);
  });

  it('refuses input without end that the guest does not read', () => {
    const { service } = build();
    service.start({ paused: false });
    const bytes = new Uint8Array(600_000);
    service.input({ kind: 'serial', bytes });
    expect(code(() => service.input({ kind: 'serial', bytes }))).toBe('wrong-state');
  });
});

describe('runUntil', () => {
  it('is for virtual clocks, ahead, one at a time', () => {
    const wall = build('wall').service;
    wall.start({ paused: true });
    expect(code(() => wall.runUntil(5))).toBe('not-supported');
    const { service, vcpu, memory } = build('virtual');
    service.start({ paused: true });
    vcpu.retired = 100n;
    expect(code(() => service.runUntil(99))).toBe('wrong-state');
    const done = service.runUntil(500);
    expect(runTarget(memory).count).toBe(500);
    expect(code(() => service.runUntil(600))).toBe('wrong-state');
    service.fromVcpu({ kind: 'reached', cpu: 0 });
    expect(service.state).toBe('paused');
    return done;
  });

  it('fails when the machine is stopped on the way, or halts for good', async () => {
    const { service } = build('virtual');
    service.start({ paused: true });
    const first = service.runUntil(500);
    service.pause();
    await expect(first).rejects.toThrow(/paused before/);
    const second = service.runUntil(500);
    service.fromVcpu({ kind: 'reached', cpu: 0, missed: 'The guest halted for good after 3 instructions.' });
    await expect(second).rejects.toThrow(/halted for good/);
  });
});

describe('the digest', () => {
  it('is the same for the same state, and differs with any byte of blocks, RAM and VRAM', () => {
    const { service, memory, vcpu } = build('virtual');
    service.start({ paused: true });
    const before = service.digest();
    expect(service.digest()).toBe(before);
    for (const touch of [() => memory.ram[2 * mebibyte - 1]!++, () => memory.vram[5]!++, () => vcpu.registers[3]!++, () => service.clock.skipTo(10)]) {
      const old = service.digest();
      touch();
      expect(service.digest()).not.toBe(old);
    }
  });

  it('leaves out how the state is executed', () => {
    const { service, memory, vcpu } = build('virtual');
    service.start({ paused: true });
    const before = service.digest();
    vcpu.attention = 0xff;
    vcpu.resumeRecord = 5;
    vcpu.exits[1] = 9;
    memory.pageEpoch[7] = 3;
    expect(service.digest()).toBe(before);
  });

  it('is refused while the machine runs', () => {
    const { service } = build();
    service.start({ paused: false });
    expect(code(() => service.digest())).toBe('wrong-state');
  });
});
