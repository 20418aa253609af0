import { beforeEach, describe, expect, it } from 'vitest';
import { Seg } from '../isa/state.ts';
import { Control0 } from './control-bits.ts';
import { Flag } from './flags.ts';
import { Page, type CodeCoherence } from './platform.ts';
import { devicePage, ramBase, romPage, TestMachine } from './testing/test-machine.ts';

const ds = Seg.ds * 32;
const ss = Seg.ss * 32;
const flatData = 0xc093;
const deviceAddress = devicePage * 4096;

/** Another vCPU has decoded the line at 0x1800. */
function coherenceOf(calls: string[], stored: () => number): CodeCoherence {
  return {
    markPage: () => undefined,
    markLines: () => false,
    generation: () => 0,
    announceWrite: (page, first) => {
      if (page !== 1 || first < 0x800 || first >= 0x840) return false;
      calls.push('announced');
      return true;
    },
    stored: () => void calls.push(`stored ${stored().toString(16)}`),
  };
}

let machine: TestMachine;
const bounce = () => new DataView(machine.memory.buffer, machine.state.bounceAddress, 16);

beforeEach(() => {
  machine = new TestMachine();
  machine.state.cr0 = Control0.protectionEnable;
  for (const seg of [Seg.ds, Seg.ss]) machine.state.setSegment(seg, 0x10, 0, 0xffffffff, flatData);
  machine.cpu.updateContext();
});

function outcome(body: () => void): string {
  body();
  return machine.takeFault();
}

describe('segment checks', () => {
  it.each([
    ['the last byte of the limit', 0xfff, 1, 'none'],
    ['one byte behind the limit', 0x1000, 1, '13(0x0)'],
    ['a word that reaches over the limit', 0xfff, 2, '13(0x0)'],
    ['an offset near the top of 4 GiB', 0xffffffff, 4, '13(0x0)'],
  ])('of a segment that grows up: %s', (_name, offset, size, expected) => {
    machine.state.setSegment(Seg.ds, 0x10, 0x2000, 0xfff, 0x4093);
    expect(outcome(() => machine.services.readSlow(ds, offset, size))).toBe(expected);
    expect(outcome(() => machine.services.writeSlow(ds, offset, size))).toBe(expected);
  });

  it.each([
    ['the limit itself', 0x4097, 0xfff, 1, '13(0x0)'],
    ['the first offset behind it', 0x4097, 0x1000, 1, 'none'],
    ['above 64 KiB with B set', 0x4097, 0x12345, 4, 'none'],
    ['above 64 KiB with B clear', 0x0097, 0x12345, 1, '13(0x0)'],
    ['over the end of 64 KiB with B clear', 0x0097, 0xffff, 2, '13(0x0)'],
  ])('of a segment that grows down: %s', (_name, segmentRights, offset, size, expected) => {
    machine.state.setSegment(Seg.ds, 0x10, 0, 0xfff, segmentRights);
    expect(outcome(() => machine.services.readSlow(ds, offset, size))).toBe(expected);
  });

  it('raise #SS for the stack segment', () => {
    machine.state.setSegment(Seg.ss, 0x10, 0, 0xff, 0x4093);
    expect(outcome(() => machine.services.writeSlow(ss, 0x100, 4))).toBe('12(0x0)');
  });

  it.each([
    ['a null segment', 0, '13(0x0)', '13(0x0)'],
    ['read-only data', 0xc091, 'none', '13(0x0)'],
    ['execute-only code', 0xc099, '13(0x0)', '13(0x0)'],
    ['readable code', 0xc09b, 'none', '13(0x0)'],
  ])('know what may be done with %s', (_name, segmentRights, read, write) => {
    machine.state.setSegment(Seg.ds, 0x10, 0, 0xffffffff, segmentRights);
    expect(outcome(() => machine.services.readSlow(ds, 0x1000, 4))).toBe(read);
    expect(outcome(() => machine.services.writeSlow(ds, 0x1000, 4))).toBe(write);
    expect(outcome(() => machine.services.probeWrite(ds, 0x1000, 4))).toBe(write);
  });

  it('tell generated code the end of a segment, and send it to the slow path where there is more to check', () => {
    const ends = () => {
      const view = new DataView(machine.memory.buffer, machine.state.base + machine.state.block.segments.byteOffset - machine.state.base + Seg.ds * 32, 32);
      return [view.getBigInt64(8, true), view.getBigInt64(16, true)];
    };
    machine.state.setSegment(Seg.ds, 0x10, 0, 0xffffffff, flatData);
    expect(ends()).toEqual([0xffffffffn, 0xffffffffn]);
    machine.state.setSegment(Seg.ds, 0x10, 0, 0x1234, 0x0091);
    expect(ends()).toEqual([0x1234n, -1n]);
    machine.state.setSegment(Seg.ds, 0x10, 0, 0x1234, 0x0097);
    expect(ends()).toEqual([-1n, -1n]);
    machine.state.setSegment(Seg.ds, 0, 0, 0x1234, 0);
    expect(ends()).toEqual([-1n, -1n]);
  });
});

describe('alignment checks', () => {
  it('are made at CPL 3 with AM and AC, after page faults, for misaligned data only', () => {
    machine.state.cr0 |= Control0.alignmentMask;
    machine.cpu.setFlags(Flag.alignmentCheck);
    expect(outcome(() => machine.services.readSlow(ds, 0x1001, 4))).toBe('none');
    machine.state.cpl = 3;
    machine.cpu.updateContext();
    expect(machine.state.block.tlb).toBe(machine.cpu.tlb.half(true, true));
    expect(outcome(() => machine.services.readSlow(ds, 0x1001, 4))).toBe('17(0x0)');
    expect(outcome(() => machine.services.readSlow(ds, 0x1004, 4))).toBe('none');
    expect(outcome(() => machine.services.readSlow(ds, 0x1001, 1))).toBe('none');
    machine.cpu.setFlags(0);
    expect(machine.state.block.tlb).toBe(machine.cpu.tlb.half(true, false));
    expect(outcome(() => machine.services.readSlow(ds, 0x1001, 4))).toBe('none');
  });
});

describe('accesses', () => {
  it('within a page of RAM are made in place', () => {
    expect(machine.services.readSlow(ds, 0x1234, 4)).toBe(ramBase + 0x1234);
    expect(machine.services.writeSlow(ds, 0x1234, 4)).toBe(ramBase + 0x1234);
    expect(machine.services.updateSlow(ds, 0x1233, 4)).toBe(ramBase + 0x1233);
  });

  it('across two pages go through the bounce buffer, in both directions', () => {
    machine.bytes(0x1ffe, 1, 2, 3, 4);
    expect(machine.services.readSlow(ds, 0x1ffe, 4)).toBe(machine.state.bounceAddress);
    expect(bounce().getUint32(0, true)).toBe(0x04030201);
    expect(machine.services.updateSlow(ds, 0x1ffe, 4)).toBe(machine.state.bounceAddress);
    expect(bounce().getUint32(0, true)).toBe(0x04030201);
    bounce().setUint32(0, 0x88776655, true);
    machine.services.commitWrite();
    expect(machine.ram.getUint32(0x1ffe, true)).toBe(0x88776655);
    machine.services.commitWrite();
    expect(machine.ram.getUint32(0x1ffe, true)).toBe(0x88776655);
  });

  it('to a chip arrive as aligned pieces, and a write only when it is committed', () => {
    machine.services.readSlow(ds, deviceAddress + 4, 4);
    machine.services.readSlow(ds, deviceAddress + 1, 4);
    expect(machine.recorded.mmio.map(({ address, size }) => [address - deviceAddress, size])).toEqual([[4, 4], [1, 1], [2, 2], [4, 1]]);
    machine.recorded.mmio.length = 0;
    expect(machine.services.writeSlow(ds, deviceAddress + 2, 4)).toBe(machine.state.bounceAddress);
    bounce().setUint32(0, 0xddccbbaa, true);
    expect(machine.recorded.mmio).toEqual([]);
    machine.services.commitWrite();
    expect(machine.recorded.mmio.map(({ address, size, value }) => [address - deviceAddress, size, value])).toEqual([
      [2, 2, 0xbbaa],
      [4, 2, 0xddcc],
    ]);
  });

  it('to ROM read it and drop writes', () => {
    machine.bytes(romPage * 4096, 0x77);
    expect(machine.services.updateSlow(ds, romPage * 4096, 1)).toBe(machine.state.bounceAddress);
    expect(bounce().getUint8(0)).toBe(0x77);
    bounce().setUint8(0, 0x11);
    machine.services.commitWrite();
    expect(machine.ram.getUint8(romPage * 4096)).toBe(0x77);
    expect(machine.recorded.mmio).toEqual([]);
  });

  it('that are locked and misaligned are exclusive until they are committed', () => {
    const calls: string[] = [];
    machine.platform.beginExclusive = () => void calls.push('begin');
    machine.platform.endExclusive = () => void calls.push('end');
    expect(machine.services.lockedSlow(ds, 0x1004, 4)).toBe(ramBase + 0x1004);
    expect(calls).toEqual([]);
    expect(machine.services.lockedSlow(ds, 0x1005, 4)).toBe(machine.state.bounceAddress);
    expect(calls).toEqual(['begin']);
    machine.services.commitWrite();
    expect(calls).toEqual(['begin', 'end']);
  });

  it('that write to a page with code drop that code before the bytes change', () => {
    machine.platform.pageFlags[1]! |= Page.code;
    expect(machine.services.writeSlow(ds, 0x1800, 4)).toBe(ramBase + 0x1800);
    expect(machine.recorded.invalidated).toEqual([1]);
  });

  it('that write bytes which another vCPU has decoded tell it behind the store, and locked ones are exclusive', () => {
    const calls: string[] = [];
    const shared: TestMachine = new TestMachine({ coherence: coherenceOf(calls, () => shared.ram.getUint32(0x1800, true)) });
    shared.platform.beginExclusive = () => void calls.push('begin');
    shared.platform.endExclusive = () => void calls.push('end');
    for (const seg of [Seg.ds, Seg.ss]) shared.state.setSegment(seg, 0x10, 0, 0xffffffff, flatData);
    shared.platform.pageFlags[1]! |= Page.code;
    expect(shared.services.writeSlow(ds, 0x1800, 4)).toBe(shared.state.bounceAddress);
    new DataView(shared.memory.buffer).setUint32(shared.state.bounceAddress, 0x12345678, true);
    shared.services.commitWrite();
    expect(calls).toEqual(['announced', 'announced', 'stored 12345678']);
    expect(shared.services.lockedSlow(ds, 0x1800, 4)).toBe(shared.state.bounceAddress);
    shared.services.commitWrite();
    expect(calls.slice(3)).toEqual(['announced', 'begin', 'announced', 'stored 12345678', 'end']);
    expect(shared.services.writeSlow(ds, 0x1100, 4)).toBe(ramBase + 0x1100);
  });

  it('probe every page of a range, and store nothing', () => {
    const directory = 0x100000;
    machine.setDword(directory, 0x101007);
    machine.setDword(0x101000 + 4, 0x1007);
    machine.setDword(0x101000 + 12, 0x3007);
    machine.state.cr3 = directory;
    machine.state.cr0 |= Control0.paging | 0;
    machine.cpu.flushTranslations();
    expect(outcome(() => machine.services.probeWrite(ds, 0x1000, 0x1000))).toBe('none');
    expect(outcome(() => machine.services.probeWrite(ds, 0x1ff0, 0x2000))).toBe('14(0x2)');
    expect(machine.state.faultAddress).toBe(0x2000);
    expect(outcome(() => machine.services.readSlow(ds, 0x1ffe, 4))).toBe('14(0x0)');
    expect(machine.state.faultAddress).toBe(0x2000);
  });
});
