import { beforeEach, describe, expect, it } from 'vitest';
import { Attention, Exit, Reg } from '../isa/state.ts';
import { FlatMachine } from './testing/flat-machine.ts';

const machine = new FlatMachine();
const code = 0x1000;

function program(...bytes: number[]) {
  machine.load(code, [...bytes, 0xf4]);
}

describe('the interpreter', () => {
  beforeEach(() => machine.reset());

  it('runs a counting loop and retires exactly what it executed', () => {
    // mov ecx, 1000; again: add eax, ecx; dec ecx; jnz again; hlt
    program(0xb9, 0xe8, 0x03, 0, 0, 0x01, 0xc8, 0x49, 0x75, 0xfb);
    const before = machine.state.retired;
    expect(machine.run(code, 1_000_000).exit).toBe(Exit.halt);
    expect(machine.register(Reg.eax)).toBe(500500);
    expect(machine.state.retired - before).toBe(3002n);
    expect(Number(machine.state.eip)).toBe(code + 11);
  });

  it('stops before a block that does not fit the budget', () => {
    program(0x40, 0x40, 0x40, 0xeb, 0xfb);
    expect(machine.run(code, 10).exit).toBe(Exit.budget);
    expect(machine.register(Reg.eax)).toBe(6);
    expect(machine.state.budget).toBe(2);
    expect(Number(machine.state.eip)).toBe(code);
  });

  it('leaves at a fault with eip, registers and count as before the instruction', () => {
    // inc eax; push dword [0xf0000000]; inc eax
    program(0x40, 0xff, 0x35, 0, 0, 0, 0xf0, 0x40);
    const before = machine.state.retired;
    const esp = machine.register(Reg.esp);
    expect(machine.run(code, 100)).toEqual({ exit: Exit.fault, vector: 14 });
    expect(Number(machine.state.eip)).toBe(code + 1);
    expect([machine.register(Reg.eax), machine.register(Reg.esp)]).toEqual([1, esp]);
    expect(machine.state.retired - before).toBe(1n);
    expect(machine.state.faultAddress).toBe(0xf0000000n);
  });

  it('leaves the flags as they were when a later element of REPNE SCAS faults, and keeps what REPE SCAS found', () => {
    const end = machine.ramBytes;
    for (const [prefix, kept] of [
      [0xf2, true],
      [0xf3, false],
    ] as const) {
      machine.reset();
      // Two elements of memory, the third does not exist: unequal for REPNE, equal for REPE.
      machine.load(end - 2, prefix === 0xf2 ? [2, 2] : [1, 1]);
      machine.setRegister(Reg.eax, 1);
      machine.setRegister(Reg.ecx, 5);
      machine.setRegister(Reg.edi, end - 2);
      machine.flags = 0x881;
      program(prefix, 0xae);
      expect(machine.run(code, 100)).toEqual({ exit: Exit.fault, vector: 14 });
      expect([machine.register(Reg.ecx), machine.register(Reg.edi)]).toEqual([3, end]);
      expect(machine.flags & 0x8d5).toBe(kept ? 0x881 : 0x44);
    }
  });

  it('sets the flags by the last element of REPNE SCAS, and not at all for a count of 0', () => {
    machine.load(0x2000, [9, 9, 7, 9]);
    machine.setRegister(Reg.eax, 7);
    machine.setRegister(Reg.ecx, 4);
    machine.setRegister(Reg.edi, 0x2000);
    program(0xf2, 0xae);
    machine.run(code, 100);
    expect([machine.register(Reg.ecx), machine.flags & 0x8d5]).toEqual([1, 0x44]);
    machine.setRegister(Reg.ecx, 0);
    machine.flags = 0x891;
    machine.run(code, 100);
    expect(machine.flags & 0x8d5).toBe(0x891);
  });

  it('looks at attention at the next block entry', () => {
    // vmcall (sets attention); inc eax
    program(0x0f, 0x01, 0xc1, 0x40);
    expect(machine.run(code, 100).exit).toBe(Exit.attention);
    expect([machine.register(Reg.eax), Number(machine.state.eip)]).toEqual([0, code + 3]);
  });

  it('executes bytes that the same block has just changed', () => {
    // mov byte [code + 7], 0x40 (inc eax instead of nop); nop
    program(0xc6, 0x05, code & 0xff, code >> 8, 0, 0, 0x40, 0x90);
    machine.ram[code + 2] = (code + 7) & 0xff;
    machine.load(code, machine.ram.slice(code, code + 9));
    machine.run(code, 100);
    expect(machine.register(Reg.eax)).toBe(1);
  });

  it('drops only the blocks whose bytes changed, and links to them', () => {
    // dec ecx; jz end; jmp code + 0x80 ... inc eax; jmp code; end: hlt
    program(0x49, 0x74, 0x02, 0xeb, 0x7b);
    machine.load(code + 0x80, [0x40, 0xe9, 0x7a, 0xff, 0xff, 0xff]);
    machine.setRegister(Reg.ecx, 10);
    machine.run(code, 1000);
    expect(machine.register(Reg.eax)).toBe(9);
    machine.ram[code + 0x80] = 0x48;
    expect(machine.interpreter.invalidatePage(code >> 12, 0x40, 4)).toBe(false);
    expect(machine.interpreter.invalidatePage(code >> 12, 0x80, 1)).toBe(false);
    machine.setRegister(Reg.ecx, 10);
    machine.run(code, 1000);
    expect(machine.register(Reg.eax)).toBe(0);
    expect(machine.interpreter.invalidatePage(code >> 12)).toBe(true);
    expect(machine.interpreter.hasCode(code >> 12)).toBe(false);
  });

  it('runs an instruction that crosses a page, and sees either page change', () => {
    // mov eax, imm32 with the immediate in the next page
    const at = 0x3000 - 2;
    machine.load(at, [0xb8, 0x11, 0x22, 0x33, 0x44, 0xf4]);
    machine.run(at, 10);
    expect(machine.register(Reg.eax)).toBe(0x44332211);
    machine.load(0x3000, [0x55]);
    machine.run(at, 10);
    expect(machine.register(Reg.eax)).toBe(0x44335511);
  });

  it('copies strings in runs, and element by element where the run overlaps', () => {
    machine.load(
      0x8000,
      Array.from({ length: 5000 }, (_, index) => index & 0xff),
    );
    // rep movsb
    program(0xf3, 0xa4);
    machine.setRegister(Reg.esi, 0x8000);
    machine.setRegister(Reg.edi, 0x9ff0);
    machine.setRegister(Reg.ecx, 5000);
    expect(machine.run(code, 100).exit).toBe(Exit.halt);
    expect(machine.ram.slice(0x9ff0, 0x9ff0 + 5000)).toEqual(machine.ram.slice(0x8000, 0x8000 + 5000));
    expect([machine.register(Reg.ecx), machine.register(Reg.esi), machine.register(Reg.edi)]).toEqual([
      0,
      0x8000 + 5000,
      0x9ff0 + 5000,
    ]);
    machine.load(0x20000, [1, 2, 3]);
    machine.setRegister(Reg.esi, 0x20000);
    machine.setRegister(Reg.edi, 0x20003);
    machine.setRegister(Reg.ecx, 3000);
    machine.run(code, 100);
    expect([...machine.ram.slice(0x20000, 0x20000 + 3003)].every((byte, index) => byte === (index % 3) + 1)).toBe(true);
  });

  it('leaves a repeated string after one element for TF, and after a run for attention', () => {
    // rep lodsb
    program(0xf3, 0xac);
    const start = () => {
      machine.setRegister(Reg.esi, 0x8000);
      machine.setRegister(Reg.ecx, 100);
    };
    start();
    machine.state.eflags |= 0x100;
    const before = machine.state.retired;
    expect(machine.run(code, 100).exit).toBe(Exit.attention);
    expect([machine.register(Reg.ecx), Number(machine.state.eip), machine.state.debugPending]).toEqual([99, code, 0x4000]);
    expect(machine.state.retired).toBe(before);
    machine.reset();
    // Whatever bit it is: the first vCPU's interrupt is bit 0, a stop is another.
    machine.state.budget = 100;
    machine.state.eip = BigInt(code);
    machine.whenWritten = () => (machine.state.attention = Attention.stop);
    machine.load(code, [0xf3, 0xaa, 0xf4]);
    machine.setRegister(Reg.edi, 0x180000);
    machine.setRegister(Reg.ecx, 0x3000);
    expect(machine.interpreter.run()).toBe(Exit.attention);
    expect(machine.register(Reg.ecx)).toBeGreaterThan(0);
    expect(Number(machine.state.eip)).toBe(code);
  });

  it('raises #UD for what the table does not know and for a LOCK that is not allowed', () => {
    program(0x0f, 0x04);
    expect(machine.run(code, 10)).toEqual({ exit: Exit.fault, vector: 6 });
    program(0xf0, 0x01, 0xc8);
    expect(machine.run(code, 10)).toEqual({ exit: Exit.fault, vector: 6 });
  });

  it('raises #GP for an instruction of more than 15 bytes', () => {
    program(...new Array<number>(15).fill(0x66), 0x90);
    expect(machine.run(code, 10)).toEqual({ exit: Exit.fault, vector: 13 });
  });
});
