/** The local APIC (SDM vol. 3, chapter 11): priorities, delivery, errors, its registers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Attention } from '../../isa/state.ts';
import { ApicError, ApicRegister, Delivery, LocalVector, Shorthand } from './registers.ts';
import { ApicBase } from './state.ts';
import { ApicBench } from './testing/apic-bench.ts';

const { fixed, lowestPriority, smi, nmi, init, startUp, external } = {
  fixed: Delivery.fixed,
  lowestPriority: Delivery.lowestPriority,
  smi: Delivery.smi,
  nmi: Delivery.nmi,
  init: Delivery.init,
  startUp: Delivery.startUp,
  external: Delivery.external,
};

describe('priorities (section 11.8)', () => {
  it('the highest vector is delivered first, and others of its class wait for the end', () => {
    const bench = new ApicBench(1);
    for (const vector of [0x41, 0x53, 0x51]) bench.send(0, vector, { shorthand: Shorthand.self });
    expect(bench.apics.acknowledge(0)).toBe(0x53);
    expect(bench.apics.pending(0)).toBe(false);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect([bench.apics.acknowledge(0), bench.apics.pending(0)]).toEqual([0x51, false]);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect(bench.apics.acknowledge(0)).toBe(0x41);
  });

  it('a higher class interrupts the service of a lower one, and the ends come in the order of priority', () => {
    const bench = new ApicBench(1);
    bench.send(0, 0x41, { shorthand: Shorthand.self });
    bench.apics.acknowledge(0);
    bench.send(0, 0x61, { shorthand: Shorthand.self });
    expect(bench.apics.acknowledge(0)).toBe(0x61);
    expect(bench.read(0, ApicRegister.processorPriority)).toBe(0x60);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect(bench.read(0, ApicRegister.processorPriority)).toBe(0x40);
  });

  it('an interrupt whose class is not above the task priority waits until that sinks', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.taskPriority, 0x4f);
    bench.send(0, 0x45, { shorthand: Shorthand.self });
    expect([bench.apics.pending(0), bench.apics.acknowledge(0)]).toEqual([false, -1]);
    bench.write(0, ApicRegister.taskPriority, 0x3f);
    expect(bench.apics.acknowledge(0)).toBe(0x45);
  });

  it('the processor priority is the higher of task priority and class in service', () => {
    const bench = new ApicBench(1);
    bench.send(0, 0x53, { shorthand: Shorthand.self });
    bench.apics.acknowledge(0);
    const read = (task: number) => {
      bench.write(0, ApicRegister.taskPriority, task);
      return bench.read(0, ApicRegister.processorPriority);
    };
    expect([read(0x00), read(0x4f), read(0x57), read(0x68)]).toEqual([0x50, 0x50, 0x57, 0x68]);
  });

  it('the arbitration priority counts what is requested as well', () => {
    const bench = new ApicBench(1);
    const read = (task: number) => {
      bench.write(0, ApicRegister.taskPriority, task);
      return bench.read(0, ApicRegister.arbitrationPriority);
    };
    expect([read(0), read(0x35)]).toEqual([0, 0x35]);
    bench.send(0, 0x63, { shorthand: Shorthand.self });
    expect([read(0), read(0x35), read(0x65), read(0x75)]).toEqual([0x60, 0x60, 0x65, 0x75]);
  });

  it('an end without an interrupt in service does nothing', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect(bench.ended).toEqual([]);
  });

  it('a vector that is requested while it is in service is served again', () => {
    const bench = new ApicBench(1);
    for (let count = 0; count < 3; count++) {
      bench.send(0, 0x44, { shorthand: Shorthand.self });
      if (count === 0) bench.apics.acknowledge(0);
    }
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect([bench.apics.acknowledge(0), bench.apics.acknowledge(0)]).toEqual([0x44, -1]);
  });
});

describe('destinations (section 11.6.2)', () => {
  it('are one identifier, or all by 0xff, in the physical mode', () => {
    const bench = new ApicBench(4);
    bench.send(0, 0x40, { destination: 2 });
    bench.send(0, 0x41, { destination: 0xff });
    bench.send(0, 0x42, { destination: 9 });
    expect([bench.requested(0x40), bench.requested(0x41), bench.requested(0x42)]).toEqual([[2], [0, 1, 2, 3], []]);
  });

  it('are a set of bits in the flat model', () => {
    const bench = new ApicBench(4);
    for (let cpu = 0; cpu < 4; cpu++) bench.write(cpu, ApicRegister.logicalDestination, 1 << (24 + cpu));
    bench.send(0, 0x40, { logical: true, destination: 0b1010 });
    bench.send(0, 0x41, { logical: true, destination: 0xf0 });
    expect([bench.requested(0x40), bench.requested(0x41)]).toEqual([[1, 3], []]);
  });

  it('are a cluster and a set of four bits in the cluster model, and all by 0xff', () => {
    const bench = new ApicBench(4);
    for (let cpu = 0; cpu < 4; cpu++) {
      bench.write(cpu, ApicRegister.destinationFormat, 0x0fffffff);
      bench.write(cpu, ApicRegister.logicalDestination, (((cpu >> 1) << 4) | (1 << (cpu & 1))) << 24);
    }
    bench.send(0, 0x40, { logical: true, destination: 0x12 });
    bench.send(0, 0x41, { logical: true, destination: 0x0f });
    bench.send(0, 0x42, { logical: true, destination: 0xff });
    expect([bench.requested(0x40), bench.requested(0x41), bench.requested(0x42)]).toEqual([[3], [0, 1], [0, 1, 2, 3]]);
  });

  it('are given by shorthand: oneself, all, all others', () => {
    const bench = new ApicBench(3);
    bench.send(1, 0x40, { shorthand: Shorthand.self });
    bench.send(1, 0x41, { shorthand: Shorthand.all });
    bench.send(1, 0x42, { shorthand: Shorthand.others });
    expect([bench.requested(0x40), bench.requested(0x41), bench.requested(0x42)]).toEqual([[1], [0, 1, 2], [0, 2]]);
  });

  it('have sixteen bits a cluster in x2APIC mode, derived from the identifier', () => {
    const bench = new ApicBench(16);
    for (let cpu = 0; cpu < 16; cpu++) bench.extend(cpu);
    expect(bench.readMsr(5, ApicRegister.logicalDestination)).toEqual([1 << 5, 0]);
    bench.writeMsr(0, ApicRegister.commandLow, 0x4840, 0x8021);
    bench.writeMsr(0, ApicRegister.commandLow, 0x4841, 0x10001);
    bench.writeMsr(0, ApicRegister.commandLow, 0x4042, 0xffffffff);
    expect([bench.requested(0x40), bench.requested(0x41), bench.requested(0x42).length]).toEqual([[0, 5, 15], [], 16]);
  });

  it('do not exist while an APIC is disabled globally', () => {
    const bench = new ApicBench(2);
    bench.apics.writeBase(1, bench.vcpu(1).apicBase & ~BigInt(ApicBase.enable));
    bench.send(0, 0x40, { destination: 0xff });
    bench.send(0, 0, { mode: nmi, shorthand: Shorthand.others });
    expect([bench.requested(0x40), bench.seen(1)]).toEqual([[0], 0]);
  });
});

describe('the lowest priority (section 11.6.2.4)', () => {
  it('goes to one: the lowest arbitration priority, among equals the lowest number', () => {
    const bench = new ApicBench(3);
    const message = { vector: 0x45, mode: lowestPriority, logical: false, destination: 0xff };
    bench.write(0, ApicRegister.taskPriority, 0x30);
    bench.write(1, ApicRegister.taskPriority, 0x20);
    bench.write(2, ApicRegister.taskPriority, 0x20);
    expect([bench.apics.deliver(message), bench.requested(0x45)]).toEqual([true, [1]]);
    bench.send(2, 0x46, { mode: lowestPriority, shorthand: Shorthand.all });
    expect(bench.requested(0x46)).toEqual([2]);
  });

  it('goes to the focus processor if there is one, unless software has switched that off', () => {
    const bench = new ApicBench(2);
    bench.write(1, ApicRegister.taskPriority, 0xf0);
    bench.send(1, 0x45, { shorthand: Shorthand.self });
    const message = { vector: 0x45, mode: lowestPriority, logical: false, destination: 0xff };
    bench.apics.deliver(message);
    expect(bench.requested(0x45)).toEqual([1]);
    bench.write(1, ApicRegister.spurious, 0x3ff);
    bench.apics.deliver(message);
    expect(bench.requested(0x45)).toEqual([0, 1]);
  });

  it('passes over an APIC that software has switched off; nobody is told when there is none', () => {
    const bench = new ApicBench(2);
    const message = { vector: 0x45, mode: lowestPriority, logical: false, destination: 0xff };
    bench.write(0, ApicRegister.spurious, 0xff);
    expect([bench.apics.deliver(message), bench.requested(0x45)]).toEqual([true, [1]]);
    bench.write(1, ApicRegister.spurious, 0xff);
    expect(bench.apics.deliver({ ...message, vector: 0x46 })).toBe(false);
  });
});

describe('delivery modes (section 11.6.1)', () => {
  it('NMI, SMI and INIT reach the processor whatever its priority, also when software has switched the APIC off', () => {
    const bench = new ApicBench(2, { enabled: false });
    bench.write(1, ApicRegister.taskPriority, 0xff);
    const seen = [nmi, smi, init].map((mode) => {
      bench.send(0, 0, { mode, destination: 1 });
      return bench.seen(1);
    });
    expect(seen).toEqual([Attention.nmi, Attention.smi, Attention.init]);
  });

  it('INIT level de-assert does nothing', () => {
    const bench = new ApicBench(2);
    bench.write(0, ApicRegister.commandLow, (init << 8) | LocalVector.level | (Shorthand.all << 18));
    expect([bench.seen(0), bench.seen(1)]).toEqual([0, 0]);
    bench.write(0, ApicRegister.commandLow, (init << 8) | LocalVector.level | LocalVector.assert | (Shorthand.others << 18));
    expect(bench.seen(1)).toBe(Attention.init);
  });

  it('a start-up IPI tells the processor, which knows whether it waits for one', () => {
    const bench = new ApicBench(2);
    bench.send(0, 0x9a, { mode: startUp, destination: 1 });
    expect([bench.seen(1), bench.apics.startVector(1)]).toEqual([Attention.sipi, 0x9a]);
  });

  it('an INIT takes a start-up IPI back that was not taken yet; one behind it stays', () => {
    const bench = new ApicBench(2);
    bench.send(0, 0x11, { mode: startUp, destination: 1 });
    bench.send(0, 0, { mode: init, destination: 1 });
    expect(bench.vcpu(1).attention & (Attention.init | Attention.sipi)).toBe(Attention.init);
    bench.send(0, 0x12, { mode: startUp, destination: 1 });
    expect([bench.seen(1), bench.apics.startVector(1)]).toEqual([Attention.init | Attention.sipi, 0x12]);
  });

  it('reserved modes and ExtINT are not sent by the command register', () => {
    const bench = new ApicBench(2);
    for (const mode of [3, external]) {
      bench.write(0, ApicRegister.commandHigh, 1 << 24);
      bench.write(0, ApicRegister.commandLow, 0x4055 | (mode << 8));
    }
    expect([bench.requested(0x55), bench.seen(1), bench.errors(0)]).toEqual([[], 0, 0]);
  });

  it('an interrupt message says what it means by address and data', () => {
    const bench = new ApicBench(2);
    bench.apics.deliverMessage(0xfee01000, 0x4061);
    bench.apics.deliverMessage(0xfee01000, 0xc062);
    expect([bench.requested(0x61), bench.requested(0x62)]).toEqual([[1], [1]]);
    expect(bench.read(1, (ApicRegister.levelTriggered + 0x30) as ApicRegister)).toBe(1 << 2);
    // The end of a level asks for nothing; a redirection hint asks for one of many.
    bench.apics.deliverMessage(0xfee01000, 0x8063);
    for (const cpu of [0, 1]) bench.write(cpu, ApicRegister.logicalDestination, 1 << (24 + cpu));
    bench.apics.deliverMessage(0xfee0300c, 0x4064);
    expect([bench.requested(0x63), bench.requested(0x64)]).toEqual([[], [0]]);
    bench.apics.deliverMessage(0xfee0300c, 0x4000 | (nmi << 8));
    expect([bench.seen(0), bench.seen(1)]).toEqual([Attention.nmi, Attention.nmi]);
  });
});

describe('levels and their end (section 11.8.4, 11.8.5)', () => {
  const level = { vector: 0x51, mode: fixed, logical: false, destination: 0, level: true };

  it('the end of a level-triggered interrupt goes to the I/O APIC, that of an edge does not', () => {
    const bench = new ApicBench(1);
    bench.apics.deliver(level);
    bench.apics.acknowledge(0);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    bench.apics.deliver({ ...level, level: false });
    bench.apics.acknowledge(0);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect(bench.ended).toEqual([0x51]);
  });

  it('the broadcast can be suppressed', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.spurious, 0x11ff);
    bench.apics.deliver(level);
    bench.apics.acknowledge(0);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect(bench.ended).toEqual([]);
  });

  it('TMR tells how each vector was triggered last', () => {
    const bench = new ApicBench(1);
    bench.apics.deliver(level);
    const word = () => bench.read(0, (ApicRegister.levelTriggered + 0x20) as ApicRegister);
    expect(word()).toBe(1 << 17);
    bench.send(0, 0x51, { shorthand: Shorthand.self });
    expect(word()).toBe(0);
  });
});

describe('software disable (section 11.4.7.2)', () => {
  it('refuses vectors, so that the I/O APIC keeps them, and says when it listens again', () => {
    const bench = new ApicBench(1, { enabled: false });
    const message = { vector: 0x51, mode: fixed, logical: false, destination: 0 };
    expect([bench.apics.deliver(message), bench.listened]).toEqual([false, 0]);
    bench.write(0, ApicRegister.spurious, 0x1ff);
    expect([bench.apics.deliver(message), bench.listened]).toEqual([true, 1]);
    bench.write(0, ApicRegister.spurious, 0x13f);
    expect(bench.listened).toBe(1);
  });

  it('masks the local vectors, and keeps them masked', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.localError, 0x31);
    bench.write(0, ApicRegister.spurious, 0xff);
    bench.write(0, ApicRegister.localTimer, 0x32);
    expect([bench.read(0, ApicRegister.localError), bench.read(0, ApicRegister.localTimer)]).toEqual([0x10031, 0x10032]);
  });

  it('leaves to the processor what was accepted before', () => {
    const bench = new ApicBench(1);
    bench.send(0, 0x51, { shorthand: Shorthand.self });
    bench.write(0, ApicRegister.spurious, 0xff);
    expect(bench.apics.acknowledge(0)).toBe(0x51);
  });

  it('does not keep the processor from sending', () => {
    const bench = new ApicBench(2);
    bench.write(0, ApicRegister.spurious, 0xff);
    bench.send(0, 0x51, { destination: 1 });
    expect(bench.requested(0x51)).toEqual([1]);
  });
});

describe('errors (section 11.5.3)', () => {
  it('show in ESR once it was written, and only those since the last write', () => {
    const bench = new ApicBench(1);
    bench.read(0, 0x40 as ApicRegister);
    expect(bench.read(0, ApicRegister.errorStatus)).toBe(0);
    expect([bench.errors(0), bench.errors(0)]).toEqual([ApicError.illegalRegister, 0]);
  });

  it('are found by the sender and by the receiver of an illegal vector', () => {
    const bench = new ApicBench(2);
    bench.send(0, 0x0f, { destination: 1 });
    expect([bench.errors(0), bench.errors(1)]).toEqual([ApicError.sendIllegalVector, ApicError.receiveIllegalVector]);
    bench.send(0, 0x0f, { shorthand: Shorthand.self });
    expect(bench.errors(0)).toBe(ApicError.sendIllegalVector | ApicError.receiveIllegalVector);
    expect(bench.requested(0x0f)).toEqual([]);
  });

  it('an NMI, INIT or start-up IPI has no illegal vector', () => {
    const bench = new ApicBench(2);
    for (const mode of [nmi, init, startUp]) bench.send(0, 0, { mode, destination: 1 });
    expect([bench.errors(0), bench.errors(1)]).toEqual([0, 0]);
  });

  it('raise the interrupt of LVT error, but not for an illegal vector of its own', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.localError, 0x33);
    bench.read(0, 0x50 as ApicRegister);
    expect(bench.requested(0x33)).toEqual([0]);
    bench.write(0, ApicRegister.localError, 0x03);
    bench.write(0, 0x50 as ApicRegister, 1);
    expect(bench.errors(0)).toBe(ApicError.illegalRegister);
  });

  it('a local vector that is illegal is an error of the receiver when it comes', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.localTimer, 0x07);
    expect(bench.errors(0)).toBe(0);
    bench.write(0, ApicRegister.timerInitial, 10);
    bench.pass(100);
    expect(bench.errors(0)).toBe(ApicError.receiveIllegalVector);
  });
});

describe('LINT0 (section 11.5.1)', () => {
  it('carries the 8259s to the bootstrap processor after a reset, and to nobody else', () => {
    const bench = new ApicBench(2, { enabled: false });
    expect([bench.apics.passesExternal(0), bench.apics.passesExternal(1)]).toEqual([true, false]);
  });

  it('is wired to the bootstrap processor itself while its APIC is disabled', () => {
    const bench = new ApicBench(2);
    for (const cpu of [0, 1]) bench.apics.writeBase(cpu, bench.vcpu(cpu).apicBase & ~BigInt(ApicBase.enable));
    expect([bench.apics.passesExternal(0), bench.apics.passesExternal(1)]).toEqual([true, false]);
  });

  it('as an edge asks once, as NMI it is one, masked it is nothing', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.localLint0, 0x39);
    bench.apics.localInput(0);
    expect([bench.requested(0x39), bench.apics.passesExternal(0)]).toEqual([[0], false]);
    bench.write(0, ApicRegister.localLint0, nmi << 8);
    bench.apics.localInput(0);
    expect(bench.seen(0)).toBe(Attention.nmi);
    bench.write(0, ApicRegister.localLint0, 0x10000 | (nmi << 8));
    bench.apics.localInput(0);
    expect(bench.seen(0)).toBe(0);
  });

  it('as a level asks again at its end while the line is asserted', () => {
    const bench = new ApicBench(1);
    bench.write(0, ApicRegister.localLint0, 0x8039);
    bench.external = true;
    bench.apics.localInput(0);
    expect(bench.read(0, ApicRegister.localLint0)).toBe(0xc039);
    expect(bench.apics.acknowledge(0)).toBe(0x39);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect([bench.requested(0x39), bench.ended]).toEqual([[0], [0x39]]);
    bench.external = false;
    bench.apics.acknowledge(0);
    bench.write(0, ApicRegister.endOfInterrupt, 0);
    expect([bench.requested(0x39), bench.read(0, ApicRegister.localLint0)]).toEqual([[], 0x8039]);
  });

  it('is looked at when it is unmasked: a level counts, an edge is over', () => {
    const bench = new ApicBench(1);
    bench.external = true;
    bench.write(0, ApicRegister.localLint0, 0x39);
    expect(bench.requested(0x39)).toEqual([]);
    bench.write(0, ApicRegister.localLint0, 0x803a);
    expect(bench.requested(0x3a)).toEqual([0]);
  });
});

describe('registers', () => {
  it('have the values of section 11.4.7.1 after a reset', () => {
    const bench = new ApicBench(2, { enabled: false });
    const values = (cpu: number) =>
      [
        ApicRegister.id,
        ApicRegister.taskPriority,
        ApicRegister.logicalDestination,
        ApicRegister.destinationFormat,
        ApicRegister.spurious,
        ApicRegister.localTimer,
        ApicRegister.localLint1,
        ApicRegister.localError,
        ApicRegister.timerInitial,
        ApicRegister.timerDivide,
        ApicRegister.commandLow,
      ].map((register) => bench.read(cpu, register));
    expect(values(1)).toEqual([0x01000000, 0, 0, 0xffffffff, 0xff, 0x10000, 0x10000, 0x10000, 0, 0, 0]);
    expect(bench.read(1, ApicRegister.version)).toBe(0x01060014);
  });

  it('keep their identifier over INIT, and lose all else', () => {
    const bench = new ApicBench(2);
    bench.send(0, 0x51, { destination: 1 });
    bench.write(1, ApicRegister.timerInitial, 1000);
    bench.apics.init(1);
    expect([bench.requested(0x51), bench.read(1, ApicRegister.id), bench.read(1, ApicRegister.spurious)]).toEqual([
      [],
      0x01000000,
      0xff,
    ]);
    expect(bench.deadlines[1]).toBeUndefined();
  });

  it('take aligned words only, and give the bytes of one to narrower reads', () => {
    const bench = new ApicBench(1);
    bench.apics.write(0, ApicRegister.taskPriority, 1, 0x20);
    bench.apics.write(0, ApicRegister.taskPriority + 4, 4, 0x20);
    expect(bench.read(0, ApicRegister.taskPriority)).toBe(0);
    expect([bench.apics.read(0, ApicRegister.version, 1), bench.apics.read(0, ApicRegister.version + 2, 2)]).toEqual([
      0x14, 0x0106,
    ]);
  });

  it('keep what is read-only and drop what is reserved', () => {
    const bench = new ApicBench(1);
    for (const register of [ApicRegister.id, ApicRegister.version, ApicRegister.processorPriority, ApicRegister.timerCurrent])
      bench.write(0, register, 0xffffffff);
    bench.write(0, ApicRegister.taskPriority, 0xffffff20);
    bench.write(0, ApicRegister.destinationFormat, 0);
    bench.write(0, ApicRegister.logicalDestination, 0x12345678);
    expect([bench.read(0, ApicRegister.id), bench.read(0, ApicRegister.version)]).toEqual([0, 0x01060014]);
    expect(bench.read(0, ApicRegister.taskPriority)).toBe(0x20);
    expect(bench.read(0, ApicRegister.destinationFormat)).toBe(0x0fffffff);
    expect(bench.read(0, ApicRegister.logicalDestination)).toBe(0x12000000);
    expect(bench.errors(0)).toBe(0);
  });
});

describe('x2APIC mode (section 11.12)', () => {
  it('is entered from xAPIC mode and left by disabling; every other way is #GP', () => {
    const base = 0xfee00000n;
    const modes = { disabled: base, xapic: base | 0x800n, x2apic: base | 0xc00n, invalid: base | 0x400n };
    type Mode = keyof typeof modes;
    const ways = (from: Mode) => {
      const bench = new ApicBench(1);
      bench.vcpu(0).apicBase = modes[from];
      return (Object.keys(modes) as Mode[]).filter((to) => {
        bench.vcpu(0).apicBase = modes[from];
        return bench.apics.writeBase(0, modes[to]);
      });
    };
    expect(ways('disabled')).toEqual(['disabled', 'xapic']);
    expect(ways('xapic')).toEqual(['disabled', 'xapic', 'x2apic']);
    expect(ways('x2apic')).toEqual(['disabled', 'x2apic']);
  });

  it('refuses reserved bits of IA32_APIC_BASE, and the BSP flag stays', () => {
    const bench = new ApicBench(2);
    for (const bit of [0n, 7n, 9n, 36n, 63n]) expect(bench.apics.writeBase(0, bench.vcpu(0).apicBase | (1n << bit))).toBe(false);
    bench.apics.writeBase(1, 0xfee00900n);
    expect([bench.vcpu(0).apicBase, bench.vcpu(1).apicBase]).toEqual([0xfee00900n, 0xfee00800n]);
  });

  it('forgets the state when it is disabled', () => {
    const bench = new ApicBench(1);
    bench.extend(0);
    bench.writeMsr(0, ApicRegister.taskPriority, 0x50);
    bench.apics.writeBase(0, 0xfee00000n);
    bench.apics.writeBase(0, 0xfee00800n);
    expect([bench.read(0, ApicRegister.taskPriority), bench.read(0, ApicRegister.spurious)]).toEqual([0, 0xff]);
  });

  it('sends with one 64-bit write of the command register, and reads it back', () => {
    const bench = new ApicBench(2);
    for (const cpu of [0, 1]) bench.extend(cpu);
    expect(bench.writeMsr(0, ApicRegister.commandLow, 0x4051, 1)).toBe(true);
    expect([bench.requested(0x51), bench.readMsr(0, ApicRegister.commandLow)]).toEqual([[1], [0x4051, 1]]);
  });

  it('has a self IPI register, which is written only', () => {
    const bench = new ApicBench(2);
    expect(bench.writeMsr(0, ApicRegister.selfInterrupt, 0x51)).toBe(false);
    bench.extend(0);
    expect(bench.writeMsr(0, ApicRegister.selfInterrupt, 0x51)).toBe(true);
    expect([bench.requested(0x51), bench.readMsr(0, ApicRegister.selfInterrupt)]).toEqual([[0], undefined]);
    expect(bench.writeMsr(0, ApicRegister.selfInterrupt, 0x151)).toBe(false);
  });

  it('has 32-bit identifiers and a derived logical destination, both read-only', () => {
    const bench = new ApicBench(4);
    bench.extend(3);
    expect([bench.readMsr(3, ApicRegister.id), bench.readMsr(3, ApicRegister.logicalDestination)]).toEqual([
      [3, 0],
      [8, 0],
    ]);
    expect([bench.writeMsr(3, ApicRegister.id, 3), bench.writeMsr(3, ApicRegister.logicalDestination, 8)]).toEqual([
      false,
      false,
    ]);
  });

  it.each([
    ['EOI with a value', ApicRegister.endOfInterrupt, 1, 0],
    ['ESR with a value', ApicRegister.errorStatus, 1, 0],
    ['bits above the task priority', ApicRegister.taskPriority, 0x100, 0],
    ['the high half of a register of 32 bits', ApicRegister.taskPriority, 0, 1],
    ['reserved bits of the command', ApicRegister.commandLow, 0x4051 | (1 << 13), 0],
    ['the delivery status of the command', ApicRegister.commandLow, 0x4051 | (1 << 12), 0],
    ['reserved bits of the spurious vector', ApicRegister.spurious, 0x21ff, 0],
    ['reserved bits of the divider', ApicRegister.timerDivide, 4, 0],
    ['DFR, which does not exist', ApicRegister.destinationFormat, 0xffffffff, 0],
    ['the high command register, which does not exist', ApicRegister.commandHigh, 0, 0],
    ['a read-only register', ApicRegister.requested, 0, 0],
    ['a mode in LVT error', ApicRegister.localError, 0x400, 0],
  ])('refuses %s', (_, register, low, high) => {
    const bench = new ApicBench(1);
    bench.extend(0);
    expect(bench.writeMsr(0, register, low, high)).toBe(false);
    expect(bench.writeMsr(0, ApicRegister.taskPriority, 0x20)).toBe(true);
  });

  it.each([
    ApicRegister.endOfInterrupt,
    ApicRegister.destinationFormat,
    ApicRegister.arbitrationPriority,
    ApicRegister.commandHigh,
    0x40,
    0x2f0,
  ])('refuses to read register 0x%s', (register) => {
    const bench = new ApicBench(1);
    bench.extend(0);
    expect(bench.readMsr(0, register as ApicRegister)).toBeUndefined();
  });

  it('has no MSRs in xAPIC mode', () => {
    const bench = new ApicBench(1);
    expect([bench.readMsr(0, ApicRegister.id), bench.writeMsr(0, ApicRegister.taskPriority, 0)]).toEqual([undefined, false]);
  });
});

describe('any traffic', () => {
  const offset = fc.integer({ min: 0, max: 0x3f }).map((index) => index * 16);
  const operation = fc.record({
    kind: fc.constantFrom('write', 'read', 'acknowledge', 'end', 'pass', 'message', 'wrmsr', 'base', 'line', 'init'),
    cpu: fc.integer({ min: 0, max: 2 }),
    offset,
    value: fc.oneof(fc.integer({ min: 0, max: 0x1ff }), fc.integer({ min: 0, max: 0xffffffff })),
  });

  it('keeps to what always holds: no illegal vector is taken, priorities are kept, ends match, deadlines lie ahead', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const bench = new ApicBench(3);
        for (const { kind, cpu, offset: at, value } of operations) {
          // An APIC that is off has neither a page nor MSRs: nobody reaches its registers.
          if (['write', 'read', 'end', 'wrmsr'].includes(kind) && !bench.apics.enabled(cpu)) continue;
          switch (kind) {
            case 'write':
              bench.apics.write(cpu, at, 4, value);
              break;
            case 'read': {
              const read = bench.apics.read(cpu, at, 4);
              expect(Number.isInteger(read) && read >= 0 && read <= 0xffffffff).toBe(true);
              break;
            }
            case 'acknowledge': {
              const before = bench.apics.processorPriority(cpu);
              const isPending = bench.apics.pending(cpu);
              const vector = bench.apics.acknowledge(cpu);
              expect(vector >= 16).toBe(isPending);
              if (isPending) expect(vector >> 4).toBeGreaterThan(before >> 4);
              break;
            }
            case 'end':
              bench.apics.write(cpu, ApicRegister.endOfInterrupt, 4, 0);
              break;
            case 'pass':
              // Timers of a nanosecond are possible: not too far.
              bench.pass(value % 200);
              break;
            case 'message':
              bench.apics.deliverMessage(0xfee00000 + ((value >>> 8) & 0xffffc), value);
              break;
            case 'wrmsr':
              bench.apics.writeMsr(cpu, 0x800 + (at >>> 4), value, value & 3);
              break;
            case 'base':
              bench.apics.writeBase(cpu, 0xfee00000n | BigInt(value & 0xd00));
              break;
            case 'line':
              bench.external = (value & 1) !== 0;
              if (bench.external) bench.apics.localInput(cpu);
              break;
            case 'init':
              bench.apics.init(cpu);
              break;
          }
          for (const [index, deadline] of bench.deadlines.entries()) {
            if (deadline === undefined) continue;
            expect(Number.isSafeInteger(deadline)).toBe(true);
            expect(bench.apics.enabled(index)).toBe(true);
          }
          for (const state of bench.states) {
            expect([state.requested, state.inService].map((set) => (set[0] ?? 0) & 0xffff)).toEqual([0, 0]);
            if ((state.spurious & 0x100) === 0) expect(state.localTimer & state.localError & 0x10000).not.toBe(0);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
