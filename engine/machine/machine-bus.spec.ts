import { describe, expect, it } from 'vitest';
import { BareMachine } from './testing/bare-machine.ts';

function recorder(name: string, log: string[]) {
  return {
    read: (port: number, width: number) => {
      log.push(`${name} read ${port.toString(16)}/${width}`);
      return 0x1_2345_6789;
    },
    write: (port: number, width: number, value: number) => void log.push(`${name} write ${port.toString(16)}/${width} ${value.toString(16)}`),
    peek: () => 0x33,
  };
}

describe('the bus', () => {
  it('leads a port to the most specific owner and trims values to the width', () => {
    const { bus } = BareMachine.create();
    const log: string[] = [];
    bus.ports(0xcf9, 1, recorder('reset', log));
    bus.ports(0xcf8, 8, recorder('pci', log));
    expect(bus.portRead(0xcf8, 4)).toBe(0x2345_6789);
    expect(bus.portRead(0xcf9, 1)).toBe(0x89);
    bus.portWrite(0xcfe, 1, 0x1234);
    expect(log).toEqual(['pci read cf8/4', 'reset read cf9/1', 'pci write cfe/1 34']);
    expect(bus.portPeek(0xcf9, 1)).toBe(0x33);
    expect(log.length).toBe(3);
  });

  it('makes an access that starts at nobody byte by byte', () => {
    const { bus } = BareMachine.create();
    const log: string[] = [];
    bus.ports(0x81, 1, recorder('page', log));
    expect(bus.portRead(0x80, 4)).toBe(0xffff_89ff);
    bus.portWrite(0x80, 4, 0x44332211);
    expect(log).toEqual(['page read 81/1', 'page write 81/1 22']);
    expect(bus.portRead(0x500, 2)).toBe(0xffff);
  });

  it('moves ports for every thread', () => {
    const machine = BareMachine.create();
    const log: string[] = [];
    const region = machine.bus.ports(0x600, 4, recorder('pm', log));
    machine.memory.directory.seal();
    const other = machine.onAnotherThread();
    other.bus.ports(0x600, 4, recorder('pm', log));
    region.place(0xb000);
    expect(other.bus.portRead(0x600, 1)).toBe(0xff);
    expect(other.bus.portRead(0xb001, 1)).toBe(0x89);
    region.place(undefined);
    expect(other.bus.portRead(0xb001, 1)).toBe(0xff);
  });

  it('carries out posts after the lock is free again', () => {
    const machine = BareMachine.create();
    const { bus } = machine;
    const seen: (boolean | number)[] = [];
    bus.ports(0xf4, 1, {
      read: () => 0,
      write: () => {
        bus.post({ kind: 'reset', reason: 'test' });
        seen.push(bus.lock.held, machine.requests.length);
      },
    });
    bus.portWrite(0xf4, 1, 1);
    expect(seen).toEqual([true, 0]);
    expect(machine.requests).toEqual([{ kind: 'reset', reason: 'test' }]);
    expect(bus.lock.held).toBe(false);
  });

  it('frees the lock when a chip throws', () => {
    const machine = BareMachine.create();
    machine.bus.ports(0x10, 1, { read: () => { throw new Error('broken chip'); }, write: () => undefined });
    expect(() => machine.bus.portRead(0x10, 1)).toThrow('broken chip');
    expect(Atomics.load(machine.memory.words, machine.control.lockWord)).toBe(0);
  });

  it('runs timers by deadline, each once, also those that another thread armed', () => {
    const machine = BareMachine.create();
    const log: string[] = [];
    const declare = (m: BareMachine) => ['a', 'b', 'c'].map((name) => m.bus.timer(name, () => void log.push(name)));
    const [a, b, c] = declare(machine);
    machine.memory.directory.seal();
    const other = machine.onAnotherThread();
    declare(other);
    machine.clock.resume();
    a?.arm(300);
    b?.arm(200);
    c?.arm(400);
    c?.cancel();
    expect(other.bus.nextDeadline()).toBe(200);
    machine.hostTime += 250n;
    other.hostTime = machine.hostTime;
    expect(other.bus.runDueTimers()).toBe(true);
    expect(log).toEqual(['b']);
    expect(b?.deadline).toBe(Infinity);
    machine.hostTime += 1000n;
    expect(machine.bus.runDueTimers()).toBe(true);
    expect(machine.bus.runDueTimers()).toBe(false);
    expect(log).toEqual(['b', 'a']);
    expect(machine.armed).toEqual([300, 200, 400]);
  });

  it('does not hang on a timer that arms itself into the past', () => {
    const { bus } = BareMachine.create();
    const timer = bus.timer('stuck', () => timer.arm(0));
    timer.arm(0);
    expect(bus.runDueTimers()).toBe(true);
    expect(timer.deadline).toBe(0);
  });

  it('hands out what chips put out, whole and in order, across the end of the ring', () => {
    const machine = BareMachine.create();
    const ring = machine.bus.output('serial');
    const sent: number[] = [];
    const got: number[] = [];
    for (let round = 0; round < 5; round++) {
      const size = 40_000;
      for (let index = 0; index < size; index++) {
        const byte = (index * 7 + round) & 0xff;
        if (!ring.push(byte)) throw new Error('the ring is full');
        sent.push(byte);
      }
      for (const byte of ring.take()) got.push(byte);
    }
    expect(got).toEqual(sent);
    expect(ring.congested).toBe(false);
    while (ring.space > 0) ring.push(0);
    expect(ring.push(1)).toBe(false);
    expect(ring.congested).toBe(true);
  });
});

describe('the clock', () => {
  it('follows the host, and stands still while the machine does', () => {
    const machine = BareMachine.create();
    const { clock } = machine;
    machine.hostTime += 1000n;
    expect(clock.now()).toBe(0);
    clock.resume();
    machine.hostTime += 500n;
    expect(clock.now()).toBe(500);
    clock.pause();
    machine.hostTime += 10_000n;
    expect(clock.now()).toBe(500);
    clock.resume();
    machine.hostTime += 1n;
    expect(clock.now()).toBe(501);
    expect(clock.timestamp()).toBe(501n);
  });

  it('counts instructions when virtual, and jumps over idle time', () => {
    const machine = BareMachine.create({ clock: 'virtual' });
    const { clock } = machine;
    let retired = 100;
    clock.retired[0] = () => retired;
    machine.hostTime += 1000n;
    expect(clock.now()).toBe(100);
    clock.skipTo(5000);
    expect(clock.now()).toBe(5000);
    clock.skipTo(10);
    retired += 1;
    expect(clock.now()).toBe(5001);
  });
});
