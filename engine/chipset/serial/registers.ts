/** Registers of the 16550A (National Semiconductor PC16550D datasheet, section 8). */

/** Offsets from the base port. */
export const enum Register {
  /** RBR on reads, THR on writes; divisor low byte while DLAB is set. */
  data = 0,
  /** IER; divisor high byte while DLAB is set. */
  interruptEnable = 1,
  /** IIR on reads, FCR on writes. */
  identification = 2,
  lineControl = 3,
  modemControl = 4,
  lineStatus = 5,
  modemStatus = 6,
  scratch = 7,
}

export const enum InterruptEnable {
  received = 1 << 0, // ERBFI
  transmitterEmpty = 1 << 1, // ETBEI
  lineStatus = 1 << 2, // ELSI
  modemStatus = 1 << 3, // EDSSI
  writable = 0x0f,
}

/** IIR bits 3-0, highest priority first. */
export const enum Identification {
  lineStatus = 0x6,
  received = 0x4,
  timeOut = 0xc,
  transmitterEmpty = 0x2,
  modemStatus = 0x0,
  none = 0x1,
  fifoEnabled = 0xc0,
}

export const enum FifoControl {
  enable = 1 << 0,
  resetReceiver = 1 << 1, // RFIFOR
  resetTransmitter = 1 << 2, // XFIFOR
}

export const enum LineControl {
  wordLength = 3,
  twoStopBits = 1 << 2,
  parity = 1 << 3,
  breakControl = 1 << 6,
  divisorLatch = 1 << 7, // DLAB
}

export const enum ModemControl {
  dataTerminalReady = 1 << 0, // DTR
  requestToSend = 1 << 1, // RTS
  out1 = 1 << 2,
  out2 = 1 << 3,
  loop = 1 << 4,
  writable = 0x1f,
}

export const enum LineStatus {
  dataReady = 1 << 0, // DR
  overrun = 1 << 1, // OE
  breakInterrupt = 1 << 4, // BI
  errors = 0x1e,
  holdingEmpty = 1 << 5, // THRE
  transmitterEmpty = 1 << 6, // TEMT
}

/** Bits 7-4 are levels; bits 3-0 say which of them changed. */
export const enum ModemStatus {
  ringEnded = 1 << 2, // TERI
  clearToSend = 1 << 4, // CTS
  dataSetReady = 1 << 5, // DSR
  ring = 1 << 6, // RI
  carrier = 1 << 7, // DCD
  changes = 0x0f,
}
