/** Registers of the ICH9 LPC bridge, device 31 function 0 (Intel I/O Controller Hub 9 datasheet, chapter 13). */

export const enum LpcRegister {
  pmBase = 0x40, // PMBASE
  acpiControl = 0x44, // ACPI_CNTL
  gpioBase = 0x48, // GPIOBASE
  gpioControl = 0x4c, // GC
  pirqA = 0x60, // PIRQA_ROUT to PIRQD_ROUT
  serialIrqControl = 0x64, // SIRQ_CNTL
  pirqE = 0x68, // PIRQE_ROUT to PIRQH_ROUT
  ioDecode = 0x80, // LPC_I/O_DEC
  enables = 0x82, // LPC_EN
  genericDecode = 0x84, // GEN1_DEC to GEN4_DEC
  powerManagement1 = 0xa0, // GEN_PMCON_1
  powerManagement2 = 0xa2, // GEN_PMCON_2
  powerManagement3 = 0xa4, // GEN_PMCON_3
  firmwareSelect = 0xd0, // FWH_SEL1, FWH_SEL2
  firmwareDecode = 0xd8, // FWH_DEC_EN1
  biosControl = 0xdc, // BIOS_CNTL
  rootComplexBase = 0xf0, // RCBA
}

export const enum AcpiControl {
  sciSelect = 7, // SCI_IRQ_SEL
  enable = 1 << 7, // ACPI_EN
}

/** PIRQx_ROUT. */
export const enum PirqRoute {
  irq = 0x0f,
  disabled = 0x80, // IRQEN: 1 is "not routed"
}

export const enum LpcPort {
  /** Fast A20 and INIT. */
  port92 = 0x92,
  apmControl = 0xb2, // APM_CNT
  apmStatus = 0xb3, // APM_STS
  resetControl = 0xcf9, // RST_CNT
}

export const enum Port92 {
  initNow = 1 << 0, // INIT_NOW
  a20 = 1 << 1, // ALT_A20_GATE
}

export const enum ResetControl {
  system = 1 << 1, // SYS_RST
  cpu = 1 << 2, // RST_CPU: going from 0 to 1 resets
  full = 1 << 3, // FULL_RST
}

/** Offsets from PMBASE (section 13.8.3). */
export const enum PmRegister {
  pm1Status = 0x00,
  pm1Enable = 0x02,
  pm1Control = 0x04,
  pm1Timer = 0x08,
  gpe0Status = 0x20,
  gpe0Enable = 0x28,
  smiEnable = 0x30,
  smiStatus = 0x34,
  /** Offset of the TCO block. */
  tco = 0x60,
}

/** PM1_STS and PM1_EN. */
export const enum Pm1 {
  timer = 1 << 0, // TMROF
  global = 1 << 5, // GBL
  powerButton = 1 << 8, // PWRBTN
  rtc = 1 << 10, // RTC
  wake = 1 << 15, // WAK_STS
  status = 0x8d31,
  enable = 0x0521,
}

export const enum Pm1Control {
  sciEnable = 1 << 0, // SCI_EN
  sleepType = 7 << 10, // SLP_TYP
  globalRelease = 1 << 2, // GBL_RLS
  sleepEnable = 1 << 13, // SLP_EN
  writable = 0x1c03,
}

export const enum SleepType {
  /** S0 in the ICH9; see PowerManagement. */
  s0 = 0,
  s1 = 1,
  s3 = 5,
  s4 = 6,
  s5 = 7,
}

/** Bits of GPE0_STS and GPE0_EN. */
export const enum GeneralEvent {
  /** GPI1_STS: the board's wire from the slots of PCI functions that come and go (hot-plug/registers.ts). */
  hotPlug = 17,
}

/** SMI_EN: what raises an SMI in this machine. */
export const enum SmiEnable {
  global = 1 << 0, // GBL_SMI_EN
  biosRelease = 1 << 2, // BIOS_EN: GBL_RLS raises an SMI
  sleep = 1 << 4, // SLP_SMI_EN: SLP_EN raises an SMI instead of putting the machine to sleep
  apmControl = 1 << 5, // APMC_EN
}

/** SMI_STS. */
export const enum SmiStatus {
  bios = 1 << 2, // BIOS_STS
  sleep = 1 << 4, // SLP_SMI_STS
  apm = 1 << 5, // APM_STS
}

/** TCO registers, offsets from the TCO block (section 13.9). */
export const enum Tco {
  reload = 0x00, // TCO_RLD
  status1 = 0x04, // TCO1_STS
  status2 = 0x06, // TCO2_STS
  control1 = 0x08, // TCO1_CNT
  control2 = 0x0a, // TCO2_CNT
  timer = 0x12, // TCO_TMR
}

/** Root complex registers (section 10.1), offsets from RCBA. */
export const enum RootComplex {
  interruptRoute31 = 0x3140, // D31IR
  size = 0x4000,
}
