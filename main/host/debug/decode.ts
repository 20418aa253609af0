import { rights } from '../../../engine/cpu/registers.ts';
import { describeMode } from '../../../engine/machine/debug/breakpoint.ts';
import type { PageAttributes, RegisterValue, VcpuRegisters, X87Registers } from '../../../engine/machine/debug/calls.ts';
import { segmentNames } from '../../../engine/machine/debug/registers.ts';
import type { PageAttributesMessage, RegisterMessage, VcpuRegistersMessage, X87Message } from '../../contract/debug.ts';

/** A field of a register: name, lowest bit, width, what it means. */
type Field = readonly [name: string, bit: number, width: number, meaning: string];

/** SDM vol. 1, 3.4.3; vol. 3, 2.5 and 18.2. */
const FIELDS: Readonly<Record<string, readonly Field[]>> = {
  eflags: [
    ['CF', 0, 1, 'carry'],
    ['PF', 2, 1, 'parity'],
    ['AF', 4, 1, 'adjust'],
    ['ZF', 6, 1, 'zero'],
    ['SF', 7, 1, 'sign'],
    ['TF', 8, 1, 'trap after each instruction'],
    ['IF', 9, 1, 'interrupts are open'],
    ['DF', 10, 1, 'strings go down'],
    ['OF', 11, 1, 'overflow'],
    ['IOPL', 12, 2, 'privilege level for I/O'],
    ['NT', 14, 1, 'nested task'],
    ['RF', 16, 1, 'resume: no instruction breakpoint once'],
    ['VM', 17, 1, 'virtual-8086 mode'],
    ['AC', 18, 1, 'alignment check'],
    ['VIF', 19, 1, 'virtual interrupt flag'],
    ['VIP', 20, 1, 'virtual interrupt pending'],
    ['ID', 21, 1, 'CPUID can be used'],
  ],
  cr0: [
    ['PE', 0, 1, 'protected mode'],
    ['MP', 1, 1, 'WAIT obeys TS'],
    ['EM', 2, 1, 'no x87'],
    ['TS', 3, 1, 'task switched'],
    ['ET', 4, 1, 'x87 is a 387'],
    ['NE', 5, 1, 'x87 errors are #MF'],
    ['WP', 16, 1, 'supervisor obeys read-only pages'],
    ['AM', 18, 1, 'alignment check is allowed'],
    ['NW', 29, 1, 'not write-through'],
    ['CD', 30, 1, 'cache disabled'],
    ['PG', 31, 1, 'paging'],
  ],
  cr3: [
    ['PWT', 3, 1, 'write-through'],
    ['PCD', 4, 1, 'cache disabled'],
    ['page directory', 12, 20, 'its frame'],
  ],
  cr4: [
    ['VME', 0, 1, 'virtual-8086 extensions'],
    ['PVI', 1, 1, 'protected-mode virtual interrupts'],
    ['TSD', 2, 1, 'RDTSC is privileged'],
    ['DE', 3, 1, 'I/O breakpoints'],
    ['PSE', 4, 1, 'large pages'],
    ['PAE', 5, 1, 'physical address extension'],
    ['MCE', 6, 1, 'machine check'],
    ['PGE', 7, 1, 'global pages'],
    ['PCE', 8, 1, 'RDPMC for everybody'],
    ['OSFXSR', 9, 1, 'FXSAVE and SSE'],
    ['OSXMMEXCPT', 10, 1, 'SSE exceptions'],
  ],
  dr6: [
    ['B0', 0, 1, 'breakpoint 0 was hit'],
    ['B1', 1, 1, 'breakpoint 1 was hit'],
    ['B2', 2, 1, 'breakpoint 2 was hit'],
    ['B3', 3, 1, 'breakpoint 3 was hit'],
    ['BD', 13, 1, 'debug register access'],
    ['BS', 14, 1, 'single step'],
    ['BT', 15, 1, 'task switch'],
  ],
  dr7: [
    ['L0', 0, 1, 'breakpoint 0, local'],
    ['G0', 1, 1, 'breakpoint 0, global'],
    ['L1', 2, 1, 'breakpoint 1, local'],
    ['G1', 3, 1, 'breakpoint 1, global'],
    ['L2', 4, 1, 'breakpoint 2, local'],
    ['G2', 5, 1, 'breakpoint 2, global'],
    ['L3', 6, 1, 'breakpoint 3, local'],
    ['G3', 7, 1, 'breakpoint 3, global'],
    ['GD', 13, 1, 'debug registers are guarded'],
    ['RW0', 16, 2, 'kind of breakpoint 0'],
    ['LEN0', 18, 2, 'length of breakpoint 0'],
    ['RW1', 20, 2, 'kind of breakpoint 1'],
    ['LEN1', 22, 2, 'length of breakpoint 1'],
    ['RW2', 24, 2, 'kind of breakpoint 2'],
    ['LEN2', 26, 2, 'length of breakpoint 2'],
    ['RW3', 28, 2, 'kind of breakpoint 3'],
    ['LEN3', 30, 2, 'length of breakpoint 3'],
  ],
  // SDM vol. 1, 8.1.3 and 8.1.5.
  fcw: [
    ['IM', 0, 1, 'invalid operation is masked'],
    ['DM', 1, 1, 'denormal operand is masked'],
    ['ZM', 2, 1, 'division by zero is masked'],
    ['OM', 3, 1, 'overflow is masked'],
    ['UM', 4, 1, 'underflow is masked'],
    ['PM', 5, 1, 'lost precision is masked'],
    ['PC', 8, 2, 'precision: 0 single, 2 double, 3 extended'],
    ['RC', 10, 2, 'rounding: 0 nearest, 1 down, 2 up, 3 to zero'],
  ],
  fsw: [
    ['IE', 0, 1, 'invalid operation'],
    ['DE', 1, 1, 'denormal operand'],
    ['ZE', 2, 1, 'division by zero'],
    ['OE', 3, 1, 'overflow'],
    ['UE', 4, 1, 'underflow'],
    ['PE', 5, 1, 'lost precision'],
    ['SF', 6, 1, 'stack fault'],
    ['ES', 7, 1, 'an unmasked error is pending'],
    ['C0', 8, 1, 'condition 0'],
    ['C1', 9, 1, 'condition 1'],
    ['C2', 10, 1, 'condition 2'],
    ['TOP', 11, 3, 'register that is ST(0)'],
    ['C3', 14, 1, 'condition 3'],
    ['B', 15, 1, 'busy'],
  ],
  efer: [
    ['SCE', 0, 1, 'SYSCALL'],
    ['LME', 8, 1, 'long mode enabled'],
    ['LMA', 10, 1, 'long mode active'],
    ['NXE', 11, 1, 'no-execute pages'],
  ],
};

function decodeRegister(
  { name, group, bits, value }: Omit<RegisterValue, 'group'> & { group: RegisterMessage['group'] },
  symbolAt: (address: number) => string | null,
): RegisterMessage {
  const fields = (FIELDS[name] ?? []).map(([field, bit, width, meaning]) => ({
    name: field,
    bit,
    width,
    meaning,
    value: Number((value >> BigInt(bit)) & ((1n << BigInt(width)) - 1n)),
  }));
  const pointsSomewhere = group === 'general' && value <= 0xffffffffn;
  return { name, group, bits, value, fields, symbol: pointsSomewhere ? symbolAt(Number(value)) : null };
}

/** A segment's rights as people say them. */
export function describeRights(value: number, isSystem: boolean): string {
  if ((value & rights.present) === 0) return value === 0 ? 'null' : 'not present';
  const parts: string[] = [];
  const has = (bit: number): boolean => (value & bit) !== 0;
  if (isSystem) parts.push((value & 0xf) === 2 ? 'LDT' : `${has(8) ? '32' : '16'}-bit TSS${has(2) ? ', busy' : ''}`);
  else if (has(rights.code)) {
    parts.push('code', has(rights.readable) ? 'readable' : 'execute only');
    if (has(rights.conforming)) parts.push('conforming');
  } else {
    parts.push('data', has(rights.writable) ? 'writable' : 'read-only');
    if (has(rights.expandDown)) parts.push('expand down');
  }
  if (!isSystem) parts.push(has(rights.accessed) ? 'accessed' : 'not accessed', has(rights.big) ? '32 bits' : '16 bits');
  parts.push(`DPL ${(value >>> rights.dplShift) & 3}`);
  return parts.join(', ');
}

const TAGS = ['valid', 'zero', 'special', 'empty'] as const;

function x87Message(x87: X87Registers): X87Message {
  const word = (name: string, value: number): RegisterMessage =>
    decodeRegister({ name, group: 'x87', bits: 16, value: BigInt(value) }, () => null);
  const top = (x87.status >>> 11) & 7;
  return {
    // The tags are those of the physical registers.
    stack: x87.stack.map((bytes, index) => ({ bytes, tag: TAGS[(x87.tags >>> (2 * ((top + index) & 7))) & 3] ?? 'empty' })),
    control: word('fcw', x87.control),
    status: word('fsw', x87.status),
    instruction: { selector: x87.instructionSelector, offset: x87.instructionOffset, opcode: x87.opcode },
    operand: { selector: x87.dataSelector, offset: x87.dataOffset },
  };
}

export function vcpuMessage(
  vcpu: VcpuRegisters,
  symbolAt: (address: number) => string | null,
  lineAt: (address: number) => { file: string; line: number } | undefined,
): VcpuRegistersMessage {
  const number = (name: string): number => Number(vcpu.registers.find((each) => each.name === name)?.value ?? 0n);
  const { cpu, cpl, activity, inSmm, instructions, pc, codeBits, stack, stackBits } = vcpu;
  return {
    cpu,
    cpl,
    activity,
    inSmm,
    instructions,
    pc,
    source: lineAt(pc) ?? null,
    codeBits,
    stack,
    stackBits,
    mode: describeMode(vcpu.mode),
    x87: x87Message(vcpu.x87),
    registers: vcpu.registers.map((each) => decodeRegister(each, symbolAt)),
    segments: segmentNames.map((name, index) => ({
      name,
      selector: number(name),
      base: number(`${name}_base`),
      limit: number(`${name}_limit`),
      rights: number(`${name}_rights`),
      text: describeRights(number(`${name}_rights`), index >= 6),
    })),
  };
}

const pageBytes = 4096;

export function pageMessage(address: number, page: PageAttributes): PageAttributesMessage {
  const { physical, steps, backing, ...rest } = page;
  const inPage = address % pageBytes;
  return {
    ...rest,
    address: address - inPage,
    physical: physical === undefined ? null : physical - inPage,
    steps: steps.map((step) => ({ level: step.level, address: step.address ?? null, value: step.value })),
    backing: backing ?? null,
  };
}

const VECTORS = [
  '#DE divide error',
  '#DB debug',
  'NMI',
  '#BP breakpoint',
  '#OF overflow',
  '#BR bound range',
  '#UD invalid opcode',
  '#NM no x87',
  '#DF double fault',
  'coprocessor overrun',
  '#TS invalid TSS',
  '#NP segment not present',
  '#SS stack fault',
  '#GP general protection',
  '#PF page fault',
  'reserved',
  '#MF x87 error',
  '#AC alignment check',
  '#MC machine check',
  '#XM SIMD error',
] as const;

export function vectorName(vector: number): string {
  return VECTORS[vector] ?? `vector ${vector}`;
}
