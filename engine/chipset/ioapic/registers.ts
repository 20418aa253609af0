/** The I/O APIC's registers (Intel 82093AA datasheet, section 3; ICH9 datasheet, section 13.5). */
export const ioApicBase = 0xfec0_0000;
export const ioApicInputs = 24;

/** In its page. */
export const enum IoApicPort {
  index = 0x00, // IOREGSEL
  window = 0x10, // IOWIN
  endOfInterrupt = 0x40, // EOIR
}

/** Behind the window. */
export const enum IoApicRegister {
  id = 0x00, // IOAPICID
  version = 0x01, // IOAPICVER
  arbitration = 0x02, // IOAPICARB
  redirection = 0x10, // IOREDTBL, two words an entry
}

export const ioApicVersion = 0x20 | ((ioApicInputs - 1) << 16);

/** The low word of a redirection entry; the high one has the destination in its top byte. */
export const enum Redirection {
  vector = 0xff,
  modeShift = 8,
  mode = 7 << 8,
  logical = 1 << 11,
  pending = 1 << 12, // delivery status
  polarity = 1 << 13,
  remoteRequest = 1 << 14, // remote IRR
  level = 1 << 15,
  masked = 1 << 16,
  writable = 0x1afff,
}
