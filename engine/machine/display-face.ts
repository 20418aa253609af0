/** The display device as the host sees it: what machine.ts and the display's own parts speak of. */

/** Scanouts of the display device. */
export const mostOutputs = 8;
/** Contacts that its touch screen can have at once. */
export const mostContacts = 10;
/** What absolute positions are given in: 0 is the left or upper edge of an output, this is the other one. */
export const largestPosition = 0xffff;

/** Degrees by which the picture is turned clockwise on the glass. */
export type Orientation = 0 | 90 | 180 | 270;

/** An output that is on, every property within its limits. */
export interface OutputProperties {
  width: number;
  height: number;
  /** Undefined: not known. */
  millimetres: { width: number; height: number; estimated: boolean } | undefined;
  scale: number;
  orientation: Orientation;
  depth: number;
  refresh: number;
  x: number;
  y: number;
  primary: boolean;
}

/** Virtio input devices, in the order of their places on the bus. */
export const inputKinds = ['keyboard', 'mouse', 'pointer', 'touch', 'pen'] as const;
export type InputKind = (typeof inputKinds)[number];

/** A virtio input device as the guest has it. */
export interface InputDeviceState {
  kind: InputKind;
  /** Where it sits: "08.0". */
  place: string;
  /** `leaving`: the guest was asked to eject it; `coming`: it takes the place of one that has to be ejected first. */
  state: 'present' | 'leaving' | 'coming';
  /** The guest's driver: what is typed or pointed reaches it while that is ready. */
  driver: 'none' | 'ready' | 'broken';
  /** Fingers that a touch screen tells apart; 0 for all others. */
  contacts: number;
}

export interface InputProperties {
  keyboard: boolean;
  mouse: boolean;
  pointer: boolean;
  touchPoints: number;
  pen: boolean;
}

export interface DisplayProperties {
  /** As many as `mostOutputs`; undefined is off. */
  outputs: readonly (OutputProperties | undefined)[];
  input: InputProperties;
}

/** Where VNC viewers may connect to output 0. */
export interface RfbListening {
  address: string;
  /** 0: any free one. */
  port: number;
  /** Must be there unless the address is a loopback one. */
  password?: string | undefined;
}

/** What a VNC viewer does. */
export type RfbViewerEvent = { viewer: number } & (
  | { kind: 'joined'; address: string; /** It lets others be there as well. */ shared: boolean }
  /** It asks for another size, and waits for an answer. */
  | { kind: 'resize'; width: number; height: number }
  | { kind: 'left' }
  /** It was not let in, or its connection was ended by us: a sentence. */
  | { kind: 'refused'; address: string; reason: string }
);

/** What is said to a VNC viewer. */
export type RfbAnswer =
  /** Its keys and pointer count from now on, or do not. At first they do not. */
  | { kind: 'input'; allowed: boolean }
  /** The display has that size now: the viewer hears of it when the guest has drawn so. */
  | { kind: 'resized'; width: number; height: number }
  | { kind: 'not-resized'; why: 'prohibited' | 'too-large' | 'invalid' }
  | { kind: 'end' };

/** What the guest shows on an output. */
export type ScanoutUse =
  /** Nothing: the guest has not given it a frame. */
  | 'dark'
  /** The VGA's picture; output 0 only. */
  | 'vga'
  /** A frame of its own. */
  | 'frame';

export interface OutputState {
  /** Undefined: nothing is connected. */
  properties: OutputProperties | undefined;
  /** What the guest reads; empty while nothing is connected. */
  edid: Uint8Array;
  /** Guest nanoseconds at which it read the EDID for the first time since that was changed last; undefined: it has not. */
  edidRead: number | undefined;
  use: ScanoutUse;
  /** The size of the picture. */
  shown: { width: number; height: number };
  /** Frames that the guest said were complete; 0 for the VGA, which says nothing. */
  frames: number;
  /** The picture has the output's size, and is of the time since that was set. */
  right: boolean;
  /** Why a frame that the guest asked for is not shown; empty when there is no such. */
  refusal: string;
}

export interface DisplayDeviceState {
  /** Counts changes of the properties. */
  generation: number;
  /** As the host numbered it; 0 before the first. */
  session: number;
  outputs: OutputState[];
  input: InputProperties;
  /** The guest listens to absolute pointer and touch: what comes so reaches it. */
  takesPositions: boolean;
  /** Those that are there, or about to be. */
  devices: InputDeviceState[];
  /** Bytes of memory for frames. */
  memoryBytes: number;
}
