/** The registers of a vCPU by name, as debuggers and conditions call them. On the vCPU's thread, or anywhere while it stands still. */
import { readEflags } from '../../cpu/flags.ts';
import type { CpuState } from '../../cpu/registers.ts';
import { Reg, Seg } from '../../isa/state.ts';

export type RegisterGroup = 'general' | 'flags' | 'segment' | 'control' | 'debug' | 'table' | 'msr';

/** A register: its name, how wide it is, and how it is read. 32 bits at most are read as numbers. */
export interface RegisterDescription {
  readonly name: string;
  readonly group: RegisterGroup;
  readonly bits: 16 | 32 | 64;
  read(state: CpuState): number | bigint;
}

export const generalNames = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
export const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;
export const controlNumbers = [0, 2, 3, 4] as const;

const plain = (name: string, group: RegisterGroup, bits: 16 | 32, read: (state: CpuState) => number): RegisterDescription => ({
  name,
  group,
  bits,
  read,
});

/** MSRs that are plain storage in the block, with their numbers. */
export const msrRegisters = [
  { name: 'efer', number: 0xc0000080, read: (state: CpuState) => BigInt(state.efer) },
  { name: 'sysenter_cs', number: 0x174, read: (state: CpuState) => BigInt(state.block.sysenterCs) },
  { name: 'sysenter_esp', number: 0x175, read: (state: CpuState) => state.block.sysenterEsp },
  { name: 'sysenter_eip', number: 0x176, read: (state: CpuState) => state.block.sysenterEip },
  { name: 'apic_base', number: 0x1b, read: (state: CpuState) => state.block.apicBase },
  { name: 'pat', number: 0x277, read: (state: CpuState) => state.block.patMsr },
] as const;

/** Every register that has a name of its own, in the order in which people read them. */
export const registers: readonly RegisterDescription[] = [
  ...generalNames.map((name, number) => plain(name, 'general', 32, (state) => state.register(number))),
  plain('eip', 'general', 32, (state) => state.eip),
  plain('eflags', 'flags', 32, readEflags),
  ...segmentNames.map((name, segment) => plain(name, 'segment', 16, (state) => state.selector(segment))),
  ...segmentNames.map((name, segment) => plain(`${name}_base`, 'segment', 32, (state) => state.segmentBase(segment))),
  ...segmentNames.map((name, segment) => plain(`${name}_limit`, 'segment', 32, (state) => state.segmentLimit(segment))),
  ...segmentNames.map((name, segment) => plain(`${name}_rights`, 'segment', 16, (state) => state.segmentRights(segment))),
  plain('cr0', 'control', 32, (state) => state.cr0),
  plain('cr2', 'control', 32, (state) => state.cr2),
  plain('cr3', 'control', 32, (state) => state.cr3),
  plain('cr4', 'control', 32, (state) => state.cr4),
  ...[0, 1, 2, 3, 6, 7].map((number) => plain(`dr${number}`, 'debug', 32, (state) => state.debugRegister(number))),
  plain('gdtr_base', 'table', 32, (state) => state.gdtBase),
  plain('gdtr_limit', 'table', 16, (state) => state.gdtLimit),
  plain('idtr_base', 'table', 32, (state) => state.idtBase),
  plain('idtr_limit', 'table', 16, (state) => state.idtLimit),
  ...msrRegisters.map(({ name, read }): RegisterDescription => ({ name, group: 'msr', bits: 64, read })),
];

const parts = new Map<string, (state: CpuState) => number>();
for (const { name, read } of registers) parts.set(name, (state) => Number(BigInt(read(state)) & 0xffffffffn));
/** Some bits of a register. */
export interface RegisterPart {
  readonly of: string;
  readonly shift: number;
  readonly mask: number;
}

/** Parts of registers that have names of their own. */
export const registerParts: ReadonlyMap<string, RegisterPart> = new Map<string, RegisterPart>([
  ...['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di', 'ip', 'flags'].map((name) => part(name, `e${name}`, 0, 0xffff)),
  ...['al', 'cl', 'dl', 'bl'].map((name) => part(name, `e${name[0]}x`, 0, 0xff)),
  ...['ah', 'ch', 'dh', 'bh'].map((name) => part(name, `e${name[0]}x`, 8, 0xff)),
  ...Object.entries({ cf: 0, pf: 2, af: 4, zf: 6, sf: 7, tf: 8, if: 9, df: 10, of: 11 }).map(([name, bit]) =>
    part(name, 'eflags', bit, 1),
  ),
]);

function part(name: string, of: string, shift: number, mask: number): [string, RegisterPart] {
  return [name, { of, shift, mask }];
}

for (const [name, { of, shift, mask }] of registerParts) {
  const whole = parts.get(of)!;
  parts.set(name, (state) => (whole(state) >>> shift) & mask);
}
parts.set('cpl', (state) => state.cpl);
/** The linear address of the next instruction, and of the top of the stack. */
parts.set('pc', (state) => (state.segmentBase(Seg.cs) + state.eip) >>> 0);
parts.set('stack', (state) => (state.segmentBase(Seg.ss) + (state.register(Reg.esp) & state.stackMask)) >>> 0);

/** The low 32 bits of a register or a part of one; undefined if there is none of that name. */
export function readNamed(state: CpuState, name: string): number | undefined {
  return parts.get(name)?.(state);
}

/** What a hit adds to the registers. */
export const hitNames = ['value', 'before', 'address', 'hits', 'cpu'] as const;
/** Names that conditions may use. */
export const knownNames: ReadonlySet<string> = new Set([...parts.keys(), ...hitNames]);
