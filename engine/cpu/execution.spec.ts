/** Generated code, paging and the run loop together: what neither side can be wrong about alone. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Attention, Reg, Seg, segmentBytes } from '../isa/state.ts';
import { enterProtected, gateDescriptor, sel, setGate } from './testing/tables.ts';
import { TestMachine } from './testing/test-machine.ts';
import { RunEnd } from './vcpu.ts';

const nop = 0x90;
const hlt = 0xf4;
const incEax = 0x40;

let machine: TestMachine;

/** Real mode with `code` at 0000:`at`; each vector leads to a HLT. */
function realMode(at: number, ...code: number[]): void {
  const { state } = machine;
  for (let vector = 0; vector < 32; vector++) {
    machine.setDword(4 * vector, 0x1000 + 16 * vector);
    machine.bytes(0x1000 + 16 * vector, hlt);
  }
  state.setSegment(Seg.cs, 0, 0, 0xffff, 0x93);
  state.eip = at;
  state.esp = 0x3000;
  machine.bytes(at, ...code);
  machine.vcpu.synchronise();
}

const directory = 0x100000;
const table = 0x101000;

/** Flat protected mode with 4 MiB of identity mapping. */
function paged(): void {
  enterProtected(machine);
  machine.setDword(directory, table | 7);
  for (let page = 0; page < 1024; page++) map(page, page << 12);
  machine.state.cr3 = directory;
  machine.services.moveToControl(0, 0x80000001);
}
function map(page: number, physical: number, bits = 7): void {
  machine.setDword(table + 4 * page, physical | bits);
}
function runAt(eip: number): void {
  machine.state.eip = eip;
  machine.state.activity = 0;
  machine.services.moveToControl(3, directory);
  machine.vcpu.run(10);
}

beforeEach(() => {
  machine = new TestMachine({ interpreter: true });
});

describe('an instruction that reaches into the next page', () => {
  const at = 0x5ffe;

  beforeEach(() => {
    paged();
    // mov eax, imm32; hlt: with frame 6 behind it, or with frame 7.
    machine.bytes(at, 0xb8, 0x11);
    machine.bytes(0x6000, 0x22, 0x33, 0x44, hlt);
    machine.bytes(0x7000, 0x55, 0x66, 0x77, hlt);
    runAt(at);
  });

  it('has the bytes of the page that is mapped there now', () => {
    expect(machine.state.register(Reg.eax)).toBe(0x44332211);
    map(6, 0x7000);
    runAt(at);
    expect(machine.state.register(Reg.eax)).toBe(0x77665511);
    map(6, 0x6000);
    runAt(at);
    expect(machine.state.register(Reg.eax)).toBe(0x44332211);
  });

  it('faults when that page is gone, with the address of its first byte', () => {
    setGate(machine, 14, gateDescriptor(sel.code0, 0xa000, 0x8e));
    machine.bytes(0xa000, hlt);
    map(6, 0x6000, 6);
    runAt(at);
    expect([machine.state.eip, machine.state.cr2]).toEqual([0xa001, 0x6000]);
    expect(machine.dword(machine.state.esp + 4)).toBe(at);
  });

  it('is decoded again after either page was written', () => {
    machine.services.writeSlow(Seg.ds * segmentBytes, 0x6001, 1);
    machine.bytes(0x6001, 0x99);
    runAt(at);
    expect(machine.state.register(Reg.eax)).toBe(0x44992211);
    machine.services.writeSlow(Seg.ds * segmentBytes, at + 1, 1);
    machine.bytes(at + 1, 0x88);
    runAt(at);
    expect(machine.state.register(Reg.eax)).toBe(0x44992288);
  });
});

describe('undefined instructions', () => {
  it('are decoded again when the byte changes that made them undefined', () => {
    // 0F 01 /5 is nothing; /4 is SMSW EAX. The handler mends it at its second run.
    realMode(0x400, 0x0f, 0x01, 0xe8, hlt);
    machine.bytes(0x1000 + 16 * 6, 0x43, 0x80, 0xfb, 2, 0x75, 5, 0xc6, 0x06, 0x02, 0x04, 0xe0, 0xcf);
    machine.vcpu.run(100);
    expect([machine.state.block.exceptions[6], machine.state.register(Reg.ebx)]).toEqual([2, 2]);
    expect(machine.state.register(Reg.eax) & 0xffff).toBe(machine.state.cr0 & 0xffff);
  });
});

describe('16-bit addresses', () => {
  it('let a repeated string go on over the end of 64 KiB in a larger segment', () => {
    // rep stosw
    realMode(0x400, 0xf3, 0xab, hlt);
    machine.state.setSegment(Seg.es, 1, 0x10, 0xffffffff, 0x93);
    machine.state.setRegister(Reg.edi, 0xfffb);
    machine.state.setRegister(Reg.ecx, 40);
    machine.state.setRegister(Reg.eax, 0x1234);
    expect(machine.vcpu.run(10)).toBe(RunEnd.halted);
    expect([machine.word(0x10 + 0xffff), machine.word(0x10 + 1), machine.state.register(Reg.edi)]).toEqual([0x1234, 0x1234, 75]);
  });

  it('let PUSHA wrap between two registers, but not inside one', () => {
    realMode(0x400, 0x60, hlt);
    machine.state.setSegment(Seg.ss, 0x1000, 0x10000, 0xffff, 0x93);
    machine.state.esp = 8;
    machine.vcpu.run(10);
    expect([machine.state.esp, machine.word(0x10006), machine.word(0x1fffe)]).toEqual([0xfff8, 0, 8]);
    realMode(0x400, 0x60, hlt);
    machine.state.esp = 7;
    machine.state.activity = 0;
    machine.vcpu.run(1);
    expect(machine.state.block.exceptions[12]).toBe(1);
  });
});

describe('debug registers', () => {
  // Ten instructions do not fit the block of 21, so that the budget ends in blocks of one.
  for (const [what, budget] of [['in whole blocks', 1000], ['at the end of a budget', 10]] as const) {
    it(`trap right behind the access, ${what}`, () => {
      realMode(0x400, 0xa2, 0, 0x20, ...Array<number>(20).fill(incEax), hlt);
      machine.state.setDebugRegister(0, 0x2000);
      machine.services.moveToDebug(7, 0x10001);
      machine.vcpu.run(budget);
      expect([machine.state.register(Reg.eax), machine.state.block.exceptions[1]]).toEqual([0, 1]);
    });

    it(`stop before the instruction, ${what}`, () => {
      // xor ax, ax; jz 0x2000
      realMode(0x400, 0x31, 0xc0, 0x0f, 0x84, 0xfa, 0x1b, ...Array<number>(60).fill(nop), hlt);
      machine.bytes(0x2000, ...Array<number>(20).fill(incEax), hlt);
      machine.state.setDebugRegister(0, 0x2003);
      machine.services.moveToDebug(7, 1);
      machine.vcpu.run(budget);
      expect([machine.state.register(Reg.eax), machine.state.block.exceptions[1]]).toEqual([3, 1]);
    });
  }

  it('trap behind the element of a repeated string, which then goes on', () => {
    // rep movsb from 0x5000 to 0x2000, the second element watched; the handler counts in EBX and returns.
    realMode(0x400, 0xf3, 0xa4, hlt);
    machine.bytes(0x1000 + 16, 0x89, 0xcb, 0xcf);
    machine.state.setRegister(Reg.esi, 0x5000);
    machine.state.setRegister(Reg.edi, 0x2000);
    machine.state.setRegister(Reg.ecx, 9);
    machine.state.setDebugRegister(0, 0x2001);
    machine.services.moveToDebug(7, 0x10001);
    machine.vcpu.run(20);
    expect([machine.state.block.exceptions[1], machine.state.register(Reg.ebx), machine.state.register(Reg.ecx)]).toEqual([1, 7, 0]);
    expect([machine.state.eip, machine.vcpu.retired()]).toEqual([0x403, 4]);
  });

  it('do not make INS read its port twice', () => {
    // insb
    realMode(0x400, 0x6c, hlt);
    machine.state.setRegister(Reg.edi, 0x2000);
    machine.state.setDebugRegister(0, 0x2000);
    machine.services.moveToDebug(7, 0x10001);
    machine.vcpu.run(10);
    expect([machine.recorded.ports.length, machine.state.block.exceptions[1]]).toEqual([1, 1]);
  });
});

describe('what a chip asks for during an access', () => {
  // out 0x80, al; inc ax ...: the chip raises vector 8 + n at once.
  const program = [0xfb, nop, 0xe6, 0x80, ...Array<number>(10).fill(incEax), hlt];

  function ask(): void {
    machine.platform.portWrite = () => {
      machine.pending.push(0x10);
      machine.state.requestAttention(Attention.interrupt);
    };
  }

  for (const turns of [[100], [3, 100], [4, 100], [5, 100]]) {
    it(`is served behind the instruction, in turns of ${turns.join(' and ')}`, () => {
      realMode(0x400, ...program);
      ask();
      for (const turn of turns) machine.vcpu.run(turn);
      expect([machine.state.register(Reg.eax), machine.word(machine.state.esp), machine.vcpu.retired()]).toEqual([0, 0x404, 4]);
    });
  }
});
