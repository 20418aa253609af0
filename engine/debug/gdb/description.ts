/** What gdb is told about the machine: its registers with their numbers, its memory, its threads. */
import type { MachineConfiguration } from '../../machine/machine.ts';
import { describeMode } from '../../machine/debug/breakpoint.ts';
import type { VcpuRegisters, X87Registers } from '../../machine/debug/calls.ts';

/** One register of the target description, in the order of its number. */
interface GdbRegister {
  readonly name: string;
  readonly bits: 16 | 32 | 64 | 80;
  readonly type: string;
  /** The register of ours; absent for the x87. */
  readonly own: string | undefined;
  readonly x87?: (x87: X87Registers) => number | Uint8Array;
  readonly group?: string;
}

const core: readonly GdbRegister[] = [
  ...['eax', 'ecx', 'edx', 'ebx'].map((name): GdbRegister => ({ name, bits: 32, type: 'int32', own: name })),
  ...['esp', 'ebp'].map((name): GdbRegister => ({ name, bits: 32, type: 'data_ptr', own: name })),
  ...['esi', 'edi'].map((name): GdbRegister => ({ name, bits: 32, type: 'int32', own: name })),
  { name: 'eip', bits: 32, type: 'code_ptr', own: 'eip' },
  { name: 'eflags', bits: 32, type: 'i386_eflags', own: 'eflags' },
  ...['cs', 'ss', 'ds', 'es', 'fs', 'gs'].map((name): GdbRegister => ({ name, bits: 32, type: 'int32', own: name })),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((number): GdbRegister => ({
    name: `st${number}`,
    bits: 80,
    type: 'i387_ext',
    own: undefined,
    x87: ({ stack }) => stack[number] ?? new Uint8Array(10),
  })),
  ...(
    [
      ['fctrl', ({ control }) => control],
      ['fstat', ({ status }) => status],
      ['ftag', ({ tags }) => tags],
      ['fiseg', ({ instructionSelector }) => instructionSelector],
      ['fioff', ({ instructionOffset }) => instructionOffset],
      ['foseg', ({ dataSelector }) => dataSelector],
      ['fooff', ({ dataOffset }) => dataOffset],
      ['fop', ({ opcode }) => opcode],
    ] as const satisfies readonly (readonly [string, (x87: X87Registers) => number])[]
  ).map(([name, x87]): GdbRegister => ({ name, bits: 32, type: 'int', own: undefined, x87, group: 'float' })),
];

const segmentBases = ['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'ldtr', 'tr'].map((name) => `${name}_base`);
const system: readonly GdbRegister[] = [
  ...['cr0', 'cr2', 'cr3', 'cr4'].map((name): GdbRegister => ({
    name,
    bits: 32,
    type: name === 'cr0' ? 'cr0_flags' : 'int32',
    own: name,
  })),
  { name: 'efer', bits: 64, type: 'int64', own: 'efer' },
  ...['dr0', 'dr1', 'dr2', 'dr3', 'dr6', 'dr7'].map((name): GdbRegister => ({ name, bits: 32, type: 'int32', own: name })),
  ...['gdtr_base', 'idtr_base', ...segmentBases].map((name): GdbRegister => ({ name, bits: 32, type: 'data_ptr', own: name })),
  ...['gdtr_limit', 'idtr_limit', 'ldtr', 'tr'].map((name): GdbRegister => ({ name, bits: 32, type: 'int32', own: name })),
];

const registers = [...core, ...system];
export const eipNumber = core.findIndex(({ name }) => name === 'eip');

/** The register of a number, or undefined. */
export function gdbRegister(number: number): { own: string | undefined; bytes: number } | undefined {
  const register = registers[number];
  return register === undefined ? undefined : { own: register.own, bytes: register.bits / 8 };
}

/** The value of a register in the order of its bytes in memory. */
export function registerBytes(number: number, vcpu: VcpuRegisters): Uint8Array | undefined {
  const register = registers[number];
  if (register === undefined) return undefined;
  const bytes = new Uint8Array(register.bits / 8);
  const known = register.x87?.(vcpu.x87);
  if (known instanceof Uint8Array) return known;
  let value = known === undefined ? (vcpu.registers.find(({ name }) => name === register.own)?.value ?? 0n) : BigInt(known);
  for (let index = 0; index < bytes.length; index++, value >>= 8n) bytes[index] = Number(value & 0xffn);
  return bytes;
}

/** All registers of `g`: those of the core, then the system's. */
export function allRegisters(vcpu: VcpuRegisters): Uint8Array {
  return Buffer.concat(registers.map((_, number) => registerBytes(number, vcpu) ?? new Uint8Array(0)));
}

/** Takes the bytes of `G` apart; undefined if there are too many or they end within a register. */
export function splitRegisters(bytes: Uint8Array): { number: number; value: Uint8Array }[] | undefined {
  const result: { number: number; value: Uint8Array }[] = [];
  let at = 0;
  for (let number = 0; at < bytes.length; number++) {
    const size = gdbRegister(number)?.bytes;
    if (size === undefined || at + size > bytes.length) return undefined;
    result.push({ number, value: bytes.subarray(at, at + size) });
    at += size;
  }
  return result;
}

const flagFields = (fields: Readonly<Record<string, number>>): string =>
  Object.entries(fields)
    .map(([name, bit]) => `<field name="${name}" start="${bit}" end="${bit}"/>`)
    .join('');

const eflags = {
  CF: 0,
  PF: 2,
  AF: 4,
  ZF: 6,
  SF: 7,
  TF: 8,
  IF: 9,
  DF: 10,
  OF: 11,
  NT: 14,
  RF: 16,
  VM: 17,
  AC: 18,
  VIF: 19,
  VIP: 20,
  ID: 21,
};
const cr0 = { PE: 0, MP: 1, EM: 2, TS: 3, ET: 4, NE: 5, WP: 16, AM: 18, NW: 29, CD: 30, PG: 31 };

/** The target description (gdb manual, appendix G): i386 with the system registers as a feature of our own. */
export function targetDescription(): string {
  const list = (of: readonly GdbRegister[], group: string | undefined): string =>
    of
      .map((register) => {
        const own = register.group ?? group;
        return `<reg name="${register.name}" bitsize="${register.bits}" type="${register.type}"${own === undefined ? '' : ` group="${own}"`}/>`;
      })
      .join('\n');
  return `<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
<architecture>i386</architecture>
<feature name="org.gnu.gdb.i386.core">
<flags id="i386_eflags" size="4">${flagFields(eflags)}</flags>
${list(core, undefined)}
</feature>
<feature name="org.vitrine.i386.system">
<flags id="cr0_flags" size="4">${flagFields(cr0)}</flags>
${list(system, 'system')}
</feature>
</target>
`;
}

/**
 * The memory map: what gdb may touch at all. Linear addresses may all be mapped, so all of them count as RAM; in physical mode RAM is
 * what the machine has.
 */
export function memoryMap(configuration: MachineConfiguration, physical: boolean): string {
  const all = 2 ** 32;
  const region = (type: string, start: number, length: number): string =>
    `<memory type="${type}" start="0x${start.toString(16)}" length="0x${length.toString(16)}"/>`;
  const { memoryBytes } = configuration;
  const regions = physical
    ? [region('ram', 0, memoryBytes), region('rom', memoryBytes, all - memoryBytes)]
    : [region('ram', 0, all)];
  return `<?xml version="1.0"?>
<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd">
<memory-map>${regions.join('')}</memory-map>
`;
}

/** What a vCPU is about, as `info threads` shows it. */
export function describeThread(vcpu: VcpuRegisters): string {
  return `${vcpu.activity}, ${describeMode(vcpu.mode)}, CPL ${vcpu.cpl}${vcpu.inSmm ? ', in SMM' : ''}`;
}

export function threadList(vcpus: readonly VcpuRegisters[]): string {
  const threads = vcpus.map(
    (vcpu) =>
      `<thread id="${(vcpu.cpu + 1).toString(16)}" core="${vcpu.cpu}" name="vCPU ${vcpu.cpu}">${describeThread(vcpu)}</thread>`,
  );
  return `<?xml version="1.0"?>\n<threads>\n${threads.join('\n')}\n</threads>\n`;
}
