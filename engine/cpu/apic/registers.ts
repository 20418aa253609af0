/** Registers of the local APIC (SDM vol. 3, table 11-1): offsets in its page; in x2APIC mode MSR 0x800 + offset / 16. */
export const enum ApicRegister {
  id = 0x20,
  version = 0x30,
  taskPriority = 0x80, // TPR
  arbitrationPriority = 0x90, // APR
  processorPriority = 0xa0, // PPR
  endOfInterrupt = 0xb0, // EOI
  remoteRead = 0xc0, // RRD
  logicalDestination = 0xd0, // LDR
  destinationFormat = 0xe0, // DFR
  spurious = 0xf0, // SVR
  inService = 0x100, // ISR, eight registers
  levelTriggered = 0x180, // TMR
  requested = 0x200, // IRR
  errorStatus = 0x280, // ESR
  correctedMachineCheck = 0x2f0, // LVT CMCI
  commandLow = 0x300, // ICR
  commandHigh = 0x310,
  localTimer = 0x320, // LVT
  localThermal = 0x330,
  localPerformance = 0x340,
  localLint0 = 0x350,
  localLint1 = 0x360,
  localError = 0x370,
  timerInitial = 0x380,
  timerCurrent = 0x390,
  timerDivide = 0x3e0,
  selfInterrupt = 0x3f0, // x2APIC only
}

/** An entry of the local vector table (figure 11-8) and the low half of the interrupt command register (figure 11-12). */
export const enum LocalVector {
  number = 0xff,
  modeShift = 8,
  mode = 7 << 8,
  logical = 1 << 11,
  pending = 1 << 12, // delivery status
  polarity = 1 << 13,
  remoteRequest = 1 << 14,
  assert = 1 << 14,
  level = 1 << 15,
  masked = 1 << 16,
  shorthandShift = 18,
}

/** Delivery modes (section 11.6.1; I/O APIC datasheet, section 3.2.4). */
export const enum Delivery {
  fixed = 0,
  lowestPriority = 1,
  smi = 2,
  nmi = 4,
  init = 5,
  startUp = 6,
  external = 7, // ExtINT
}

export const enum Shorthand {
  none = 0,
  self = 1,
  all = 2,
  others = 3,
}

export const enum Spurious {
  enable = 1 << 8,
  focusDisabled = 1 << 9,
  suppressBroadcast = 1 << 12,
}

/** ESR (figure 11-9). */
export const enum ApicError {
  redirectable = 1 << 4, // a lowest-priority IPI was sent, which x2APIC does not do
  sendIllegalVector = 1 << 5,
  receiveIllegalVector = 1 << 6,
  illegalRegister = 1 << 7,
}

/** LVT timer, bits 17-18 (figure 11-8). */
export const enum TimerMode {
  shift = 17,
  oneShot = 0,
  periodic = 1,
  deadline = 2, // 3 is reserved: the timer stands still
}

/** Version register: integrated APIC, seven entries in the LVT, EOI broadcasts can be suppressed. */
export const apicVersion = 0x14 | (6 << 16) | (1 << 24);

/** Vectors below belong to exceptions: an interrupt with one of them is an error (section 11.5.2). */
export const firstLegalVector = 16;

/** The first MSR of x2APIC mode (section 11.12.1.2). */
export const firstApicMsr = 0x800;
export const lastApicMsr = 0x8ff;
