/** The virtio input device (Virtual I/O Device 1.2, section 5.8), and the events of Linux's input layer that it speaks (input-event-codes.h). */

export const inputDevice = 18;
/** A buffer takes one event: type and code of 16 bits, value of 32. */
export const eventBytes = 8;
export const eventQueue = 0;
export const statusQueue = 1;

export const enum InputConfig {
  select = 0, // written, a byte
  subselect = 1, // written, a byte
  size = 2,
  data = 8,
}
/** Bytes of the union behind the header. */
export const configRoom = 128;

export const enum Select {
  name = 0x01, // ID_NAME
  serial = 0x02, // ID_SERIAL
  identity = 0x03, // ID_DEVIDS
  properties = 0x10, // PROP_BITS
  events = 0x11, // EV_BITS, of the type in subselect
  absolute = 0x12, // ABS_INFO, of the axis in subselect
}

export const enum EventType {
  synchronise = 0x00,
  key = 0x01,
  relative = 0x02,
  absolute = 0x03,
  led = 0x11,
  repeat = 0x14,
}

export const enum Button {
  left = 0x110,
  right = 0x111,
  middle = 0x112,
  pen = 0x140, // BTN_TOOL_PEN: it is near
  rubber = 0x141, // BTN_TOOL_RUBBER
  touch = 0x14a, // BTN_TOUCH
  stylus = 0x14b, // BTN_STYLUS: the button on its side
}

export const enum Axis {
  x = 0x00,
  y = 0x01,
  pressure = 0x18,
  slot = 0x2f, // ABS_MT_SLOT
  contactX = 0x35, // ABS_MT_POSITION_X
  contactY = 0x36,
  tracking = 0x39, // ABS_MT_TRACKING_ID
}

export const enum Relative {
  x = 0x00,
  y = 0x01,
  wheel = 0x08,
}

export const ledCount = 3; // Num Lock, Caps Lock, Scroll Lock
/** INPUT_PROP_DIRECT: it lies on the picture. */
export const propertyDirect = 1 << 1;
export const busVirtual = 6;
/** The highest code of a key that any of our devices has. */
export const keyCodes = 0x160;
