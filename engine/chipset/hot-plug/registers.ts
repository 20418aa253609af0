/**
 * Slots of bus 0 that are filled and emptied while the machine runs: the interface that QEMU's boards have (docs/specs/acpi_pci_hotplug.rst), and
 * drivers therefore know, at the ports of its ICH9. A bit is a device of bus 0; all registers have 32 bits.
 */
export const hotPlugPort = 0xcc0;

export const enum HotPlugRegister {
  /** PCIU: devices that have come. Reading takes them away. */
  arrived = 0x0,
  /** PCID: devices that are to be ejected. */
  leaving = 0x4,
  /** B0EJ: written, ejects them. Reads as 0. */
  eject = 0x8,
  /** PCI_RMV: devices that can come and go. */
  removable = 0xc,
  end = 0x10,
}
