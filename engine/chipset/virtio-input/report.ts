/** The way from what is so to events: a report says what is different from what the driver was told, and either all of it goes or it waits. */
import type { InputKind } from '../../machine/display-face.ts';
import { contactCount } from '../display/registers.ts';
import { kindFacts } from './kinds.ts';
import { Axis, Button, EventType } from './registers.ts';
import { eventCapacity, type InputState } from './state.ts';

const trackingLimit = 0xffff;

type Event = readonly [type: EventType, code: number, value: number];

export const isHeld = (keys: Uint32Array, key: number): boolean => (((keys[key >> 5] ?? 0) >>> (key & 31)) & 1) !== 0;

export function hold(keys: Uint32Array, key: number, held: boolean): void {
  const bit = 1 << (key & 31);
  keys[key >> 5] = held ? (keys[key >> 5] ?? 0) | bit : (keys[key >> 5] ?? 0) & ~bit;
}

/** A contact comes down or goes up, and gets a tracking number of its own. */
export function setContact(state: InputState, contact: number, down: boolean): void {
  if (down === (state.tracking[contact] !== 0)) return;
  state.tracking[contact] = down ? state.nextTracking + 1 : 0;
  if (down) state.nextTracking = (state.nextTracking + 1) % trackingLimit;
}

/** Nothing is held, nothing waits, and the driver knows of nothing. */
export function forget(state: InputState): void {
  for (const field of [state.keys, state.toldKeys, state.axes, state.toldAxes, state.moved]) field.fill(0);
  for (const field of [state.tracking, state.contactX, state.contactY, state.toldTracking, state.toldContactX, state.toldContactY]) field.fill(0);
  state.toldSlot = state.nextTracking = state.first = state.count = 0;
}

/** Everything that is held is let go. */
export function letGo(state: InputState): void {
  state.keys.fill(0);
  state.moved.fill(0);
  state.tracking.fill(0);
}

/** True when nothing is left to tell, or all that was is on its way; false when there is no room for it now. */
export function report(state: InputState, kind: InputKind): boolean {
  const { events, slot } = kind === 'touch' ? contactsOf(state) : { events: [], slot: 0 };
  const { keys, absolute, relative } = kindFacts[kind];
  for (const key of keys) {
    const held = isHeld(state.keys, key);
    if (held !== isHeld(state.toldKeys, key)) events.push([EventType.key, key, held ? 1 : 0]);
  }
  for (const axis of absolute) {
    const value = state.axes[axis];
    if (axis < Axis.slot && value !== undefined && value !== state.toldAxes[axis]) events.push([EventType.absolute, axis, value]);
  }
  for (const axis of relative) {
    const value = state.moved[axis] ?? 0;
    if (value !== 0) events.push([EventType.relative, axis, value]);
  }
  if (events.length === 0) return true;
  if (state.count + events.length + 1 > eventCapacity) return false;
  for (const event of events) put(state, event);
  put(state, [EventType.synchronise, 0, 0]);
  state.toldKeys.set(state.keys);
  state.toldAxes.set(state.axes);
  state.moved.fill(0);
  state.toldSlot = slot;
  state.toldTracking.set(state.tracking);
  state.toldContactX.set(state.contactX);
  state.toldContactY.set(state.contactY);
  return true;
}

/** By slots (Documentation/input/multi-touch-protocol.rst, type B), and the oldest finger as a pointer for those that know only one. */
function contactsOf(state: InputState): { events: Event[]; slot: number } {
  const events: Event[] = [];
  let slot = state.toldSlot;
  let oldest: number | undefined;
  for (let contact = 0; contact < contactCount; contact++) {
    const tracking = state.tracking[contact] ?? 0;
    const [x = 0, y = 0] = [state.contactX[contact], state.contactY[contact]];
    const fresh = tracking !== state.toldTracking[contact];
    const changes: Event[] = [];
    if (fresh) changes.push([EventType.absolute, Axis.tracking, tracking - 1]);
    if (tracking !== 0 && (fresh || x !== state.toldContactX[contact])) changes.push([EventType.absolute, Axis.contactX, x]);
    if (tracking !== 0 && (fresh || y !== state.toldContactY[contact])) changes.push([EventType.absolute, Axis.contactY, y]);
    if (tracking !== 0 && (oldest === undefined || tracking < (state.tracking[oldest] ?? 0))) oldest = contact;
    if (changes.length === 0) continue;
    if (slot !== contact) events.push([EventType.absolute, Axis.slot, contact]);
    slot = contact;
    events.push(...changes);
  }
  hold(state.keys, Button.touch, oldest !== undefined);
  if (oldest !== undefined) {
    state.axes[Axis.x] = state.contactX[oldest] ?? 0;
    state.axes[Axis.y] = state.contactY[oldest] ?? 0;
  }
  return { events, slot };
}

function put(state: InputState, [type, code, value]: Event): void {
  const at = 2 * ((state.first + state.count) % eventCapacity);
  state.events[at] = (type | (code << 16)) >>> 0;
  state.events[at + 1] = value >>> 0;
  state.count += 1;
}
