/** Processor states that loaders hand over to a guest. */
import {
  flatCodeAttributes,
  flatDataAttributes,
  realCodeAttributes,
  realDataAttributes,
  type BootRegisters,
  type SegmentSetup,
} from '../machine/boot-context.ts';

/** EFLAGS bit 1 always reads as one. */
const flagsReserved = 1 << 1;
const flagsInterrupt = 1 << 9;
/** CR0.PE and CR0.ET. CD and NW are clear: whoever starts a guest has switched the caches on. */
const protectionEnable = 1 << 0;
const extensionType = 1 << 4;

const realModeLimit = 0xffff;
const flatLimit = 0xffffffff;
const realModeTableLimit = 0x3ff;

/** Selectors of the Linux boot protocol, section "32-bit boot protocol": __BOOT_CS and __BOOT_DS. */
export const bootCodeSelector = 0x10;
export const bootDataSelector = 0x18;
const bootTableBytes = 0x20;
/** Limit 0xFFFFF, base 0, G and D/B set; the access byte comes in at bit 40. */
const flatDescriptor = 0x00cf_0000_0000_ffffn;

function realSegment(attributes: number): SegmentSetup {
  return { selector: 0, base: 0, limit: realModeLimit, attributes };
}

/** Real mode at 0000:`offset`, all segments zero, interrupts on. */
export function realModeEntry(at: { offset: number; stackPointer: number; dx: number }): BootRegisters {
  const data = realSegment(realDataAttributes);
  return {
    eax: 0,
    ebx: 0,
    ecx: 0,
    edx: at.dx,
    esi: 0,
    edi: 0,
    ebp: 0,
    esp: at.stackPointer,
    eip: at.offset,
    eflags: flagsReserved | flagsInterrupt,
    cr0: extensionType,
    segments: { es: data, cs: realSegment(realCodeAttributes), ss: data, ds: data, fs: data, gs: data },
    gdt: { base: 0, limit: realModeLimit },
    idt: { base: 0, limit: realModeTableLimit },
  };
}

/** Protected mode without paging, flat 4 GiB segments, interrupts off. `gdt` is the address of a copy of `bootTable()`. */
export function flatEntry(
  registers: { eip: number; eax?: number; ebx?: number; esi?: number; esp?: number },
  gdt: number,
): BootRegisters {
  const data: SegmentSetup = { selector: bootDataSelector, base: 0, limit: flatLimit, attributes: flatDataAttributes };
  const code: SegmentSetup = { selector: bootCodeSelector, base: 0, limit: flatLimit, attributes: flatCodeAttributes };
  return {
    eax: registers.eax ?? 0,
    ebx: registers.ebx ?? 0,
    ecx: 0,
    edx: 0,
    esi: registers.esi ?? 0,
    edi: 0,
    ebp: 0,
    esp: registers.esp ?? 0,
    eip: registers.eip,
    eflags: flagsReserved,
    cr0: extensionType | protectionEnable,
    segments: { es: data, cs: code, ss: data, ds: data, fs: data, gs: data },
    gdt: { base: gdt, limit: bootTableBytes - 1 },
    // No IDT yet: an exception before the guest's own LIDT is a triple fault, not a jump through the interrupt vectors.
    idt: { base: 0, limit: 0 },
  };
}

/** The GDT behind `flatEntry`: flat code at 0x10, flat data at 0x18. */
export function bootTable(): Uint8Array {
  const bytes = new Uint8Array(bootTableBytes);
  const view = new DataView(bytes.buffer);
  const descriptor = (attributes: number) => flatDescriptor | (BigInt(attributes & 0xff) << 40n);
  view.setBigUint64(bootCodeSelector, descriptor(flatCodeAttributes), true);
  view.setBigUint64(bootDataSelector, descriptor(flatDataAttributes), true);
  return bytes;
}
