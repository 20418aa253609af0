import { array, defineBlock, scalar } from '../../layout/block.ts';
import { contactCount, edidRoom, eventCapacity, outputCount } from './registers.ts';

const words = array('u32', outputCount);

/** Everything the display device is. */
export const displayBlock = defineBlock('display', 2, {
  /** 0 until a display was attached for the first time. */
  configured: scalar('u32'),
  generation: scalar('u32'),
  session: scalar('u32'),
  interruptStatus: scalar('u32'),
  interruptEnable: scalar('u32'),
  inputGeneration: scalar('u32'),
  inputDevices: scalar('u32'),
  touchPoints: scalar('u32'),
  /** By output, as the registers show them; width 0 is off. */
  width: words,
  height: words,
  x: array('i32', outputCount),
  y: array('i32', outputCount),
  widthMillimetres: words,
  heightMillimetres: words,
  estimated: words,
  scale: words,
  orientation: words,
  refresh: words,
  depth: words,
  primary: words,
  outputGeneration: words,
  edidLength: words,
  edid: array('u8', edidRoom * outputCount),
  /** Guest nanoseconds plus one; 0: not read since it changed. */
  edidRead: array('f64', outputCount),
  /** As the guest wrote them, for the next frameControl. */
  frameBase: words,
  frameStride: words,
  frameWidth: words,
  frameHeight: words,
  /** What is shown. */
  shownBase: words,
  shownStride: words,
  shownWidth: words,
  shownHeight: words,
  frameStatus: words,
  frames: words,
  /** The output's generation when the guest last said that a frame was complete, plus one. */
  frameGeneration: words,
  pointerOutput: scalar('u32'),
  pointerX: scalar('u32'),
  pointerY: scalar('u32'),
  pointerButtons: scalar('u32'),
  contactState: array('u32', contactCount),
  contactOutput: array('u32', contactCount),
  contactX: array('u32', contactCount),
  contactY: array('u32', contactCount),
  /** A ring: kind, output, x, y, data. */
  eventFirst: scalar('u32'),
  eventCount: scalar('u32'),
  eventsDropped: scalar('u32'),
  events: array('u32', 5 * eventCapacity),
  penState: scalar('u32'),
  penOutput: scalar('u32'),
  penX: scalar('u32'),
  penY: scalar('u32'),
  penPressure: scalar('u32'),
});

export type DisplayState = ReturnType<typeof displayBlock.at>;
