import { describe, expect, it } from 'vitest';
import { Reg } from '../isa/state.ts';
import type { HypercallRegisters, Hypercalls } from './platform.ts';
import { enterProtected, enterUser } from './testing/tables.ts';
import { TestMachine } from './testing/test-machine.ts';

const listener: Hypercalls = {
  version: 7,
  features: 0x15,
  call(registers: HypercallRegisters): void {
    registers.eax = registers.ebx + registers.edi;
    registers.edx = 0xffffffff;
  },
};

function machineWith(hypercalls?: Hypercalls): TestMachine {
  const machine = new TestMachine({ hypercalls });
  enterProtected(machine);
  return machine;
}

function cpuid(machine: TestMachine, leaf: number): number[] {
  machine.state.setRegister(Reg.eax, leaf);
  machine.services.cpuid();
  return [Reg.eax, Reg.ebx, Reg.ecx, Reg.edx].map((register) => machine.state.register(register));
}

describe('VMCALL', () => {
  it('is an invalid instruction when nobody listens', () => {
    const machine = machineWith();
    machine.services.hypercall();
    expect(machine.takeFault()).toBe('6(0x0)');
  });

  it('hands six registers over and takes them back', () => {
    const machine = machineWith(listener);
    machine.state.setRegister(Reg.ebx, 40);
    machine.state.setRegister(Reg.edi, 2);
    machine.services.hypercall();
    expect(machine.takeFault()).toBe('none');
    expect([machine.state.register(Reg.eax), machine.state.register(Reg.edx), machine.state.register(Reg.ebx)]).toEqual([
      42, 0xffffffff, 40,
    ]);
  });

  it('is for the kernel only', () => {
    const machine = machineWith(listener);
    enterUser(machine);
    machine.services.hypercall();
    expect(machine.takeFault()).toBe('13(0x0)');
  });
});

describe('CPUID', () => {
  it('names the listener, and says in leaf 1 that there is one', () => {
    const machine = machineWith(listener);
    const [highest, ...name] = cpuid(machine, 0x40000000);
    expect(highest).toBe(0x40000001);
    expect(Buffer.from(Uint32Array.from(name).buffer).toString()).toBe('VitrineGuard');
    expect(cpuid(machine, 0x40000001)).toEqual([7, 0x15, 0, 0]);
    expect((cpuid(machine, 1)[2]! >>> 31) & 1).toBe(1);
  });

  it('knows nothing of it when nobody listens: the leaves are those of a processor without', () => {
    const machine = machineWith();
    expect(cpuid(machine, 0x40000000)).toEqual(cpuid(machine, 0xb));
    expect((cpuid(machine, 1)[2]! >>> 31) & 1).toBe(0);
  });
});
