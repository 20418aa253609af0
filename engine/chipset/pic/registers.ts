/** Command words of the 8259A (Intel 231468, figures 7 and 8). */

/** Initialization command word 1. */
export const enum Icw1 {
  icw4Needed = 1 << 0, // IC4
  single = 1 << 1, // SNGL
  selected = 1 << 4,
}

export const enum Icw4 {
  autoEoi = 1 << 1, // AEOI
  specialFullyNested = 1 << 4, // SFNM
}

/** Operation command word 2: R, SL, EOI in bits 7-5, level in bits 2-0. */
export const enum Ocw2 {
  level = 7,
  rotate = 1 << 7,
  command = 7 << 5,
  rotateInAutoEoiClear = 0 << 5,
  eoi = 1 << 5,
  specificEoi = 3 << 5,
  rotateInAutoEoiSet = 4 << 5,
  rotateOnEoi = 5 << 5,
  setPriority = 6 << 5,
  rotateOnSpecificEoi = 7 << 5,
}

export const enum Ocw3 {
  inService = 1 << 0, // RIS
  readRegister = 1 << 1, // RR
  poll = 1 << 2, // P
  selected = 1 << 3,
  specialMask = 1 << 5, // SMM
  changeSpecialMask = 1 << 6, // ESMM
}

export const enum PicPort {
  master = 0x20,
  slave = 0xa0,
  /** ELCR1, ELCR2 (ICH9 datasheet, 13.4). */
  edgeLevelMaster = 0x4d0,
  edgeLevelSlave = 0x4d1,
}
