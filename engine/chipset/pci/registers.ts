/** Configuration space header (PCI Local Bus Specification 3.0, chapter 6). */

export const enum ConfigRegister {
  vendor = 0x00,
  device = 0x02,
  command = 0x04,
  status = 0x06,
  revision = 0x08,
  classCode = 0x09,
  cacheLineSize = 0x0c,
  latencyTimer = 0x0d,
  headerType = 0x0e,
  bar0 = 0x10,
  subsystemVendor = 0x2c,
  subsystem = 0x2e,
  rom = 0x30,
  capabilities = 0x34,
  interruptLine = 0x3c,
  interruptPin = 0x3d,
}

export const enum PciCommand {
  io = 1 << 0,
  memory = 1 << 1,
  master = 1 << 2,
  parity = 1 << 6,
  systemError = 1 << 8,
  interruptDisable = 1 << 10,
  writable = 0x547,
}

export const enum PciStatus {
  interrupt = 1 << 3,
  capabilities = 1 << 4,
  /** Error bits, cleared by writing ones. */
  errors = 0xf900,
}

export const enum Bar {
  io = 1 << 0,
  prefetchable = 1 << 3,
  romEnable = 1 << 0,
}

export const configSize = 256;

/** Port 0xCF8, bit 31: accesses to 0xCFC-0xCFF go to configuration space. */
export const configEnable = 0x8000_0000;

export const enum PciPort {
  address = 0xcf8,
  data = 0xcfc,
}
