/** Registers and places that expressions name: `$esp`, `$ds_base`, `$gdt_limit`, `$rsdp`. */
import { readEflags } from '../cpu/flags.ts';
import type { CpuState } from '../cpu/registers.ts';
import { Seg } from '../isa/state.ts';
import { physicalSpace, segmentNames, type Operation, type Outcome } from './operation.ts';

const general = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const biosArea = 0xe0000;
const biosAreaBytes = 0x20000;
/** The BIOS data area's word with the segment of the extended area. */
const extendedAreaPointer = 0x40e;

export function registerOf(state: CpuState, read: (operation: Operation) => Outcome, name: string): number | undefined {
  const number = general.indexOf(name);
  if (number >= 0) return state.register(number);
  const [segment, field] = name.split('_');
  const seg = segmentNames.findIndex((known) => known === segment);
  if (seg >= 0) return segmentField(state, seg, field);
  switch (name) {
    case 'eip':
    case 'pc':
      return state.eip;
    case 'sp':
      return state.esp;
    case 'eflags':
      return readEflags(state);
    case 'cpl':
      return state.cpl;
    case 'cr0':
      return state.cr0;
    case 'cr2':
      return state.cr2;
    case 'cr3':
      return state.cr3;
    case 'cr4':
      return state.cr4;
    case 'gdt':
    case 'gdt_base':
      return state.gdtBase;
    case 'gdt_limit':
      return state.gdtLimit;
    case 'idt':
    case 'idt_base':
      return state.idtBase;
    case 'idt_limit':
      return state.idtLimit;
    case 'mp_pointer':
      return find(read, '_MP_');
    case 'rsdp':
      return find(read, 'RSD PTR ');
  }
  if (segment === 'ldt' || segment === 'tr') return segmentField(state, segment === 'ldt' ? Seg.ldt : Seg.tr, field);
  return undefined;
}

function segmentField(state: CpuState, seg: number, field: string | undefined): number | undefined {
  if (field === undefined) return state.selector(seg);
  if (field === 'base') return state.segmentBase(seg);
  return field === 'limit' ? state.segmentLimit(seg) : undefined;
}

/** Firmware's pointer structures lie on 16-byte boundaries of the first KiB of the extended area, or of the BIOS area. 0: there is none. */
function find(read: (operation: Operation) => Outcome, signature: string): number {
  const bytesAt = (address: number, length: number) => read({ kind: 'read', space: physicalSpace, address, length }).bytes;
  const pointer = bytesAt(extendedAreaPointer, 2);
  const extended = ((pointer[0] ?? 0) | ((pointer[1] ?? 0) << 8)) << 4;
  for (const [start, length] of [
    [extended, 1024],
    [biosArea, biosAreaBytes],
  ] as const) {
    const bytes = Buffer.from(bytesAt(start, length));
    for (let at = bytes.indexOf(signature, 0, 'latin1'); at >= 0; at = bytes.indexOf(signature, at + 1, 'latin1')) {
      if ((start + at) % 16 === 0) return start + at;
    }
  }
  return 0;
}
