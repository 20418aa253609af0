/** Names of the 82077AA's registers, commands and status bits (Intel 82077AA datasheet, 290166). */

export const enum FloppyPort {
  statusA = 0x3f0,
  statusB = 0x3f1,
  digitalOutput = 0x3f2, // DOR
  tapeDrive = 0x3f3, // TDR
  /** Main status when read (MSR), data rate select when written (DSR). */
  mainStatus = 0x3f4,
  fifo = 0x3f5,
  /** 0x3F6 is the IDE controller's. Digital input when read (DIR), configuration control when written (CCR). */
  digitalInput = 0x3f7,
}

export const enum DigitalOutput {
  drive = 0x03,
  /** 0: in reset. */
  notReset = 1 << 2,
  /** DMA and interrupt are let through. */
  dmaGate = 1 << 3,
  motor0 = 1 << 4,
}

export const enum MainStatus {
  /** A command is under way. */
  busy = 1 << 4,
  nonDma = 1 << 5,
  /** The FIFO is to be read. */
  toHost = 1 << 6, // DIO
  request = 1 << 7, // RQM
}

export const enum Status0 {
  head = 1 << 2,
  notReady = 1 << 3,
  equipmentCheck = 1 << 4,
  seekEnd = 1 << 5,
  abnormal = 0x40,
  invalid = 0x80,
  polled = 0xc0,
}

export const enum Status1 {
  missingAddressMark = 1 << 0,
  notWritable = 1 << 1,
  noData = 1 << 2,
  overrun = 1 << 4,
  dataError = 1 << 5,
  endOfCylinder = 1 << 7,
}

export const enum Status3 {
  head = 1 << 2,
  twoSides = 1 << 3,
  track0 = 1 << 4,
  ready = 1 << 5,
  writeProtected = 1 << 6,
}

/** Bits 4-0 of the first byte. */
export const enum FloppyCommand {
  specify = 0x03,
  senseDrive = 0x04,
  writeData = 0x05,
  readData = 0x06,
  recalibrate = 0x07,
  senseInterrupt = 0x08,
  readId = 0x0a,
  readDeleted = 0x0c,
  writeDeleted = 0x09,
  format = 0x0d,
  dumpRegisters = 0x0e,
  seek = 0x0f,
  version = 0x10,
  perpendicular = 0x12,
  configure = 0x13,
  lock = 0x14,
  verify = 0x16,
}

/** In the first byte of a command. */
export const enum CommandFlag {
  mfm = 0x40,
  /** MT of data commands; LOCK locks with it. */
  multiTrackOrLock = 0x80,
}

export const sectorBytes = 512;
export const irqNumber = 6;
export const dmaChannel = 2;
