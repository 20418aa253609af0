/** CPUID: a Pentium III class processor that claims what is implemented and nothing else (SDM vol. 2, CPUID). */
import { Reg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { physicalAddressBits } from './paging.ts';

/** Family 6, model 8, stepping 6: old enough to do without MTRRs, new enough for SYSENTER (above 6/3/3). */
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
  fxsave: 1 << 24,
} as const;

/** Leaf 1, EDX: the local APIC is switched on; more than one processor in the package. */
const localApic = 1 << 9;
const multithreading = 1 << 28;
/** Leaf 1, ECX. */
const x2apic = 1 << 21;
const timestampDeadline = 1 << 24;
const hypervisorPresent = 1 << 31;

const features = Object.values(feature).reduce((all, bit) => all | bit, 0);
/** Leaf 0x80000001, EDX. */
const noExecute = 1 << 20;

const highestLeaf = 0xb;
const extendedLeaves = 0x80000000;
const highestExtendedLeaf = 0x80000008;
const brandLeaf = 0x80000002;
/** Leaves of what listens to hypercalls, present while something does (docs/formats/hypercalls.md). */
const hypervisorLeaf = 0x40000000;
const linearAddressBits = 32;
/** Leaf 2: one pass tells all, and there is nothing to tell about caches. */
const cacheLeaf = 2;
const cacheAnswer = 0x00000001;
const coresLeaf = 4;
const topologyLeaf = 0xb;
/** Leaf 0xB, ECX bits 8-15: the level is a thread of a core, a core of the package. */
const threadLevel = 1;
const coreLevel = 2;

const vendor = words('GenuineIntel');
const hypervisorVendor = words('VitrineGuard');
const brand = words('Vitrine virtual i686 processor'.padEnd(48, '\0'));

function words(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index, true));
}

/** Bits of an identifier that `count` processors need. */
function identifierBits(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1);
}

/** Services.cpuid: EAX selects; EAX, EBX, ECX, EDX are the answer. A leaf that does not exist answers as the highest basic one. */
export function cpuid(cpu: Cpu): void {
  const { state } = cpu;
  const apic = cpu.platform.localApic;
  const count = apic?.apics.cpus ?? 1;
  const number = apic?.cpu ?? 0;
  const level = state.register(Reg.ecx);
  let leaf = state.register(Reg.eax);
  const { hypercalls } = cpu.platform;
  const isHypervisorLeaf = hypercalls !== undefined && (leaf === hypervisorLeaf || leaf === hypervisorLeaf + 1);
  if (!isHypervisorLeaf && (leaf > highestExtendedLeaf || (leaf > highestLeaf && leaf < extendedLeaves))) leaf = highestLeaf;
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
      if (hypercalls !== undefined) ecx = hypervisorPresent >>> 0;
      if (apic === undefined) break;
      ebx = ((number << 24) | (count > 1 ? count << 16 : 0)) >>> 0;
      ecx = (ecx | x2apic | timestampDeadline) >>> 0;
      if (apic.apics.enabled(number)) edx |= localApic;
      if (count > 1) edx |= multithreading;
      break;
    case cacheLeaf:
      eax = cacheAnswer;
      break;
    case coresLeaf:
      // No caches are described; each processor is a core of the one package.
      eax = ((2 ** identifierBits(count) - 1) << 26) >>> 0;
      break;
    case topologyLeaf:
      if (apic === undefined) break;
      // Two levels: a core has one thread, the package has all cores. Others are invalid.
      if (level === 0) [eax, ebx, ecx] = [0, 1, threadLevel << 8];
      else if (level === 1) [eax, ebx, ecx] = [identifierBits(count), count, (coreLevel << 8) | 1];
      else ecx = level & 0xff;
      edx = number;
      break;
    case hypervisorLeaf:
      eax = hypervisorLeaf + 1;
      ebx = hypervisorVendor[0]!;
      ecx = hypervisorVendor[1]!;
      edx = hypervisorVendor[2]!;
      break;
    case hypervisorLeaf + 1:
      eax = hypercalls?.version ?? 0;
      ebx = hypercalls?.features ?? 0;
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
