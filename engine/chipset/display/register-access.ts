/** The register interface as a guest reaches it: see registers.ts and docs/formats/display.md. */
import type { MmioHandler, Width } from '../../machine/bus.ts';
import type { DisplayDevice } from './display-device.ts';
import { firstEvent, takeEvents } from './input-events.ts';
import {
  contactCount,
  ContactRegister,
  displayMagic,
  DisplayRegister,
  edidRoom,
  interfaceVersion,
  outputBase,
  outputCount,
  OutputRegister,
  OutputStatus,
  outputStride,
} from './registers.ts';
import type { DisplayState } from './state.ts';

const contactBytes = 16;

/**
 * Accesses are 32 bits wide and aligned. Narrower reads get their part of a register; other writes, and reads of what is no register, do nothing and
 * read as zeros. Reading has no effect but for the EDID, where the first read is noted for people who look.
 */
export function registersOf(device: DisplayDevice): MmioHandler {
  const { state } = device;
  const peek = (offset: number, width: Width): number => {
    const edid = edidPlace(offset);
    if (edid !== undefined) {
      let value = 0;
      for (let index = 0; index < width; index++) value += (edid.byte + index < edidRoom ? (state.edid[edid.output * edidRoom + edid.byte + index] ?? 0) : 0) * 2 ** (8 * index);
      return value;
    }
    const word = (offset < outputBase ? globalRegister(device, offset & ~3) : outputRegister(state, offset & ~3)) >>> 0;
    return Math.floor(word / 2 ** (8 * (offset & 3))) % 2 ** (8 * width);
  };
  return {
    peek,
    read(offset, width) {
      const edid = edidPlace(offset);
      if (edid !== undefined) device.edidWasRead(edid.output);
      return peek(offset, width);
    },
    write(offset, width, value) {
      if (width !== 4 || offset % 4 !== 0) return;
      if (offset < outputBase) writeGlobal(device, offset, value);
      else writeOutput(device, offset, value);
    },
  };
}

function edidPlace(offset: number): { output: number; byte: number } | undefined {
  const output = Math.floor((offset - outputBase) / outputStride);
  const byte = (offset % outputStride) - OutputRegister.edid;
  return output >= 0 && output < outputCount && byte >= 0 && byte < edidRoom ? { output, byte } : undefined;
}

function globalRegister(device: DisplayDevice, offset: number): number {
  const { state } = device;
  if (offset >= DisplayRegister.contacts && offset < DisplayRegister.contacts + contactCount * contactBytes) {
    const contact = Math.floor((offset - DisplayRegister.contacts) / contactBytes);
    const field = { [ContactRegister.state]: state.contactState, [ContactRegister.output]: state.contactOutput, [ContactRegister.x]: state.contactX, [ContactRegister.y]: state.contactY }[
      offset % contactBytes
    ];
    return field?.[contact] ?? 0;
  }
  switch (offset) {
    case DisplayRegister.magic:
      return displayMagic;
    case DisplayRegister.version:
      return interfaceVersion;
    case DisplayRegister.outputs:
      return outputCount;
    case DisplayRegister.memoryBytes:
      return device.memoryBytes;
    case DisplayRegister.interruptStatus:
      return state.interruptStatus;
    case DisplayRegister.interruptEnable:
      return state.interruptEnable;
    case DisplayRegister.generation:
      return state.generation;
    case DisplayRegister.connected:
      return state.width.reduce((bits, width, output) => bits | (width > 0 ? 1 << output : 0), 0);
    case DisplayRegister.session:
      return state.session;
    case DisplayRegister.primary:
      return Math.max(0, state.primary.indexOf(1));
    case DisplayRegister.desktopX:
      return device.desktop.x;
    case DisplayRegister.desktopY:
      return device.desktop.y;
    case DisplayRegister.desktopWidth:
      return device.desktop.width;
    case DisplayRegister.desktopHeight:
      return device.desktop.height;
    case DisplayRegister.inputDevices:
      return state.inputDevices;
    case DisplayRegister.touchPoints:
      return state.touchPoints;
    case DisplayRegister.inputGeneration:
      return state.inputGeneration;
    case DisplayRegister.pointerOutput:
      return state.pointerOutput;
    case DisplayRegister.pointerX:
      return state.pointerX;
    case DisplayRegister.pointerY:
      return state.pointerY;
    case DisplayRegister.pointerButtons:
      return state.pointerButtons;
    case DisplayRegister.eventCount:
      return state.eventCount;
    case DisplayRegister.eventKind:
      return firstEvent(state).kind;
    case DisplayRegister.eventOutput:
      return firstEvent(state).output;
    case DisplayRegister.eventX:
      return firstEvent(state).x;
    case DisplayRegister.eventY:
      return firstEvent(state).y;
    case DisplayRegister.eventData:
      return firstEvent(state).data;
    case DisplayRegister.penState:
      return state.penState;
    case DisplayRegister.penOutput:
      return state.penOutput;
    case DisplayRegister.penX:
      return state.penX;
    case DisplayRegister.penY:
      return state.penY;
    case DisplayRegister.penPressure:
      return state.penPressure;
    case DisplayRegister.eventsDropped:
      return state.eventsDropped;
    default:
      return 0;
  }
}

/** Words of an output that are read as they lie in the block. */
const outputFields: Readonly<Record<number, 'width' | 'height' | 'x' | 'y' | 'widthMillimetres' | 'heightMillimetres' | 'scale' | 'orientation' | 'refresh' | 'depth' | 'outputGeneration' | 'frameBase' | 'frameStride' | 'frameWidth' | 'frameHeight' | 'frameStatus' | 'frames' | 'edidLength'>> = {
  [OutputRegister.width]: 'width',
  [OutputRegister.height]: 'height',
  [OutputRegister.x]: 'x',
  [OutputRegister.y]: 'y',
  [OutputRegister.widthMillimetres]: 'widthMillimetres',
  [OutputRegister.heightMillimetres]: 'heightMillimetres',
  [OutputRegister.scale]: 'scale',
  [OutputRegister.orientation]: 'orientation',
  [OutputRegister.refresh]: 'refresh',
  [OutputRegister.depth]: 'depth',
  [OutputRegister.generation]: 'outputGeneration',
  [OutputRegister.frameBase]: 'frameBase',
  [OutputRegister.frameStride]: 'frameStride',
  [OutputRegister.frameWidth]: 'frameWidth',
  [OutputRegister.frameHeight]: 'frameHeight',
  [OutputRegister.frameStatus]: 'frameStatus',
  [OutputRegister.frames]: 'frames',
  [OutputRegister.edidBytes]: 'edidLength',
};

function outputRegister(state: DisplayState, offset: number): number {
  const output = Math.floor((offset - outputBase) / outputStride);
  if (output >= outputCount) return 0;
  const at = offset % outputStride;
  if (at === OutputRegister.status) {
    if ((state.width[output] ?? 0) === 0) return 0;
    return OutputStatus.connected | (state.primary[output] ? OutputStatus.primary : 0) | (state.estimated[output] ? OutputStatus.estimated : 0);
  }
  const field = outputFields[at];
  return field === undefined ? 0 : (state[field][output] ?? 0);
}

function writeGlobal(device: DisplayDevice, offset: number, value: number): void {
  if (offset === DisplayRegister.interruptStatus) device.clearInterrupts(value);
  else if (offset === DisplayRegister.interruptEnable) device.enableInterrupts(value);
  else if (offset === DisplayRegister.eventCount) takeEvents(device.state, value);
}

function writeOutput(device: DisplayDevice, offset: number, value: number): void {
  const output = Math.floor((offset - outputBase) / outputStride);
  if (output >= outputCount) return;
  const { state } = device;
  switch (offset % outputStride) {
    case OutputRegister.frameBase:
      state.frameBase[output] = value;
      return;
    case OutputRegister.frameStride:
      state.frameStride[output] = value;
      return;
    case OutputRegister.frameWidth:
      state.frameWidth[output] = value;
      return;
    case OutputRegister.frameHeight:
      state.frameHeight[output] = value;
      return;
    case OutputRegister.frameControl:
      if (value === 1) device.show(output);
      else if (value === 0) device.dark(output);
      return;
    case OutputRegister.frameDone:
      device.frameDone(output);
  }
}
