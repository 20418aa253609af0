/** Commands of the virtio GPU device, 2D (Virtual I/O Device 1.2, section 5.7.6). */

export const gpuDevice = 16;
/** VIRTIO_GPU_F_EDID. */
export const featureEdid = 1 << 1;
export const eventDisplay = 1 << 0;
/** GET_DISPLAY_INFO has room for so many. */
export const mostScanouts = 16;
export const headerBytes = 24;
export const flagFence = 1 << 0;
export const edidRoom = 1024;

export const enum Config {
  eventsRead = 0,
  eventsClear = 4,
  scanouts = 8,
  capsets = 12,
}

export const enum Command {
  getDisplayInfo = 0x0100,
  resourceCreate2d = 0x0101,
  resourceUnref = 0x0102,
  setScanout = 0x0103,
  resourceFlush = 0x0104,
  transferToHost2d = 0x0105,
  resourceAttachBacking = 0x0106,
  resourceDetachBacking = 0x0107,
  getEdid = 0x010a,
}

export const enum Response {
  okNoData = 0x1100,
  okDisplayInfo = 0x1101,
  okEdid = 0x1104,
  unspecified = 0x1200,
  outOfMemory = 0x1201,
  invalidScanout = 0x1202,
  invalidResource = 0x1203,
  invalidParameter = 0x1205,
}

/** Those whose bytes lie as a scanout's do: blue, green, red, and one that is not looked at. */
export const enum Format {
  b8g8r8a8 = 1,
  b8g8r8x8 = 2,
}

/** Bytes of a command behind its header, at least. */
export const commandBytes: Readonly<Record<number, number>> = {
  [Command.getDisplayInfo]: 0,
  [Command.resourceCreate2d]: 16,
  [Command.resourceUnref]: 4,
  [Command.setScanout]: 24,
  [Command.resourceFlush]: 20,
  [Command.transferToHost2d]: 28,
  [Command.resourceAttachBacking]: 8,
  [Command.resourceDetachBacking]: 4,
  [Command.getEdid]: 4,
};
