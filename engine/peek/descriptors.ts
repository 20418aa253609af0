/** Descriptors in words: what one of 8 bytes is, and why it cannot be used (SDM vol. 3, 3.4.5, 3.5 and 6.11). */
import { Descriptor, isNull, SystemType } from '../cpu/descriptors.ts';
import { rights } from '../cpu/registers.ts';

export interface DecodedDescriptor {
  /** `none`: nothing that could be used in this place. */
  readonly kind: 'none' | 'code' | 'data' | 'system' | 'gate';
  /** "32-bit code", "busy 32-bit TSS", "task gate". */
  readonly type: string;
  /** Of code and data: "readable", "expand-down". */
  readonly properties: readonly string[];
  /** Segments and system segments. */
  readonly base: number | undefined;
  /** Highest offset. */
  readonly limit: number | undefined;
  /** Gates; a task gate has no offset. */
  readonly target: { readonly selector: number; readonly offset: number | undefined } | undefined;
  readonly privilege: number;
  readonly present: boolean;
  /** What using it leads to, without full stop; undefined: it is as it should be. */
  readonly problem: string | undefined;
}

const systemTypes: Readonly<Record<number, string>> = {
  [SystemType.availableTss16]: 'available 16-bit TSS',
  [SystemType.ldt]: 'LDT',
  [SystemType.busyTss16]: 'busy 16-bit TSS',
  [SystemType.callGate16]: '16-bit call gate',
  [SystemType.taskGate]: 'task gate',
  [SystemType.interruptGate16]: '16-bit interrupt gate',
  [SystemType.trapGate16]: '16-bit trap gate',
  [SystemType.availableTss32]: 'available 32-bit TSS',
  [SystemType.busyTss32]: 'busy 32-bit TSS',
  [SystemType.callGate32]: '32-bit call gate',
  [SystemType.interruptGate32]: '32-bit interrupt gate',
  [SystemType.trapGate32]: '32-bit trap gate',
};
const gates: ReadonlySet<number> = new Set([
  SystemType.callGate16,
  SystemType.taskGate,
  SystemType.interruptGate16,
  SystemType.trapGate16,
  SystemType.callGate32,
  SystemType.interruptGate32,
  SystemType.trapGate32,
]);
const notPresent = 'not present: using it gives #NP';

function parse(bytes: Uint8Array): Descriptor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const descriptor = new Descriptor();
  descriptor.low = view.getUint32(0, true);
  descriptor.high = view.getUint32(4, true);
  return descriptor;
}

const nothing = { kind: 'none', properties: [], base: undefined, limit: undefined, target: undefined } as const;

/** One descriptor of the GDT or an LDT. */
export function decodeDescriptor(bytes: Uint8Array): DecodedDescriptor {
  const descriptor = parse(bytes);
  const { low, high, base, limit, dpl: privilege, present } = descriptor;
  if (low === 0 && high === 0) {
    const problem = 'loading it gives #GP, except into a data segment register';
    return { ...nothing, type: 'null', privilege, present, problem };
  }
  const absent = present ? undefined : notPresent;
  const common = { base, limit, target: undefined, privilege, present };
  const type = descriptor.systemType;
  if (type < 0) {
    const has = (bit: number): boolean => (descriptor.rights & bit) !== 0;
    const width = has(rights.big) ? '32-bit' : '16-bit';
    const properties = descriptor.isCode
      ? [has(rights.readable) ? 'readable' : 'execute-only', ...(has(rights.conforming) ? ['conforming'] : [])]
      : [has(rights.writable) ? 'writable' : 'read-only', ...(has(rights.expandDown) ? ['expand-down'] : [])];
    const kind = descriptor.isCode ? 'code' : 'data';
    return { kind, type: `${width} ${kind}`, properties, problem: absent, ...common };
  }
  if (gates.has(type)) return decodeGate(bytes);
  const name = systemTypes[type];
  if (name === undefined) return { ...nothing, ...common, type: 'reserved', problem: 'a reserved type, using it gives #GP' };
  return { kind: 'system', type: name, properties: [], problem: absent, ...common };
}

/** A gate of the IDT, or a call gate. */
export function decodeGate(bytes: Uint8Array): DecodedDescriptor {
  const descriptor = parse(bytes);
  const { low, high, dpl: privilege, present, gateSelector: selector } = descriptor;
  if (low === 0 && high === 0) {
    const problem = 'the vector gives #GP, or #DF when that cannot be delivered either';
    return { ...nothing, type: 'empty', privilege, present, problem };
  }
  const type = descriptor.systemType;
  if (!gates.has(type)) {
    const number = (high >>> 8) & 0xf;
    return { ...nothing, type: `no gate (type ${number})`, privilege, present, problem: 'using it gives #GP' };
  }
  const is16Bit = !descriptor.is32Bit;
  const offset = type === SystemType.taskGate ? undefined : is16Bit ? low & 0xffff : descriptor.gateOffset;
  const wrong = type !== SystemType.taskGate && isNull(selector) ? 'a null selector, using it gives #GP' : undefined;
  return {
    ...nothing,
    kind: 'gate',
    type: systemTypes[type] ?? '',
    target: { selector, offset },
    privilege,
    present,
    problem: present ? wrong : notPresent,
  };
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** A decoded descriptor in one line: "32-bit code, readable, base 0x0, limit 0xffffffff, DPL 0". */
export function describe({ kind, type, properties, base, limit, target, privilege, problem }: DecodedDescriptor): string {
  if (kind === 'none' && base === undefined) return `${type}: ${problem ?? ''}`;
  const reserved = kind === 'none' ? `: ${problem ?? ''}` : problem === undefined ? '' : `, ${problem}`;
  if (target !== undefined) {
    const place = target.offset === undefined ? hex(target.selector) : `${hex(target.selector)}:${hex(target.offset)}`;
    return `${type} to ${place}, DPL ${privilege}${reserved}`;
  }
  return [type, ...properties, `base ${hex(base ?? 0)}`, `limit ${hex(limit ?? 0)}`, `DPL ${privilege}`].join(', ') + reserved;
}
