/** Descriptors as numbers, for unit tests. */
import type { TestMachine } from './test-machine.ts';

/** Code and data: `access` is the byte with type, S, DPL and P; `flags` the nibble G, D/B, L, AVL. */
export function segmentDescriptor(base: number, limit: number, access: number, flags = 0xc): [low: number, high: number] {
  return [
    ((limit & 0xffff) | (base << 16)) >>> 0,
    (((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000)) >>> 0,
  ];
}

export function gateDescriptor(selector: number, offset: number, access: number, parameters = 0): [low: number, high: number] {
  return [((offset & 0xffff) | (selector << 16)) >>> 0, ((offset & 0xffff0000) | (access << 8) | parameters) >>> 0];
}

export const gdt = 0x1000;
export const idt = 0x2000;
export const tss = 0x3000;
export const otherTss = 0x3200;
export const innerStackTop = 0x8000;

/** Selectors of the table that `protectedMachine` lays out. */
export const sel = {
  code0: 0x08, data0: 0x10, code3: 0x1b, data3: 0x23, tss: 0x28, otherTss: 0x30, conforming: 0x38, absent: 0x40, gate: 0x48, ldt: 0x50,
  code1: 0x59, data1: 0x61, small: 0x68, tss16: 0x70, taskGate: 0x78, last: 0x80,
} as const;

export function setDescriptor(machine: TestMachine, selector: number, [low, high]: [number, number], table = gdt): void {
  machine.setDword(table + (selector & ~7), low);
  machine.setDword(table + (selector & ~7) + 4, high);
}

export function setGate(machine: TestMachine, vector: number, gate: [number, number]): void {
  setDescriptor(machine, 8 * vector, gate, idt);
}

/** Flat protected mode at level 0 with a TSS in TR; ESP 0x9000, EIP 0x4000. */
export function enterProtected(machine: TestMachine): void {
  const flat = (access: number) => segmentDescriptor(0, 0xfffff, access);
  setDescriptor(machine, sel.code0, flat(0x9a));
  setDescriptor(machine, sel.data0, flat(0x92));
  setDescriptor(machine, sel.code3, flat(0xfa));
  setDescriptor(machine, sel.data3, flat(0xf2));
  setDescriptor(machine, sel.code1, flat(0xba));
  setDescriptor(machine, sel.data1, flat(0xb2));
  setDescriptor(machine, sel.tss, segmentDescriptor(tss, 0x67, 0x89, 0));
  setDescriptor(machine, sel.otherTss, segmentDescriptor(otherTss, 0x67, 0x89, 0));
  setDescriptor(machine, sel.tss16, segmentDescriptor(0x3400, 0x2b, 0x81, 0));
  setDescriptor(machine, sel.conforming, flat(0x9e));
  setDescriptor(machine, sel.absent, flat(0x1a));
  setDescriptor(machine, sel.small, segmentDescriptor(0, 0x0fff, 0x9a, 0x4));
  setDescriptor(machine, sel.ldt, segmentDescriptor(0x3600, 0xf, 0x82, 0));
  setDescriptor(machine, sel.taskGate, gateDescriptor(sel.otherTss, 0, 0xe5));
  const { state, services } = machine;
  state.gdtBase = gdt;
  state.gdtLimit = sel.last - 1;
  state.idtBase = idt;
  state.idtLimit = 0x7ff;
  machine.setDword(tss + 4, innerStackTop);
  machine.setDword(tss + 8, sel.data0);
  machine.setDword(tss + 12, innerStackTop - 0x1000);
  machine.setDword(tss + 16, sel.data1);
  services.moveToControl(0, 1);
  state.eip = 0x4000;
  services.farJump(sel.code0, 0x4000, 4);
  for (const seg of [0, 2, 3, 4, 5]) services.loadSegment(seg, sel.data0);
  services.loadTaskRegister(sel.tss);
  state.esp = 0x9000;
  state.interruptShadow = 0;
  if (machine.takeFault() !== 'none') throw new Error('the test machine did not reach protected mode');
}

/** On from there to level 3 with ESP 0x7000. */
export function enterUser(machine: TestMachine, offset = 0x5000): void {
  const { state, services } = machine;
  const stack = [offset, sel.code3, 0x202, 0x7000, sel.data3];
  state.esp = 0x9000 - 4 * stack.length;
  stack.forEach((value, index) => machine.setDword(state.esp + 4 * index, value));
  services.interruptReturn(4);
  if (machine.takeFault() !== 'none') throw new Error('the test machine did not reach level 3');
}
