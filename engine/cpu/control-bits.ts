/** Bits of the control registers and EFER (SDM vol. 3, 2.5 and 2.2.1). */
export const Control0 = {
  protectionEnable: 1 << 0,
  monitorCoprocessor: 1 << 1,
  emulation: 1 << 2,
  taskSwitched: 1 << 3,
  extensionType: 1 << 4,
  numericError: 1 << 5,
  writeProtect: 1 << 16,
  alignmentMask: 1 << 18,
  notWriteThrough: 1 << 29,
  cacheDisable: 1 << 30,
  paging: 1 << 31,
} as const;

export const Control4 = {
  virtual8086Extensions: 1 << 0,
  protectedVirtualInterrupts: 1 << 1,
  timestampDisable: 1 << 2,
  debuggingExtensions: 1 << 3,
  pageSizeExtension: 1 << 4,
  physicalAddressExtension: 1 << 5,
  pageGlobalEnable: 1 << 7,
  performanceCounterEnable: 1 << 8,
  fxsave: 1 << 9,
} as const;

export const Efer = {
  noExecuteEnable: 1 << 11,
} as const;
