import { describe, expect, it, vi } from 'vitest';
import { RunEnd } from '../cpu/vcpu.ts';
import { Attention } from '../isa/state.ts';
import type { SystemManagement } from '../smm/system-management.ts';
import { run } from './atomic-step.ts';
import type { ClockMode } from './machine.ts';
import type { FromVcpu } from './protocol.ts';
import { runTarget } from './run-target.ts';
import { leaveQuiescence, releaseStop, requestStop, running, StopReason } from './stop.ts';
import { BareMachine } from './testing/bare-machine.ts';
import { platformOf, postRequest, VcpuThread, type Processor, type VcpuParts } from './vcpu-thread.ts';

/** Retires what it is told to, unless it is halted. */
class Counting implements Processor {
  enterSystemManagementMode(): void {
    throw new Error('nobody sends SMIs here');
  }

  count = 0;
  halted = false;
  readonly budgets: number[] = [];
  during: () => void = () => {};

  run(maximum: number): RunEnd {
    this.budgets.push(maximum);
    this.during();
    if (this.halted) return RunEnd.halted;
    this.count += maximum;
    return RunEnd.budget;
  }

  retired(): number {
    return this.count;
  }

  synchronise(): void {}

  interruptible(): boolean {
    return true;
  }
}

function build(clock: ClockMode, cpus = 1, smm?: Pick<SystemManagement, 'due' | 'holds' | 'enters' | 'isMember' | 'knock' | 'stand'>) {
  const machine = BareMachine.create({ clock, cpus });
  const sent: FromVcpu[] = [];
  let interrupt = false;
  const parts: VcpuParts = {
    cpu: 0,
    memory: machine.memory,
    control: machine.control,
    clock: machine.clock,
    bus: machine.bus,
    interruptPending: () => interrupt,
    acknowledgeInterrupt: () => 0x20,
    send: (message) => sent.push(message),
    ...(smm === undefined ? {} : { smm: smm as SystemManagement }),
  };
  const processor = new Counting();
  const thread = new VcpuThread(parts, processor);
  run(machine.memory.words, leaveQuiescence(machine.control.stopWords, 0));
  const stopWord = () => Atomics.load(machine.memory.words, machine.control.stopWords.stop(0));
  // The fake drops no caches, so this bit says nothing here.
  const attention = () => Atomics.load(machine.memory.words, machine.control.attentionWord(0)) & ~Attention.flush;
  return { machine, parts, processor, thread, sent, stopWord, attention, setInterrupt: (level: boolean) => (interrupt = level) };
}

describe('the thread of a vCPU under the virtual clock', () => {
  it('runs timers at exactly their instruction', () => {
    const { machine, processor, thread } = build('virtual');
    const seen: number[] = [];
    const timer = machine.bus.timer('tick', () => {
      seen.push(processor.count);
      if (seen.length < 3) timer.arm(machine.clock.now() + 700_000);
    });
    timer.arm(1_500_001);
    for (let turn = 0; turn < 12; turn++) thread.turn();
    expect(seen).toEqual([1_500_001, 2_200_001, 2_900_001]);
    expect(Math.max(...processor.budgets)).toBe(1_000_000);
  });

  it('jumps over idle time to the next deadline', () => {
    const { machine, processor, thread } = build('virtual');
    let at = 0;
    machine.bus.timer('tick', () => (at = machine.clock.now())).arm(5_000_000);
    processor.during = () => (processor.halted = true);
    for (let turn = 0; turn < 3 && at === 0; turn++) thread.turn();
    expect(at).toBe(5_000_000);
    expect(processor.count).toBe(0);
  });

  it('pauses itself after exactly the instructions it was to run', () => {
    const { machine, processor, thread, sent, stopWord } = build('virtual');
    runTarget(machine.memory).count = 2_345_678;
    for (let turn = 0; turn < 4; turn++) thread.turn();
    expect(processor.count).toBe(2_345_678);
    expect(sent).toEqual([{ kind: 'reached', cpu: 0, missed: undefined }]);
    expect(stopWord()).toBe(StopReason.pause | running);
  });

  it('says so when the guest has halted for good before', () => {
    const { machine, processor, thread, sent } = build('virtual');
    runTarget(machine.memory).count = 100;
    processor.halted = true;
    thread.turn();
    expect(sent).toEqual([{ kind: 'reached', cpu: 0, missed: 'The guest halted for good after 0 instructions.' }]);
  });
});

describe('turns beside SMM', () => {
  it('knock where who has the next turn is held for those in SMM: it sleeps there', () => {
    const knocked: number[] = [];
    const { machine, thread, processor } = build('virtual', 2, {
      due: () => false,
      holds: (cpu) => cpu === 1,
      enters: (cpu) => cpu === 1,
      isMember: (cpu) => cpu === 0,
      knock: (cpu) => void knocked.push(cpu),
      stand: () => undefined,
    });
    machine.control.takingTurns = true;
    machine.control.passTurn(0, 100);
    thread.turn();
    expect([processor.count, machine.control.turn.holder, knocked]).toEqual([100, 1, [1]]);
  });
});

describe('the thread of a vCPU', () => {
  it('runs due timers before it goes on', () => {
    const { machine, processor, thread } = build('wall');
    machine.clock.resume();
    let runs = 0;
    machine.bus.timer('tick', () => runs++).arm(1000);
    thread.turn();
    expect([runs, processor.count]).toEqual([0, 10_000]);
    machine.hostTime += 1000n;
    thread.turn();
    expect([runs, processor.count]).toEqual([1, 1_010_000]);
  });

  it('cuts what it runs for the deadline ahead', () => {
    const { machine, processor, thread } = build('wall');
    machine.clock.resume();
    const timer = machine.bus.timer('tick', () => undefined);
    for (const deadline of [1e9, 1e6, 1e5, 1]) {
      timer.arm(machine.clock.now() + deadline);
      thread.turn();
    }
    expect(processor.budgets).toEqual([1_000_000, 250_000, 25_000, 10_000]);
  });

  it('gets on although a timer is due again and again before it could run anything', () => {
    const { machine, processor, thread } = build('wall');
    machine.clock.resume();
    let runs = 0;
    const timer = machine.bus.timer('tick', () => {
      runs++;
      machine.hostTime += 5000n;
      timer.arm(machine.clock.now() - 4000);
      if (runs % 50 === 0) timer.arm(machine.clock.now() + 1);
    });
    timer.arm(1);
    machine.hostTime += 1n;
    for (let turn = 0; turn < 3; turn++) thread.turn();
    expect(processor.count).toBeGreaterThanOrEqual(30_000);
  });

  it('obeys a stop and is RUNNING again afterwards', () => {
    const { machine, thread, processor, stopWord, attention } = build('wall');
    const { words } = machine.memory;
    run(words, requestStop(machine.control.stopWords, 0, StopReason.service));
    expect(attention() & Attention.stop).not.toBe(0);
    run(words, releaseStop(machine.control.stopWords, 0, StopReason.service));
    thread.turn();
    expect([stopWord(), attention(), processor.count]).toEqual([running, 0, 0]);
  });

  it('does not sleep in HLT while an interrupt waits that it would take, and sleeps while it would not', () => {
    const { machine, processor, thread, setInterrupt, attention, stopWord } = build('wall');
    machine.clock.resume();
    processor.halted = true;
    machine.control.attend(0, Attention.interrupt);
    setInterrupt(true);
    thread.turn();
    expect(attention()).toBe(Attention.interrupt);
    // Without a request the bit alone keeps nobody awake; the deadline ends the sleep here.
    setInterrupt(false);
    machine.bus.timer('tick', () => undefined).arm(2_000_000);
    thread.turn();
    expect(attention()).toBe(0);
    expect(stopWord()).toBe(running);
  });

  it('sleeps until its own deadline where whoever watches sleeps longer, and by what is armed now where it watches itself', () => {
    const { machine, processor, thread } = build('wall', 3);
    const { control, bus } = machine;
    machine.clock.resume();
    processor.halted = true;
    const sleeps: (number | undefined)[] = [];
    const wait = vi.spyOn(Atomics, 'wait').mockImplementation((...given: unknown[]) => {
      sleeps.push(given[3] as number | undefined);
      return 'timed-out';
    });
    try {
      const timer = bus.timer('tick', () => undefined);
      const slept = (deadline: number) => {
        timer.arm(deadline);
        thread.turn();
        return sleeps.splice(0);
      };
      control.block.timekeeper = 3;
      control.block.timekeeperDeadline = 500e6;
      expect(slept(100e6)).toEqual([expect.closeTo(100, 0)]);
      expect(slept(600e6)).toEqual([1000]);
      // One that watches, and for which a timer is armed while it takes the place.
      control.block.timekeeper = 0;
      control.block.timekeeperDeadline = Infinity;
      timer.arm(900e6);
      const { compareExchange } = Atomics;
      const exchange = vi.spyOn(Atomics, 'compareExchange').mockImplementation((...given) => {
        if (given[1] === control.word('timekeeper')) timer.arm(50e6);
        return compareExchange.apply(Atomics, given as Parameters<typeof compareExchange>);
      });
      thread.turn();
      exchange.mockRestore();
      expect(sleeps).toEqual([expect.closeTo(50, 0)]);
    } finally {
      wait.mockRestore();
    }
  });

  it('stands still after a chip has posted a request, until the service worker has acted', () => {
    const { machine, parts, sent, stopWord, attention } = build('wall');
    postRequest(parts, { kind: 'reset', reason: 'test' });
    expect(sent).toEqual([{ kind: 'request', cpu: 0, request: { kind: 'reset', reason: 'test' } }]);
    expect(stopWord()).toBe(StopReason.request | running);
    expect(attention() & Attention.stop).not.toBe(0);
    run(machine.memory.words, releaseStop(machine.control.stopWords, 0, StopReason.request));
  });

  it('does not stand still inside an instruction that fills a ring, but behind it', () => {
    const { machine, parts, processor, thread, attention, stopWord } = build('wall');
    const ring = machine.bus.output('com9');
    machine.bus.ports(0x3000, 1, { read: () => 0, write: () => void ring.push(1) });
    const platform = platformOf(parts);
    while (!ring.congested) platform.portWrite(0x3000, 1, 0);
    expect([attention(), stopWord()]).toEqual([Attention.timer, running]);
    ring.take();
    thread.turn();
    expect([attention(), processor.count]).toEqual([0, 1_000_000]);
  });

  it('offers an interrupt only while the request stands', () => {
    const { parts, setInterrupt } = build('wall');
    const platform = platformOf(parts);
    expect([platform.interruptPending(), platform.acknowledgeInterrupt()]).toEqual([false, -1]);
    setInterrupt(true);
    expect([platform.interruptPending(), platform.acknowledgeInterrupt()]).toEqual([true, 0x20]);
  });
});
