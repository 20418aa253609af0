import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control0 } from './control-bits.ts';
import { Flag, readEflags, writeEflags } from './flags.ts';
import { enterProtected, enterUser } from './testing/tables.ts';
import { TestMachine } from './testing/test-machine.ts';

let machine: TestMachine;
beforeEach(() => {
  machine = new TestMachine();
});

const implemented = 0x003f7fd5;

describe('EFLAGS', () => {
  it('reads back what was written, but for bits that do not exist', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        writeEflags(machine.state, value);
        expect(readEflags(machine.state)).toBe((value & implemented) | 2);
      }),
    );
  });

  it('is put together from the lazy words', () => {
    const { state } = machine;
    writeEflags(state, 0);
    state.flagZero = 0;
    expect(readEflags(state)).toBe(2 | Flag.zero | 0 | (readEflags(state) & Flag.parity));
    state.flagZero = 5;
    state.flagSignParity = -1;
    expect(readEflags(state)).toBe(2 | Flag.sign | Flag.parity);
    state.flagSignParity = 0x107;
    state.flagAux = 0x40000000;
    expect(readEflags(state)).toBe(2 | Flag.overflow);
    state.flagAux = 0x80000008 | 0;
    expect(readEflags(state)).toBe(2 | Flag.carry | Flag.overflow | Flag.adjust);
    state.flagAux = 0xc0000000 | 0;
    expect(readEflags(state)).toBe(2 | Flag.carry);
  });
});

describe('POPF', () => {
  it('at level 0 changes everything but VM, and clears RF', () => {
    enterProtected(machine);
    machine.state.eflags |= Flag.resume;
    machine.services.popFlags(0xffffffff, 4);
    expect(machine.cpu.flags).toBe((implemented & ~(Flag.virtual8086 | Flag.resume | Flag.virtualInterrupt | Flag.virtualInterruptPending)) | 2);
    machine.services.popFlags(0, 2);
    expect(machine.cpu.flags).toBe(2 | Flag.alignmentCheck | Flag.identification);
  });

  it('at level 3 leaves IOPL and, above IOPL, IF without a fault', () => {
    enterProtected(machine);
    enterUser(machine);
    machine.services.popFlags(Flag.ioPrivilege | Flag.carry, 4);
    expect(machine.cpu.flags).toBe(2 | Flag.carry | Flag.interrupt);
    expect(machine.takeFault()).toBe('none');
  });
});

describe('CLI and STI', () => {
  it('raise #GP(0) above IOPL', () => {
    enterProtected(machine);
    enterUser(machine);
    machine.services.cli();
    expect(machine.takeFault()).toBe('13(0x0)');
    machine.cpu.setFlags(Flag.ioPrivilege | Flag.interrupt);
    machine.services.cli();
    expect(machine.takeFault()).toBe('none');
    expect(machine.cpu.flags & Flag.interrupt).toBe(0);
  });

  it('cast a shadow only when IF was clear', () => {
    machine.services.sti();
    expect(machine.state.interruptShadow).toBe(1);
    machine.state.interruptShadow = 0;
    machine.services.sti();
    expect(machine.state.interruptShadow).toBe(0);
  });
});

describe('PUSHF', () => {
  it('shows neither VM nor RF', () => {
    machine.state.cr0 |= Control0.protectionEnable;
    machine.cpu.setFlags(Flag.resume | Flag.carry);
    expect(machine.services.pushFlags(4)).toBe(2 | Flag.carry);
  });
});
