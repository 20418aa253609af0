import { array, defineBlock, scalar } from '../../layout/block.ts';
import { contactCount } from '../display/registers.ts';
import { keyCodes } from './registers.ts';

/** Events that wait for buffers of the driver. */
export const eventCapacity = 256;
const keyWords = keyCodes / 32;

/** One input device: what is so, what its driver was told of it, and the events on their way. */
export const inputBlock = defineBlock('virtio-input', 1, {
  select: scalar('u32'),
  subselect: scalar('u32'),
  leds: scalar('u32'),
  contacts: scalar('u32'),
  resolutionX: scalar('u32'),
  resolutionY: scalar('u32'),
  keys: array('u32', keyWords),
  toldKeys: array('u32', keyWords),
  /** By axis below 32, as far as the device has them. */
  axes: array('i32', 32),
  toldAxes: array('i32', 32),
  /** By relative axis: what has not been told yet. */
  moved: array('i32', 16),
  /** By contact: its tracking number plus one, 0 for none. */
  tracking: array('u32', contactCount),
  contactX: array('u32', contactCount),
  contactY: array('u32', contactCount),
  toldTracking: array('u32', contactCount),
  toldContactX: array('u32', contactCount),
  toldContactY: array('u32', contactCount),
  toldSlot: scalar('u32'),
  nextTracking: scalar('u32'),
  /** A ring: type and code in one word, value. */
  first: scalar('u32'),
  count: scalar('u32'),
  events: array('u32', 2 * eventCapacity),
});

export type InputState = ReturnType<typeof inputBlock.at>;
