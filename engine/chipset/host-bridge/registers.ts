/** Registers of the Q35 memory controller hub, device 0 (Intel 3 Series Express Chipset datasheet, section 5.1). */
export const enum HostRegister {
  pciExpressBar = 0x60, // PCIEXBAR, 64 bits
  pam0 = 0x90,
  pam6 = 0x96,
  smram = 0x9d,
  esmramc = 0x9e,
  topOfMemory = 0xa0, // TOM
  topOfUpperUsable = 0xa2, // TOUUD
  tsegBase = 0xac, // TSEGMB
  topOfLowUsable = 0xb0, // TOLUD
}

/** Two bits of a PAM register: where reads and where writes of the segment go. */
export const enum Pam {
  read = 1 << 0, // RE: RAM is read
  write = 1 << 1, // WE: RAM is written
  writable = 0x33,
}

export const enum Smram {
  baseSegment = 0x02, // C_BASE_SEG, the only legal value
  enable = 1 << 3, // G_SMRAME
  lock = 1 << 4, // D_LCK
  close = 1 << 5, // D_CLS
  open = 1 << 6, // D_OPEN
  writable = 0x78,
}

export const enum Esmramc {
  tsegEnable = 1 << 0, // T_EN
  tsegSize = 3 << 1, // TSEG_SZ
  cacheBits = 0x38, // SM_L1, SM_L2, SM_CACHE: read as ones
  error = 1 << 6, // E_SMERR
  enable = 1 << 7, // H_SMRAME
  writable = 0x87,
}

export const enum PciExpressBar {
  enable = 1 << 0,
  length = 3 << 1, // 0: 256 MiB, 1: 128 MiB, 2: 64 MiB
}
