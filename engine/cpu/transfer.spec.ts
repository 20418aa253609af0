import { beforeEach, describe, expect, it } from 'vitest';
import { Reg, Seg } from '../isa/state.ts';
import { Flag } from './flags.ts';
import { enterProtected, enterUser, gateDescriptor, gdt, sel, segmentDescriptor, setDescriptor, setGate, tss } from './testing/tables.ts';
import { TestMachine } from './testing/test-machine.ts';

let machine: TestMachine;

beforeEach(() => {
  machine = new TestMachine();
  enterProtected(machine);
});

function outcome(body: () => void): string {
  body();
  return machine.takeFault();
}

/** Everything a fault may not have changed. */
function architectural(): string {
  const { state } = machine;
  const { segments, registers, eip, cpl, eflags } = state.block;
  return [segments, registers, eip, cpl, eflags].join();
}

function stackAt(pointer: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => machine.dword(pointer + 4 * index));
}

describe('far jumps', () => {
  it.each([
    ['a null selector', 0, 0, '13(0x0)'],
    ['a selector beyond the table', sel.last, 0, `13(0x${sel.last.toString(16)})`],
    ['a data segment', sel.data0, 0, '13(0x10)'],
    ['an outer code segment', sel.code3 & ~3, 0, '13(0x18)'],
    ['an RPL above CPL', sel.code0 | 1, 0, '13(0x8)'],
    ['a segment that is not present', sel.absent, 0, '11(0x40)'],
    ['an offset beyond the limit', sel.small, 0x1000, '13(0x0)'],
    ['an LDT selector without an LDT', 0x0c, 0, '13(0xc)'],
    ['an LDT descriptor', sel.ldt, 0, '13(0x50)'],
    ['the busy TSS of the task itself', sel.tss, 0, '13(0x28)'],
  ])('refuse %s and change nothing', (_name, selector, offset, expected) => {
    const before = architectural();
    expect(outcome(() => machine.services.farJump(selector, offset, 4))).toBe(expected);
    expect(architectural()).toBe(before);
  });

  it('to a conforming segment keep CPL and its RPL', () => {
    enterUser(machine);
    expect(outcome(() => machine.services.farJump(sel.conforming, 0x123, 4))).toBe('none');
    expect([machine.state.selector(Seg.cs), machine.state.cpl, machine.state.eip]).toEqual([sel.conforming | 3, 3, 0x123]);
  });

  it('set the accessed bit of the descriptor', () => {
    setDescriptor(machine, sel.code0, segmentDescriptor(0, 0xfffff, 0x9a));
    machine.services.farJump(sel.code0, 0x10, 4);
    expect(machine.ram.getUint8(gdt + sel.code0 + 5)).toBe(0x9b);
  });

  it('cut the offset to 16 bits with a 16-bit operand', () => {
    machine.services.farJump(sel.code0, 0x12345, 2);
    expect(machine.state.eip).toBe(0x2345);
  });

  it('in real mode shift the selector and keep the limit', () => {
    const real = new TestMachine();
    real.services.farJump(0x1234, 0x10, 2);
    expect([real.state.segmentBase(Seg.cs), real.state.eip]).toEqual([0x12340, 0x10]);
    real.services.farJump(0x1234, 0x10000, 4);
    expect(real.takeFault()).toBe('13(0x0)');
  });

  it('through a call gate use its selector and offset, and check its DPL', () => {
    setDescriptor(machine, sel.gate, gateDescriptor(sel.conforming, 0x777, 0xec));
    enterUser(machine);
    expect(outcome(() => machine.services.farJump(sel.gate, 0xdead, 4))).toBe('none');
    expect([machine.state.eip, machine.state.cpl]).toEqual([0x777, 3]);
    setDescriptor(machine, sel.gate, gateDescriptor(sel.code0, 0x777, 0xec));
    expect(outcome(() => machine.services.farJump(sel.gate, 0, 4))).toBe('13(0x8)');
    setDescriptor(machine, sel.gate, gateDescriptor(sel.code3, 0x777, 0x8c));
    expect(outcome(() => machine.services.farJump(sel.gate, 0, 4))).toBe('13(0x48)');
  });
});

describe('far calls and returns', () => {
  it('push CS and the next EIP, and come back', () => {
    machine.state.eip = 0x4007;
    machine.services.farCall(sel.code0, 0x4100, 4);
    expect([machine.state.eip, machine.state.esp]).toEqual([0x4100, 0x8ff8]);
    expect(stackAt(0x8ff8, 2)).toEqual([0x4007, sel.code0]);
    machine.services.farReturn(4, 8);
    expect([machine.state.eip, machine.state.esp]).toEqual([0x4007, 0x9008]);
  });

  it('through a gate to an inner level copy the parameters to the stack of the TSS, and return outside', () => {
    setDescriptor(machine, sel.gate, gateDescriptor(sel.code0, 0x7000, 0xec, 2));
    enterUser(machine);
    machine.setDword(0x7000, 0x11);
    machine.setDword(0x7004, 0x22);
    machine.state.eip = 0x5005;
    machine.services.loadSegment(Seg.ds, sel.data3);
    machine.services.loadSegment(Seg.es, sel.conforming);
    expect(outcome(() => machine.services.farCall(sel.gate, 0, 4))).toBe('none');
    expect([machine.state.cpl, machine.state.eip, machine.state.selector(Seg.ss), machine.state.esp]).toEqual([0, 0x7000, sel.data0, 0x8000 - 24]);
    expect(stackAt(0x8000 - 24, 6)).toEqual([0x5005, sel.code3, 0x11, 0x22, 0x7000, sel.data3]);
    machine.services.loadSegment(Seg.fs, sel.data0);
    expect(outcome(() => machine.services.farReturn(4, 8))).toBe('none');
    expect([machine.state.cpl, machine.state.eip, machine.state.selector(Seg.ss), machine.state.esp]).toEqual([3, 0x5005, sel.data3, 0x7008]);
    // FS pointed to data of level 0; DS and the conforming ES may stay.
    expect([machine.state.selector(Seg.fs), machine.state.selector(Seg.ds), machine.state.selector(Seg.es)]).toEqual([0, sel.data3, sel.conforming]);
    expect(machine.state.segmentRights(Seg.fs) & 0x80).toBe(0);
  });

  it.each([
    ['a null stack selector', 0, '10(0x0)'],
    ['a stack with another RPL', sel.data0 | 3, '10(0x10)'],
    ['a stack that is code', sel.code0, '10(0x8)'],
  ])('through a gate refuse %s in the TSS', (_name, selector, expected) => {
    setDescriptor(machine, sel.gate, gateDescriptor(sel.code0, 0x7000, 0xec));
    enterUser(machine);
    machine.setDword(tss + 8, selector);
    const before = architectural();
    expect(outcome(() => machine.services.farCall(sel.gate, 0, 4))).toBe(expected);
    expect(architectural()).toBe(before);
  });

  it('need room on the stack before anything is pushed', () => {
    machine.state.setSegment(Seg.ss, sel.data0, 0, 0x8ffb, 0x4093);
    const before = architectural();
    expect(outcome(() => machine.services.farCall(sel.code0, 0x4100, 4))).toBe('12(0x0)');
    expect(architectural()).toBe(before);
  });

  it.each([
    ['to an inner level', [0x10, sel.code0], '13(0x8)'],
    ['to data', [0x10, sel.data3], '13(0x20)'],
    ['to nowhere', [0x10, 3], '13(0x0)'],
  ])('refuse a return from level 3 %s', (_name, frame, expected) => {
    enterUser(machine);
    machine.state.esp = 0x6ff0;
    frame.forEach((value, index) => machine.setDword(0x6ff0 + 4 * index, value));
    const before = architectural();
    expect(outcome(() => machine.services.farReturn(4, 0))).toBe(expected);
    expect(architectural()).toBe(before);
  });
});

describe('INT n', () => {
  it('checks the gate before anything else', () => {
    enterUser(machine);
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('13(0x182)');
    setGate(machine, 0x30, gateDescriptor(sel.code0, 0x6000, 0x8e));
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('13(0x182)');
    setGate(machine, 0x30, gateDescriptor(sel.code0, 0x6000, 0x6e));
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('11(0x182)');
    setGate(machine, 0x30, gateDescriptor(0, 0x6000, 0xee));
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('13(0x0)');
    setGate(machine, 0x30, gateDescriptor(sel.absent, 0x6000, 0xee));
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('11(0x40)');
    machine.state.idtLimit = 0x17f;
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('13(0x182)');
  });

  it('through a trap gate leaves IF, through an interrupt gate clears it', () => {
    for (const [access, flags] of [[0x8f, Flag.interrupt], [0x8e, 0]] as const) {
      machine.cpu.setFlags(Flag.interrupt | Flag.trap | Flag.nestedTask);
      setGate(machine, 0x30, gateDescriptor(sel.code0, 0x6000, access));
      machine.services.softwareInterrupt(0x30, 0);
      expect(machine.cpu.flags).toBe(2 | flags);
      expect(machine.dword(machine.state.esp + 8)).toBe(2 | Flag.interrupt | Flag.trap | Flag.nestedTask);
    }
  });

  it('through a 16-bit gate pushes words', () => {
    setGate(machine, 0x30, gateDescriptor(sel.code0, 0x16000, 0x86));
    machine.state.eip = 0x12345;
    machine.services.softwareInterrupt(0x30, 0);
    expect([machine.state.esp, machine.state.eip]).toEqual([0x8ffa, 0x6000]);
    expect([machine.word(0x8ffa), machine.word(0x8ffc)]).toEqual([0x2345, sel.code0]);
  });
});

describe('virtual-8086 mode', () => {
  function enter8086(ioPrivilege: number): void {
    const frame = [0x100, 0x200, Flag.virtual8086 | 2 | (ioPrivilege << 12), 0xfff0, 0x300, 0x400, 0x500, 0x600, 0x700];
    machine.state.esp = 0x8f00;
    frame.forEach((value, index) => machine.setDword(0x8f00 + 4 * index, value));
    machine.services.interruptReturn(4);
    expect(machine.takeFault()).toBe('none');
  }

  it('is entered by IRETD at level 0, with segments by shifting', () => {
    enter8086(0);
    const { state } = machine;
    expect([state.cpl, state.eip, state.esp]).toEqual([3, 0x100, 0xfff0]);
    expect([Seg.cs, Seg.ss, Seg.es, Seg.ds, Seg.fs, Seg.gs].map((seg) => state.segmentBase(seg))).toEqual([0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000]);
    expect(state.segmentRights(Seg.ds)).toBe(0xf3);
    expect(state.stackMask).toBe(0xffff);
    machine.services.loadSegment(Seg.ds, 0x1111);
    expect(state.segmentBase(Seg.ds)).toBe(0x11110);
  });

  it('is left through a gate to level 0, with all segments on the stack and none in the registers', () => {
    enter8086(3);
    setGate(machine, 0x30, gateDescriptor(sel.code0, 0x6000, 0xee));
    machine.state.eip = 0x102;
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('none');
    expect(stackAt(0x8000 - 36, 9)).toEqual([0x102, 0x200, Flag.virtual8086 | 0x3002, 0xfff0, 0x300, 0x400, 0x500, 0x600, 0x700]);
    expect([machine.state.cpl, machine.cpu.virtual8086, machine.state.selector(Seg.ds)]).toEqual([0, false, 0]);
    machine.services.interruptReturn(4);
    expect([machine.cpu.virtual8086, machine.state.segmentBase(Seg.gs), machine.state.eip]).toEqual([true, 0x7000, 0x102]);
  });

  it('refuses a handler at another level than 0', () => {
    enter8086(3);
    setGate(machine, 0x30, gateDescriptor(sel.code1, 0x6000, 0xee));
    expect(outcome(() => machine.services.softwareInterrupt(0x30, 0))).toBe('13(0x58)');
  });

  it('below IOPL 3 refuses INT n, IRET, PUSHF, POPF, CLI and STI, but not INT3', () => {
    enter8086(0);
    setGate(machine, 3, gateDescriptor(sel.code0, 0x6000, 0xee));
    const { services } = machine;
    for (const body of [
      () => services.softwareInterrupt(0x30, 0),
      () => services.interruptReturn(2),
      () => services.pushFlags(2),
      () => services.popFlags(0, 2),
      () => services.cli(),
      () => services.sti(),
    ]) {
      expect(outcome(body)).toBe('13(0x0)');
    }
    expect(outcome(() => services.softwareInterrupt(3, 1))).toBe('none');
  });

  it('has no protected-mode instructions', () => {
    enter8086(3);
    const { services } = machine;
    for (const body of [() => services.storeLocalTable(), () => services.loadAccessRights(8, 0, 4), () => services.verifyRead(8), () => services.loadTaskRegister(sel.tss)]) {
      expect(outcome(body)).toBe('6(0x0)');
    }
  });
});

describe('IRET', () => {
  it('at level 3 changes neither IOPL nor, above IOPL, IF', () => {
    enterUser(machine);
    [0x5000, sel.code3, 0x3002].forEach((value, index) => machine.setDword(0x7000 + 4 * index, value));
    machine.services.interruptReturn(4);
    expect(machine.cpu.flags).toBe(0x202);
  });

  it('to the same level pops three items, to an outer one five', () => {
    enterUser(machine);
    expect(machine.state.esp).toBe(0x7000);
    [0x5000, sel.code3, 0x202].forEach((value, index) => machine.setDword(0x7000 + 4 * index, value));
    machine.services.interruptReturn(4);
    expect([machine.state.esp, machine.state.cpl]).toEqual([0x700c, 3]);
  });
});

describe('SYSENTER and SYSEXIT', () => {
  it('go to flat level 0 and back to flat level 3', () => {
    const { state, services } = machine;
    const write = (number: number, value: number) => {
      state.setRegister(Reg.ecx, number);
      state.setRegister(Reg.eax, value);
      services.writeMsr();
    };
    expect(outcome(() => services.sysenter())).toBe('13(0x0)');
    write(0x174, 0x8);
    write(0x175, 0x8800);
    write(0x176, 0x6600);
    enterUser(machine);
    expect(outcome(() => services.sysexit())).toBe('13(0x0)');
    expect(outcome(() => services.sysenter())).toBe('none');
    expect([state.cpl, state.eip, state.esp, state.selector(Seg.cs), state.selector(Seg.ss)]).toEqual([0, 0x6600, 0x8800, 8, 0x10]);
    state.setRegister(Reg.ecx, 0x7000);
    state.setRegister(Reg.edx, 0x5001);
    services.sysexit();
    expect([state.cpl, state.eip, state.esp, state.selector(Seg.cs), state.selector(Seg.ss)]).toEqual([3, 0x5001, 0x7000, 0x1b, 0x23]);
  });
});
