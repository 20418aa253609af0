/** The i8042 as the PS/2 has it (IBM PS/2 Technical Reference, "Keyboard and auxiliary device controller"). */

export const enum Port {
  data = 0x60,
  command = 0x64,
}

export const enum Status {
  outputFull = 1 << 0, // OBF
  command = 1 << 3,
  notLocked = 1 << 4,
  mouseData = 1 << 5, // AUX OBF
}

export const enum CommandByte {
  keyboardInterrupt = 1 << 0,
  mouseInterrupt = 1 << 1,
  /** Self-test passed; the same bit of the status register shows it. */
  system = 1 << 2,
  keyboardDisabled = 1 << 4,
  mouseDisabled = 1 << 5,
  translate = 1 << 6,
}

/** Port P2. */
export const enum OutputPort {
  notReset = 1 << 0,
  a20 = 1 << 1,
  keyboardFull = 1 << 4,
  mouseFull = 1 << 5,
  writable = 0xcf,
}

export const enum Command {
  readRam = 0x20,
  writeRam = 0x60,
  disableMouse = 0xa7,
  enableMouse = 0xa8,
  testMouse = 0xa9,
  selfTest = 0xaa,
  testKeyboard = 0xab,
  disableKeyboard = 0xad,
  enableKeyboard = 0xae,
  readInputPort = 0xc0,
  readOutputPort = 0xd0,
  writeOutputPort = 0xd1,
  writeKeyboardBuffer = 0xd2,
  writeMouseBuffer = 0xd3,
  writeMouse = 0xd4,
  disableA20 = 0xdd,
  enableA20 = 0xdf,
  readTestInputs = 0xe0,
  pulseOutput = 0xf0,
}
