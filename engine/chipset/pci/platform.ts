/** QEMU's subsystem identity, which all functions of its machines have: SeaBIOS knows its platform by that of the host bridge. */
export const platformSubsystem = { subsystemVendor: 0x1af4, subsystem: 0x1100 } as const;
