/** CPUID: a Pentium III class processor that claims what is implemented and nothing else (SDM vol. 2, CPUID). */
import { Reg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { physicalAddressBits } from './paging.ts';

/** Family 6, model 8, stepping 6: old enough to do without an APIC and MTRRs, new enough for SYSENTER (above 6/3/3). */
export const processorSignature = 0x686;

const feature = {
  floatingPointUnit: 1 << 0,
  debuggingExtensions: 1 << 2,
  pageSizeExtension: 1 << 3,
  timestamp: 1 << 4,
  modelSpecificRegisters: 1 << 5,
  physicalAddressExtension: 1 << 6,
  compareExchange8: 1 << 8,
  sysenter: 1 << 11,
  pageGlobal: 1 << 13,
  conditionalMove: 1 << 15,
  pageAttributeTable: 1 << 16,
  pageSizeExtension36: 1 << 17,
} as const;

const features = Object.values(feature).reduce((all, bit) => all | bit, 0);
/** Leaf 0x80000001, EDX. */
const noExecute = 1 << 20;

const highestLeaf = 2;
const extendedLeaves = 0x80000000;
const highestExtendedLeaf = 0x80000008;
const brandLeaf = 0x80000002;
const linearAddressBits = 32;
/** Leaf 2: one pass tells all, and there is nothing to tell about caches. */
const cacheLeaf = 0x00000001;

const vendor = words('GenuineIntel');
const brand = words('Vitrine virtual i686 processor'.padEnd(48, '\0'));

function words(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index, true));
}

/** Services.cpuid: EAX selects; EAX, EBX, ECX, EDX are the answer. A leaf that does not exist answers as leaf 2. */
export function cpuid(cpu: Cpu): void {
  const { state } = cpu;
  let leaf = state.register(Reg.eax);
  if (leaf > highestExtendedLeaf || (leaf > highestLeaf && leaf < extendedLeaves)) leaf = highestLeaf;
  let eax = 0;
  let ebx = 0;
  let ecx = 0;
  let edx = 0;
  switch (leaf) {
    case 0:
      eax = highestLeaf;
      ebx = vendor[0]!;
      edx = vendor[1]!;
      ecx = vendor[2]!;
      break;
    case 1:
      eax = processorSignature;
      edx = features;
      break;
    case highestLeaf:
      eax = cacheLeaf;
      break;
    case extendedLeaves:
      eax = highestExtendedLeaf;
      break;
    case extendedLeaves + 1:
      edx = noExecute;
      break;
    case brandLeaf:
    case brandLeaf + 1:
    case brandLeaf + 2: {
      const first = 4 * (leaf - brandLeaf);
      eax = brand[first]!;
      ebx = brand[first + 1]!;
      ecx = brand[first + 2]!;
      edx = brand[first + 3]!;
      break;
    }
    case highestExtendedLeaf:
      eax = physicalAddressBits | (linearAddressBits << 8);
      break;
  }
  state.setRegister(Reg.eax, eax);
  state.setRegister(Reg.ebx, ebx);
  state.setRegister(Reg.ecx, ecx);
  state.setRegister(Reg.edx, edx);
}
