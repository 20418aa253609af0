import { beforeEach, describe, expect, it } from 'vitest';
import { Attention, Reg, Seg } from '../isa/state.ts';
import { Control0 } from './control-bits.ts';
import { Flag } from './flags.ts';
import { enterProtected, enterUser, gateDescriptor, gdt, otherTss, sel, segmentDescriptor, setDescriptor, setGate, tss } from './testing/tables.ts';
import { TestMachine } from './testing/test-machine.ts';
import { RunEnd } from './vcpu.ts';

let machine: TestMachine;

function prepareOther(changes: Record<number, number> = {}): void {
  const fields: Record<number, number> = {
    0x20: 0x6000, 0x24: 0x2, 0x28: 0xa0, 0x2c: 0xa1, 0x30: 0xa2, 0x34: 0xa3, 0x38: 0x8800, 0x3c: 0xa5, 0x40: 0xa6, 0x44: 0xa7,
    0x48: sel.data0, 0x4c: sel.code0, 0x50: sel.data0, 0x54: sel.data0, 0x58: 0, 0x5c: 0, 0x60: 0, 0x64: 0, ...changes,
  };
  for (const [offset, value] of Object.entries(fields)) machine.setDword(otherTss + Number(offset), value);
}

function typeOf(selector: number): number {
  return machine.ram.getUint8(gdt + selector + 5) & 0xf;
}

function outcome(body: () => void): string {
  body();
  return machine.takeFault();
}

beforeEach(() => {
  machine = new TestMachine({ interpreter: true });
  enterProtected(machine);
  prepareOther();
});

describe('a task switch', () => {
  it('by JMP saves the old task, loads the new one, and moves the busy bit', () => {
    const { state } = machine;
    state.setRegister(Reg.ebx, 0x1234);
    state.eip = 0x4007;
    expect(outcome(() => machine.services.farJump(sel.otherTss, 0, 4))).toBe('none');
    expect([machine.dword(tss + 0x20), machine.dword(tss + 0x34), machine.word(tss + 0x4c)]).toEqual([0x4007, 0x1234, sel.code0]);
    expect([state.eip, state.register(Reg.ebx), state.esp, state.selector(Seg.tr)]).toEqual([0x6000, 0xa3, 0x8800, sel.otherTss]);
    expect([typeOf(sel.tss), typeOf(sel.otherTss)]).toEqual([9, 11]);
    expect(state.cr0 & Control0.taskSwitched).toBe(Control0.taskSwitched);
    expect(machine.cpu.flags & Flag.nestedTask).toBe(0);
  });

  it('by CALL nests, and IRET comes back', () => {
    const { state } = machine;
    state.eip = 0x4007;
    machine.services.farCall(sel.taskGate, 0, 4);
    expect([typeOf(sel.tss), typeOf(sel.otherTss), machine.word(otherTss)]).toEqual([11, 11, sel.tss]);
    expect(machine.cpu.flags & Flag.nestedTask).toBe(Flag.nestedTask);
    state.eip = 0x6009;
    machine.services.interruptReturn(4);
    expect(machine.takeFault()).toBe('none');
    expect([state.eip, state.selector(Seg.tr), typeOf(sel.tss), typeOf(sel.otherTss)]).toEqual([0x4007, sel.tss, 11, 9]);
    expect(machine.dword(otherTss + 0x20)).toBe(0x6009);
    expect(machine.dword(otherTss + 0x24) & Flag.nestedTask).toBe(0);
  });

  it.each([
    ['too short a TSS', () => setDescriptor(machine, sel.otherTss, segmentDescriptor(otherTss, 0x66, 0x89, 0)), '10(0x30)'],
    ['a busy one', () => setDescriptor(machine, sel.otherTss, segmentDescriptor(otherTss, 0x67, 0x8b, 0)), '13(0x30)'],
    ['one that is not present', () => setDescriptor(machine, sel.otherTss, segmentDescriptor(otherTss, 0x67, 0x09, 0)), '11(0x30)'],
  ])('to %s is refused in the old task', (_name, prepare, expected) => {
    prepare();
    machine.state.eip = 0x4007;
    expect(outcome(() => machine.services.farJump(sel.otherTss, 0, 4))).toBe(expected);
    expect([machine.state.selector(Seg.tr), machine.state.eip, typeOf(sel.tss)]).toEqual([sel.tss, 0x4007, 11]);
  });

  it.each([
    ['a null CS', { 0x4c: 0 }, 10, 0],
    ['a data CS', { 0x4c: sel.data0 }, 10, sel.data0],
    ['a CS that is not present', { 0x4c: sel.absent }, 11, sel.absent],
    ['a null SS', { 0x50: 0 }, 10, 0],
    ['an SS of another level', { 0x50: sel.data3 }, 10, sel.data3 & ~3],
    ['a DS that is not readable', { 0x54: sel.tss }, 10, sel.tss],
    ['an LDT selector that is none', { 0x60: sel.data0 }, 10, sel.data0],
    ['an EIP beyond CS', { 0x4c: sel.small, 0x20: 0x1000 }, 13, 0],
  ])('that finds %s reports it in the new task', (_name, changes, vector, code) => {
    prepareOther(changes);
    // The handlers are tasks of their own, since CS or SS of the new task may be unusable.
    setDescriptor(machine, sel.tss16, segmentDescriptor(0x3400, 0x67, 0x89, 0));
    for (let offset = 0; offset < 0x68; offset += 4) machine.setDword(0x3400 + offset, 0);
    for (const [offset, value] of [[0x20, 0x6600], [0x24, 2], [0x38, 0x8400], [0x48, sel.data0], [0x4c, sel.code0], [0x50, sel.data0], [0x54, sel.data0]] as const) {
      machine.setDword(0x3400 + offset, value);
    }
    setGate(machine, vector, gateDescriptor(sel.tss16, 0, 0x85));
    expect(outcome(() => machine.services.farJump(sel.otherTss, 0, 4))).toBe('none');
    expect(machine.state.selector(Seg.tr)).toBe(sel.tss16);
    expect([machine.state.eip, machine.state.esp, machine.dword(0x83fc)]).toEqual([0x6600, 0x83fc, code]);
    expect([machine.word(0x3400), machine.dword(otherTss + 0x20)]).toEqual([sel.otherTss, changes[0x20 as keyof typeof changes] ?? 0x6000]);
  });

  it('that cannot write the back link faults in the old task, before anything has changed', () => {
    const directory = 0x100000;
    const table = 0x101000;
    machine.setDword(directory, table | 3);
    for (let page = 0; page < 16; page++) machine.setDword(table + 4 * page, (page << 12) | 3);
    // The new TSS goes to a page of its own, which is read-only.
    const readOnlyTss = 0xa000;
    for (let offset = 0; offset < 0x68; offset += 4) machine.setDword(readOnlyTss + offset, machine.dword(otherTss + offset));
    setDescriptor(machine, sel.otherTss, segmentDescriptor(readOnlyTss, 0x67, 0x89, 0));
    machine.setDword(table + 4 * 10, readOnlyTss | 1);
    machine.services.moveToControl(3, directory);
    machine.services.moveToControl(0, (Control0.protectionEnable | Control0.paging | Control0.writeProtect) >>> 0);
    machine.state.eip = 0x4007;
    expect(outcome(() => machine.services.farCall(sel.otherTss, 0, 4))).toBe('14(0x3)');
    expect([machine.state.selector(Seg.tr), machine.state.eip, typeOf(sel.otherTss), machine.dword(tss + 0x20)]).toEqual([sel.tss, 0x4007, 9, 0]);
  });

  it('with the T bit raises #DB before the first instruction of the new task', () => {
    prepareOther({ 0x64: 1 });
    machine.bytes(0x4000, 0xea, 0, 0, 0, 0, sel.otherTss, 0);
    machine.bytes(0x6000, 0x90, 0xf4);
    machine.bytes(0x6800, 0xf4);
    setGate(machine, 1, gateDescriptor(sel.code0, 0x6800, 0x8e));
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect([machine.state.eip, machine.dword(0x8800 - 12)]).toEqual([0x6801, 0x6000]);
    expect(machine.state.debugRegister(6)).toBe(0xffff8ff0);
  });

  it('to a 16-bit TSS loads its shorter form', () => {
    const fields: Record<number, number> = { 0x0e: 0x6000, 0x10: 2, 0x12: 0xb0, 0x18: 0xb3, 0x1a: 0x8800, 0x22: sel.data0, 0x24: sel.code0, 0x26: sel.data0, 0x28: sel.data0, 0x2a: 0 };
    for (const [offset, value] of Object.entries(fields)) machine.ram.setUint16(0x3400 + Number(offset), value, true);
    machine.services.farJump(sel.tss16, 0, 4);
    expect(machine.takeFault()).toBe('none');
    expect([machine.state.eip, machine.state.register(Reg.ebx), machine.state.esp, machine.state.selector(Seg.fs)]).toEqual([0x6000, 0xb3, 0x8800, 0]);
  });

  it('by an interrupt through a task gate nests', () => {
    setGate(machine, 0x20, gateDescriptor(sel.otherTss, 0, 0x85));
    machine.bytes(0x4000, 0xfb, 0x90, 0x90, 0xf4);
    machine.bytes(0x6000, 0xf4);
    machine.pending.push(0x20);
    machine.state.requestAttention(Attention.interrupt);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect([machine.state.selector(Seg.tr), machine.word(otherTss), machine.dword(tss + 0x20)]).toEqual([sel.otherTss, sel.tss, 0x4002]);
  });
});

describe('the I/O bitmap', () => {
  it('decides at levels above IOPL, and needs a byte behind the last one', () => {
    enterUser(machine);
    const { state, services } = machine;
    state.setSegment(Seg.tr, sel.tss, tss, 0x6a, state.segmentRights(Seg.tr));
    machine.ram.setUint16(tss + 0x66, 0x68, true);
    machine.bytes(tss + 0x68, 0b0000_0100, 0x00, 0xff);
    expect(outcome(() => services.portWrite(1, 1, 7))).toBe('none');
    expect(outcome(() => services.portWrite(2, 1, 7))).toBe('13(0x0)');
    expect(outcome(() => services.portWrite(1, 2, 7))).toBe('13(0x0)');
    expect(outcome(() => services.portRead(8, 4))).toBe('none');
    expect(outcome(() => services.portRead(16, 1))).toBe('13(0x0)');
    expect(machine.recorded.ports).toEqual([{ port: 1, size: 1, value: 7 }, { port: 8, size: 4, value: undefined }]);
    state.setSegment(Seg.tr, sel.tss, tss, 0x66, state.segmentRights(Seg.tr));
    expect(outcome(() => services.checkPort(1, 1))).toBe('13(0x0)');
    machine.cpu.setFlags(Flag.ioPrivilege);
    expect(outcome(() => services.checkPort(2, 1))).toBe('none');
  });
});
