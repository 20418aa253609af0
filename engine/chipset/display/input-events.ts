import { contactCount, eventCapacity, InputEventKind } from './registers.ts';
import type { DisplayState } from './state.ts';

const eventWords = 5;

export interface InputEvent {
  kind: InputEventKind;
  output: number;
  /** Pixels of the output. */
  x: number;
  y: number;
  /** Of the pointer: buttons in bits 0-7, wheel steps in 8-15 (signed). Of a touch: the contact's number. Of a pen: PenState in 0-7, pressure in 16-31. */
  data: number;
}

/** Motion says where something is now, so only the last one of a row counts. */
const replaceable = (kind: InputEventKind): boolean => kind === InputEventKind.pointer || kind === InputEventKind.touchMove || kind === InputEventKind.pen;
const wheelOf = (data: number): number => (data << 16) >> 24;

/** The event that the guest would take next. */
export function firstEvent(state: DisplayState): InputEvent {
  if (state.eventCount === 0) return { kind: InputEventKind.none, output: 0, x: 0, y: 0, data: 0 };
  const at = (state.eventFirst % eventCapacity) * eventWords;
  const [kind = 0, output = 0, x = 0, y = 0, data = 0] = state.events.subarray(at, at + eventWords);
  return { kind, output, x, y, data };
}

export function takeEvents(state: DisplayState, count: number): void {
  const taken = Math.min(count, state.eventCount);
  state.eventFirst = (state.eventFirst + taken) % eventCapacity;
  state.eventCount -= taken;
}

/**
 * Keeps where the pointer or the finger is, and puts the event behind the others. Motion with the same buttons replaces the motion before it; when
 * there is no room, the event is counted as dropped, and what the state registers say is right all the same.
 */
export function putEvent(state: DisplayState, event: InputEvent): void {
  keep(state, event);
  const { kind, output, x, y } = event;
  let { data } = event;
  const last = state.eventCount > 0 ? ((state.eventFirst + state.eventCount - 1) % eventCapacity) * eventWords : undefined;
  const previous = last === undefined ? undefined : state.events.subarray(last, last + eventWords);
  const sameButtons = kind === InputEventKind.touchMove ? previous?.[4] === data : ((previous?.[4] ?? 0) & 0xff) === (data & 0xff);
  if (previous !== undefined && replaceable(kind) && previous[0] === kind && previous[1] === output && sameButtons) {
    if (kind === InputEventKind.pointer) {
      const wheel = Math.max(-128, Math.min(127, wheelOf(previous[4] ?? 0) + wheelOf(data)));
      data = (data & 0xff) | ((wheel & 0xff) << 8);
    }
    previous.set([kind, output, x, y, data]);
    return;
  }
  if (state.eventCount === eventCapacity) {
    state.eventsDropped += 1;
    return;
  }
  const at = ((state.eventFirst + state.eventCount) % eventCapacity) * eventWords;
  state.events.set([kind, output, x, y, data], at);
  state.eventCount += 1;
}

function keep(state: DisplayState, { kind, output, x, y, data }: InputEvent): void {
  if (kind === InputEventKind.pointer) {
    state.pointerOutput = output;
    state.pointerX = x;
    state.pointerY = y;
    state.pointerButtons = data & 0xff;
    return;
  }
  if (kind === InputEventKind.pen) {
    state.penState = data & 0xff;
    state.penOutput = output;
    state.penX = x;
    state.penY = y;
    state.penPressure = data >>> 16;
    return;
  }
  if (data >= contactCount) return;
  state.contactState[data] = kind === InputEventKind.touchUp || kind === InputEventKind.touchCancel ? 0 : 1;
  state.contactOutput[data] = output;
  state.contactX[data] = x;
  state.contactY[data] = y;
}

/** Nothing is held and nothing waits. */
export function forgetInput(state: DisplayState): void {
  state.eventFirst = state.eventCount = state.eventsDropped = 0;
  state.pointerOutput = state.pointerX = state.pointerY = state.pointerButtons = 0;
  state.penState = state.penOutput = state.penX = state.penY = state.penPressure = 0;
  for (const field of [state.contactState, state.contactOutput, state.contactX, state.contactY]) field.fill(0);
}
