/** What each input device says of itself: the bits and axes that a driver asks for. */
import { contactCount } from '../display/registers.ts';
import { largestPosition, type InputKind } from '../../machine/display-face.ts';
import { allKeys } from './keys.ts';
import { Axis, Button, busVirtual, configRoom, EventType, ledCount, propertyDirect, Relative, Select } from './registers.ts';

/** Of bus 0. A device number each: slots are filled and emptied one by one. */
export const firstSlot = 8;
export const largestPressure = 0xffff;

interface KindFacts {
  name: string;
  classCode: number;
  keys: readonly number[];
  relative: readonly Relative[];
  absolute: readonly Axis[];
  direct: boolean;
}

const buttons = [Button.left, Button.right, Button.middle];

export const kindFacts: Readonly<Record<InputKind, KindFacts>> = {
  keyboard: { name: 'Vitrine keyboard', classCode: 0x090000, keys: allKeys, relative: [], absolute: [], direct: false },
  mouse: { name: 'Vitrine mouse', classCode: 0x090200, keys: buttons, relative: [Relative.x, Relative.y, Relative.wheel], absolute: [], direct: false },
  pointer: { name: 'Vitrine pointer', classCode: 0x090200, keys: buttons, relative: [Relative.wheel], absolute: [Axis.x, Axis.y], direct: false },
  touch: {
    name: 'Vitrine touch screen',
    classCode: 0x098000,
    keys: [Button.touch],
    relative: [],
    absolute: [Axis.x, Axis.y, Axis.slot, Axis.contactX, Axis.contactY, Axis.tracking],
    direct: true,
  },
  pen: { name: 'Vitrine pen', classCode: 0x090100, keys: [Button.pen, Button.rubber, Button.touch, Button.stylus], relative: [], absolute: [Axis.x, Axis.y, Axis.pressure], direct: true },
};

/** What is not the same for all devices of a kind. */
export interface DeviceFacts {
  kind: InputKind;
  /** Numbers the kinds. */
  number: number;
  /** Of a touch screen. */
  contacts: number;
  /** Steps of a position in a millimetre; 0: not known. */
  resolutionX: number;
  resolutionY: number;
}

function bitmap(bits: readonly number[]): number[] {
  const bytes = Array<number>(bits.length === 0 ? 0 : (Math.max(...bits) >> 3) + 1).fill(0);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
  return bytes;
}

const text = (value: string): number[] => [...Buffer.from(value, 'latin1')];
const half = (value: number): number[] => [value & 0xff, value >> 8];
const word = (value: number): number[] => [...half(value & 0xffff), ...half(value >>> 16)];

function absoluteFacts(axis: number, { kind, contacts, resolutionX, resolutionY }: DeviceFacts): number[] {
  if (!kindFacts[kind].absolute.includes(axis)) return [];
  const about = (largest: number, resolution = 0): number[] => [0, largest, 0, 0, resolution].flatMap(word);
  switch (axis) {
    case Axis.x:
    case Axis.contactX:
      return about(largestPosition, resolutionX);
    case Axis.y:
    case Axis.contactY:
      return about(largestPosition, resolutionY);
    case Axis.pressure:
      return about(largestPressure);
    case Axis.slot:
      return about(Math.min(contacts, contactCount) - 1);
    default:
      return about(0xffff);
  }
}

/** The answer to a selection, without its padding; none where there is nothing of the kind. */
export function configurationOf(select: number, subselect: number, device: DeviceFacts): readonly number[] {
  const { name, keys, relative, absolute, direct } = kindFacts[device.kind];
  if (select === Select.absolute) return absoluteFacts(subselect, device);
  if (select === Select.events) {
    const bits: Readonly<Record<number, readonly number[]>> = {
      [EventType.key]: keys,
      [EventType.relative]: relative,
      [EventType.absolute]: absolute,
      [EventType.led]: device.kind === 'keyboard' ? Array.from({ length: ledCount }, (_, led) => led) : [],
      // The guest repeats keys itself.
      [EventType.repeat]: device.kind === 'keyboard' ? [0, 1] : [],
    };
    return bitmap(bits[subselect] ?? []).slice(0, configRoom);
  }
  if (subselect !== 0) return [];
  switch (select) {
    case Select.name:
      return text(name);
    case Select.serial:
      return text(`vitrine-${device.kind}`);
    case Select.identity:
      return [busVirtual, 0x1234, 0x5654, device.number + 1].flatMap(half);
    case Select.properties:
      return direct ? [propertyDirect] : [];
    default:
      return [];
  }
}
