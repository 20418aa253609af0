/**
 * Names of the ATA and ATAPI registers, commands and bits (AT Attachment with Packet Interface 6, T13/1410D; Intel 82371SB (PIIX3) datasheet,
 * Bus Master IDE programming interface 1.0).
 */

/** Offsets in the command block (0x1F0 or 0x170). */
export const enum Register {
  data = 0,
  /** Error when read. */
  features = 1,
  /** Interrupt reason of a PACKET command. */
  sectorCount = 2,
  lbaLow = 3,
  /** Low byte of the byte count of a PACKET command. */
  lbaMid = 4,
  lbaHigh = 5,
  device = 6,
  /** Status when read. */
  command = 7,
}

export const enum Status {
  error = 1 << 0, // ERR, CHK
  dataRequest = 1 << 3, // DRQ
  seekComplete = 1 << 4, // DSC
  fault = 1 << 5, // DF
  ready = 1 << 6, // DRDY
  busy = 1 << 7, // BSY
}

export const enum ErrorBit {
  abort = 1 << 2, // ABRT
  notFound = 1 << 4, // IDNF
  uncorrectable = 1 << 6, // UNC
}

export const enum DeviceBit {
  head = 0x0f,
  device1 = 1 << 4, // DEV
  lba = 1 << 6,
}

export const enum ControlBit {
  interruptDisable = 1 << 1, // nIEN
  softwareReset = 1 << 2, // SRST
  highOrder = 1 << 7, // HOB
}

/** Interrupt reason (sector count register) of a PACKET command. */
export const enum Reason {
  command = 1 << 0, // C/D
  toHost = 1 << 1, // I/O
}

export const enum Command {
  nop = 0x00,
  deviceReset = 0x08,
  recalibrate = 0x10,
  recalibrateEnd = 0x1f,
  readSectors = 0x20,
  readSectorsOnce = 0x21,
  readSectorsExt = 0x24,
  readDmaExt = 0x25,
  readNativeMaxExt = 0x27,
  readMultipleExt = 0x29,
  writeSectors = 0x30,
  writeSectorsOnce = 0x31,
  writeSectorsExt = 0x34,
  writeDmaExt = 0x35,
  writeMultipleExt = 0x39,
  verify = 0x40,
  verifyOnce = 0x41,
  verifyExt = 0x42,
  seek = 0x70,
  seekEnd = 0x7f,
  diagnostic = 0x90,
  initializeParameters = 0x91,
  standbyImmediateOld = 0x94,
  idleImmediateOld = 0x95,
  standbyOld = 0x96,
  idleOld = 0x97,
  checkPowerOld = 0x98,
  sleepOld = 0x99,
  packet = 0xa0,
  identifyPacket = 0xa1,
  readMultiple = 0xc4,
  writeMultiple = 0xc5,
  setMultiple = 0xc6,
  readDma = 0xc8,
  readDmaOnce = 0xc9,
  writeDma = 0xca,
  writeDmaOnce = 0xcb,
  standbyImmediate = 0xe0,
  idleImmediate = 0xe1,
  standby = 0xe2,
  idle = 0xe3,
  checkPower = 0xe5,
  sleep = 0xe6,
  flush = 0xe7,
  flushExt = 0xea,
  identify = 0xec,
  setFeatures = 0xef,
  readNativeMax = 0xf8,
}

/** Subcommands of SET FEATURES. */
export const enum Feature {
  enableWriteCache = 0x02,
  setTransferMode = 0x03,
  disableReadAhead = 0x55,
  disableRevert = 0x66,
  disableWriteCache = 0x82,
  enableReadAhead = 0xaa,
  enableRevert = 0xcc,
}

export const sectorBytes = 512;
export const cdSectorBytes = 2048;
/** Of one channel: what one request moves at most. */
export const bufferBytes = 64 * 1024;
/** Most sectors in a block of READ or WRITE MULTIPLE. */
export const mostMultiple = 16;

/** Offsets in the bus master's ports; eight for each channel. */
export const enum BusMaster {
  command = 0,
  status = 2,
  table = 4,
}

export const enum BusMasterCommand {
  start = 1 << 0,
  /** To memory. */
  read = 1 << 3,
}

export const enum BusMasterStatus {
  active = 1 << 0,
  error = 1 << 1,
  interrupt = 1 << 2,
  /** Drive 0 and 1 can do DMA: for software, which sets them. */
  capable = 0x60,
}
