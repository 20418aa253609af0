/** Numbers of the remote framebuffer protocol (RFC 6143, and the community's registry of extensions). */

export const protocolVersion = 'RFB 003.008\n';

export const enum SecurityType {
  none = 1,
  vncAuthentication = 2,
}

export const enum ClientMessage {
  setPixelFormat = 0,
  setEncodings = 2,
  framebufferUpdateRequest = 3,
  keyEvent = 4,
  pointerEvent = 5,
  clientCutText = 6,
  enableContinuousUpdates = 150,
  fence = 248,
  setDesktopSize = 251,
  qemu = 255,
}

/** Second byte of a QEMU client message. */
export const enum QemuMessage {
  extendedKeyEvent = 0,
}

export const enum ServerMessage {
  framebufferUpdate = 0,
  endOfContinuousUpdates = 150,
  fence = 248,
}

export const enum Encoding {
  raw = 0,
  zlib = 6,
  zrle = 16,
  desktopSize = -223,
  qemuExtendedKeyEvent = -258,
  extendedDesktopSize = -308,
  fence = -312,
  continuousUpdates = -313,
}

/** Why an ExtendedDesktopSize rectangle is sent (its x). */
export const enum ResizeReason {
  server = 0,
  thisClient = 1,
}

/** Outcome in an ExtendedDesktopSize rectangle (its y). */
export const enum ResizeStatus {
  done = 0,
  prohibited = 1,
  outOfResources = 2,
  invalidLayout = 3,
}

/** Everything a viewer did that the protocol does not allow. The text tells which; only that viewer's connection ends. */
export class RfbError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RfbError';
  }
}
