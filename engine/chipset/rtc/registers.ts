/** MC146818A (Motorola datasheet) as it is in the ICH9 (datasheet, 13.6). */

/** Indices of the time registers and controls. */
export const enum Index {
  seconds = 0x00,
  secondsAlarm = 0x01,
  minutes = 0x02,
  minutesAlarm = 0x03,
  hours = 0x04,
  hoursAlarm = 0x05,
  dayOfWeek = 0x06,
  dayOfMonth = 0x07,
  month = 0x08,
  year = 0x09,
  a = 0x0a,
  b = 0x0b,
  c = 0x0c,
  d = 0x0d,
}

export const enum RegisterA {
  rate = 0x0f, // RS
  divider = 0x70, // DV
  /** The only setting of DV that lets time pass: a 32,768 Hz crystal. */
  running = 0x20,
  updateInProgress = 0x80, // UIP
}

export const enum RegisterB {
  hours24 = 1 << 1, // 24/12
  binary = 1 << 2, // DM
  updateInterrupt = 1 << 4, // UIE
  alarmInterrupt = 1 << 5, // AIE
  periodicInterrupt = 1 << 6, // PIE
  interrupts = 0x70,
  set = 1 << 7,
}

export const enum RegisterC {
  update = 1 << 4, // UF
  alarm = 1 << 5, // AF
  periodic = 1 << 6, // PF
  flags = 0x70,
  request = 1 << 7, // IRQF
}

/** Register D: the battery was never empty (VRT). */
export const validRam = 0x80;

/**
 * CMOS bytes that PC firmware keeps, as SeaBIOS reads them on QEMU when it has no other source.
 */
export const enum Cmos {
  shutdownStatus = 0x0f,
  floppyTypes = 0x10,
  diskTypes = 0x12,
  equipment = 0x14,
  /** KiB below 640 K; two bytes, low first, as all sizes here. */
  baseMemory = 0x15,
  /** KiB above 1 MiB, at most 65,535. */
  extendedMemory = 0x17,
  checksumHigh = 0x2e,
  checksumLow = 0x2f,
  extendedMemoryActual = 0x30,
  century = 0x32,
  /** Units of 64 KiB above 16 MiB. */
  memoryAbove16M = 0x34,
  /** Boot flag 1: bits 7-4 the third boot device. */
  bootFlag1 = 0x38,
  /** Boot flag 2: bits 3-0 the first boot device, 7-4 the second. */
  bootFlag2 = 0x3d,
  /** Units of 64 KiB above 4 GiB, three bytes. */
  memoryAbove4G = 0x5b,
  /** Processors, less one. */
  processors = 0x5f,
  kernel = 0x61, // bit 0: a kernel is in memory, for our firmware to enter
  smm = 0x60, // bit 0: the guest brings its own SMI handler; ours
}
