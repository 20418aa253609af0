/** GDT, IDT and LDT of a vCPU entry by entry: what each is, what is wrong with it where it stands, and which registers hold it. */
import { Control0 } from '../cpu/control-bits.ts';
import { descriptorBytes, isNull, selectorTable, SystemType } from '../cpu/descriptors.ts';
import { Flag } from '../cpu/flags.ts';
import { rights, type CpuState } from '../cpu/registers.ts';

import { Seg } from '../isa/state.ts';
import { decodeDescriptor, decodeGate, type DecodedDescriptor } from './descriptors.ts';
import { describeEnding, linearSpace, segmentNames, type Ending, type ReadAccess } from './operation.ts';

export const descriptorTableNames = ['gdt', 'idt', 'ldt'] as const;
export type DescriptorTableName = (typeof descriptorTableNames)[number];

export interface TableEntry {
  readonly index: number;
  /** Linear. */
  readonly address: number;
  /** The bytes as a number, low byte first. */
  readonly value: bigint;
  readonly descriptor: DecodedDescriptor;
  /** Registers whose selector names it. */
  readonly registers: readonly { readonly name: string; readonly isStale: boolean }[];
}

/** A register that holds a system segment. */
export interface SystemSegment {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  /** "busy 32-bit TSS"; undefined: none was loaded. */
  readonly type: string | undefined;
}

export interface DescriptorTable {
  readonly table: DescriptorTableName;
  readonly base: number;
  readonly limit: number;
  /** Bytes of an entry: 8, or 4 in the vector table of real mode. */
  readonly entryBytes: number;
  readonly entries: readonly TableEntry[];
  /** About the table as a whole, without full stop; undefined: it is as it should be. */
  readonly problem: string | undefined;
  readonly task: SystemSegment;
  readonly ldt: SystemSegment;
}

const vectorBytes = 4;
const vectors = 256;
const hex = (value: number): string => `0x${value.toString(16)}`;
const holders = [...segmentNames, 'ldtr', 'tr'];

/** `state` is the vCPU between two instructions, `access` reads as that vCPU. */
export function readDescriptorTable(state: CpuState, access: ReadAccess, table: DescriptorTableName): DescriptorTable {
  const isReal = (state.cr0 & Control0.protectionEnable) === 0;
  const { base, limit } = placeOf(state, table);
  const entryBytes = table === 'idt' && isReal ? vectorBytes : descriptorBytes;
  const ldt = systemSegment(state, Seg.ldt);
  const task = systemSegment(state, Seg.tr);
  const head = { table, base, limit, entryBytes, ldt, task };
  if (table === 'ldt' && ldt.type === undefined) return { ...head, entries: [], problem: 'LDTR is null: there is no LDT' };
  const room = Math.min(limit + 1, table === 'idt' ? vectors * entryBytes : 8192 * descriptorBytes);
  const { bytes, ending } = access.perform({ kind: 'read', space: linearSpace, address: base, length: room });
  const count = Math.floor(bytes.length / entryBytes);
  const read = (index: number): Uint8Array => bytes.subarray(index * entryBytes, (index + 1) * entryBytes);
  const targets = new Targets(state, access);
  const entries = Array.from({ length: count }, (_, index): TableEntry => {
    const raw = read(index);
    const descriptor = decode(targets, table, isReal, raw);
    const address = (base + index * entryBytes) >>> 0;
    return { index, address, value: valueOf(raw), descriptor, registers: holdersOf(state, table, index, descriptor, isReal) };
  });
  return { ...head, entries, problem: tableProblem(state, table, limit, entryBytes, isReal, ending) };
}

function placeOf(state: CpuState, table: DescriptorTableName): { base: number; limit: number } {
  if (table === 'gdt') return { base: state.gdtBase, limit: state.gdtLimit };
  if (table === 'idt') return { base: state.idtBase, limit: state.idtLimit };
  return { base: state.segmentBase(Seg.ldt), limit: state.segmentLimit(Seg.ldt) };
}

function valueOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function systemSegment(state: CpuState, seg: Seg): SystemSegment {
  const held = state.segmentRights(seg);
  const isLoaded = (held & rights.present) !== 0 && !isNull(state.selector(seg));
  const isTask = seg === Seg.tr;
  const width = (held & 0xf) === SystemType.busyTss32 || (held & 0xf) === SystemType.availableTss32 ? '32-bit' : '16-bit';
  return {
    selector: state.selector(seg),
    base: state.segmentBase(seg),
    limit: state.segmentLimit(seg),
    type: isLoaded ? (isTask ? `${width} TSS` : 'LDT') : undefined,
  };
}

function tableProblem(
  state: CpuState,
  table: DescriptorTableName,
  limit: number,
  entryBytes: number,
  isReal: boolean,
  ending: Ending | undefined,
): string | undefined {
  if (ending !== undefined) return `the rest cannot be read: ${describeEnding(ending)}`;
  if (isReal && table !== 'idt') return 'in real mode segments do not come from descriptors';
  if ((state.eflags & Flag.virtual8086) !== 0 && table !== 'idt')
    return 'in virtual-8086 mode segments do not come from descriptors';
  if ((limit + 1) % entryBytes !== 0) return `the limit ${hex(limit)} cuts the last entry off`;
  return undefined;
}

function decode(targets: Targets, table: DescriptorTableName, isReal: boolean, bytes: Uint8Array): DecodedDescriptor {
  if (table !== 'idt') return withTarget(targets, decodeDescriptor(bytes), false);
  return isReal ? realVector(bytes) : withTarget(targets, decodeGate(bytes), true);
}

function realVector(bytes: Uint8Array): DecodedDescriptor {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const target = { selector: c | (d << 8), offset: a | (b << 8) };
  const isEmpty = target.selector === 0 && target.offset === 0;
  return {
    kind: 'gate',
    type: 'real-mode vector',
    properties: [],
    base: undefined,
    limit: undefined,
    target,
    privilege: 0,
    present: true,
    problem: isEmpty ? 'empty: the vector would run what lies at address 0' : undefined,
  };
}

/** A gate is no better than the segment that it leads to. */
function withTarget(targets: Targets, decoded: DecodedDescriptor, isInterrupt: boolean): DecodedDescriptor {
  const { kind, target, type, problem } = decoded;
  if (kind !== 'gate' || target === undefined) return decoded;
  if (isInterrupt && type.includes('call gate')) return { ...decoded, problem: 'a call gate in the IDT, using it gives #GP' };
  if (problem !== undefined) return decoded;
  return { ...decoded, problem: targets.problem(target.selector, type === 'task gate') };
}

/** What gates lead to. Most gates of a table lead to the same segment, which is read once. */
class Targets {
  readonly #known = new Map<string, string | undefined>();

  constructor(
    private readonly state: CpuState,
    private readonly access: ReadAccess,
  ) {}

  /** Why a gate with this selector cannot be used. */
  problem(selector: number, isTask: boolean): string | undefined {
    const key = `${selector} ${isTask}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#look(selector, isTask));
    return this.#known.get(key);
  }

  #look(selector: number, isTask: boolean): string | undefined {
    const isLocal = (selector & selectorTable) !== 0;
    if (isNull(selector)) return 'a null selector, using it gives #GP';
    if (isLocal && isTask) return `selector ${hex(selector)} is one of the LDT, where no TSS can be: using it gives #GP`;
    const { base, limit } = placeOf(this.state, isLocal ? 'ldt' : 'gdt');
    const at = selector & 0xfff8;
    if (at + descriptorBytes - 1 > limit)
      return `selector ${hex(selector)} is behind the end of the ${isLocal ? 'LDT' : 'GDT'}: using it gives #GP`;
    const address = (base + at) >>> 0;
    const { bytes } = this.access.perform({ kind: 'read', space: linearSpace, address, length: descriptorBytes });
    if (bytes.length < descriptorBytes) return `the descriptor of selector ${hex(selector)} cannot be read`;
    const wanted = decodeDescriptor(bytes);
    const fits = isTask ? wanted.type.includes('TSS') : wanted.kind === 'code';
    if (!fits) return `selector ${hex(selector)} is ${wanted.type}, not ${isTask ? 'a TSS' : 'code'}: using it gives #GP`;
    return wanted.present ? undefined : `selector ${hex(selector)} is not present: using it gives #NP`;
  }
}

/** Which registers were loaded from this entry; stale: the processor goes on with what it loaded, which is another thing by now. */
function holdersOf(
  state: CpuState,
  table: DescriptorTableName,
  index: number,
  descriptor: DecodedDescriptor,
  isReal: boolean,
): TableEntry['registers'] {
  if (table === 'idt' || isReal || (state.eflags & Flag.virtual8086) !== 0) return [];
  return holders.flatMap((name, seg) => {
    const selector = state.selector(seg);
    const isLocal = (selector & selectorTable) !== 0;
    if (isNull(selector) || selector >>> 3 !== index || isLocal !== (table === 'ldt')) return [];
    const isStale = state.segmentBase(seg) !== (descriptor.base ?? 0) || state.segmentLimit(seg) !== (descriptor.limit ?? 0);
    return [{ name, isStale }];
  });
}
