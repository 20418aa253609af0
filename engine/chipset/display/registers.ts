/** The register interface of the display device, version 2 (docs/formats/display.md). Offsets in bytes; every register has 32 bits. */

export const displayMagic = 0x4452_5456; // "VTRD"
export const interfaceVersion = 2;
export const registerBytes = 0x10000;
export const outputCount = 8;
export const contactCount = 10;
export const edidRoom = 256;
/** Input that waits for the guest. */
export const eventCapacity = 64;
/** Where output 0 begins, and how far each is from the next. */
export const outputBase = 0x1000;
export const outputStride = 0x1000;

export const enum DisplayRegister {
  magic = 0x00,
  version = 0x04,
  outputs = 0x08,
  memoryBytes = 0x0c,
  interruptStatus = 0x10, // write 1 to clear
  interruptEnable = 0x14,
  generation = 0x18,
  connected = 0x1c, // a bit an output
  session = 0x20,
  primary = 0x24,
  desktopX = 0x28,
  desktopY = 0x2c,
  desktopWidth = 0x30,
  desktopHeight = 0x34,
  inputDevices = 0x40,
  touchPoints = 0x44,
  inputGeneration = 0x48,
  pointerOutput = 0x50,
  pointerX = 0x54,
  pointerY = 0x58,
  pointerButtons = 0x5c,
  eventCount = 0x60, // write n: n events are taken
  eventKind = 0x64,
  eventOutput = 0x68,
  eventX = 0x6c,
  eventY = 0x70,
  eventData = 0x74,
  eventsDropped = 0x78,
  penState = 0x80, // 1 near, 2 its tip is down, 4 its button, 8 turned round
  penOutput = 0x84,
  penX = 0x88,
  penY = 0x8c,
  penPressure = 0x90,
  contacts = 0x100, // 16 bytes each: state, output, x, y
}

export const enum ContactRegister {
  state = 0x0, // 1 while the finger is down
  output = 0x4,
  x = 0x8,
  y = 0xc,
}

export const enum DisplayInterrupt {
  display = 1 << 0, // an output or its properties changed
  devices = 1 << 1, // input devices came or went
  input = 1 << 2, // the pointer or a finger did something
  all = 7,
}

export const enum InputDevice {
  keyboard = 1 << 0,
  mouse = 1 << 1,
  pointer = 1 << 2,
  touch = 1 << 3,
  pen = 1 << 4,
}

export const enum PenState {
  near = 1 << 0,
  tip = 1 << 1,
  button = 1 << 2,
  eraser = 1 << 3,
}

export const enum InputEventKind {
  none = 0,
  pointer = 1,
  touchDown = 2,
  touchMove = 3,
  touchUp = 4,
  touchCancel = 5,
  pen = 6,
}

/** From an output's base. */
export const enum OutputRegister {
  status = 0x00,
  width = 0x04,
  height = 0x08,
  x = 0x0c, // signed
  y = 0x10,
  widthMillimetres = 0x14, // 0: not known
  heightMillimetres = 0x18,
  scale = 0x1c, // per cent
  orientation = 0x20, // degrees
  refresh = 0x24, // Hz
  depth = 0x28,
  generation = 0x2c,
  frameBase = 0x40, // offset in the display memory, a multiple of 4
  frameStride = 0x44, // bytes, a multiple of 4
  frameWidth = 0x48,
  frameHeight = 0x4c,
  frameControl = 0x50, // 1: show what the four say; 0: dark
  frameStatus = 0x54,
  frameDone = 0x58, // written: the frame is complete
  frames = 0x5c,
  edidBytes = 0x60,
  edid = 0x100,
}

export const enum OutputStatus {
  connected = 1 << 0,
  primary = 1 << 1,
  estimated = 1 << 2, // the millimetres are a guess
}

export const enum FrameStatus {
  dark = 0,
  shown = 1,
  outside = 2, // it does not lie in the display memory
  badSize = 3, // width, height or stride
}

export const frameRefusals: Readonly<Record<number, string>> = {
  [FrameStatus.outside]: 'The frame that the guest asked for does not lie in the display memory.',
  [FrameStatus.badSize]: 'The frame that the guest asked for has a size or stride that cannot be.',
};
