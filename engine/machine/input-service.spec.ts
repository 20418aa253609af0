import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InputService, type TypedMachine } from './input-service.ts';
import { bareService, errorCode } from './testing/bare-service.ts';

/** Chips that take `room` bytes a time. */
function build(changes: { hasEpochs?: boolean; room?: number } = {}) {
  const room = { now: changes.room ?? Infinity };
  const taken: number[] = [];
  const life = { busy: undefined as TypedMachine['life']['busy'], isOn: true, require: () => undefined };
  const input = new InputService({
    name: 'test',
    life,
    hasEpochs: changes.hasEpochs ?? false,
    deviceWork: (body) => body(),
    chips: {
      typeScancodes: (bytes) => taken.push(...bytes.slice(0, room.now)) - taken.length + Math.min(bytes.length, room.now),
      receiveSerial: (bytes) => taken.push(...bytes.slice(0, room.now)) - taken.length + Math.min(bytes.length, room.now),
      moveMouse: () => true,
      point: () => true,
      touch: () => true,
      pen: () => true,
    },
  });
  return { input, life, room, taken };
}

describe('input on its way to the chips', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits where a chip has no room, and is offered again until it is taken', () => {
    const { input, taken } = build({ room: 2 });
    input.accept({ kind: 'scancodes', bytes: [1, 2, 3, 4, 5] });
    expect(taken).toEqual([1, 2]);
    expect(input.waiting).toEqual({ scancodes: [3, 4, 5], serialInput: [] });
    vi.advanceTimersByTime(1000);
    expect(taken).toEqual([1, 2, 3, 4, 5]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stays where it is while the machine is busy or held, and goes on with feed', () => {
    const { input, life, room, taken } = build({ room: 0 });
    input.accept({ kind: 'serial', bytes: Uint8Array.of(7) });
    life.busy = 'copied';
    room.now = 1;
    vi.advanceTimersByTime(1000);
    expect(taken).toEqual([]);
    life.busy = undefined;
    input.feed();
    expect(taken).toEqual([7]);
  });

  it('is dropped when the machine goes off before it was taken', () => {
    const { input, life, room, taken } = build({ room: 0 });
    input.accept({ kind: 'serial', bytes: Uint8Array.of(7) });
    life.isOn = false;
    room.now = 1;
    vi.advanceTimersByTime(1000);
    expect(taken).toEqual([]);
    expect(input.waiting.serialInput).toEqual([]);
  });

  it('comes between two epochs only, where there are such', () => {
    const { input, room, taken } = build({ hasEpochs: true, room: 1 });
    expect(errorCode(() => input.accept({ kind: 'scancodes', bytes: [1] }))).toBe('wrong-state');
    input.give([{ kind: 'scancodes', bytes: [1, 2] }]);
    vi.advanceTimersByTime(1000);
    expect(taken).toEqual([1]);
    room.now = 5;
    input.feed();
    expect(taken).toEqual([1]);
    input.give([]);
    expect(taken).toEqual([1, 2]);
  });

  it('says what waits by a copy', () => {
    const { input } = build({ room: 0 });
    input.accept({ kind: 'scancodes', bytes: [1] });
    const before = input.waiting;
    input.accept({ kind: 'scancodes', bytes: [2] });
    expect(before.scancodes).toEqual([1]);
  });

  it('is refused without end, and for an output that there is not', () => {
    const { service } = bareService();
    service.life.start({ paused: false });
    const bytes = new Uint8Array(600_000);
    service.input.accept({ kind: 'serial', bytes });
    expect(errorCode(() => service.input.accept({ kind: 'serial', bytes }))).toBe('wrong-state');
    expect(errorCode(() => service.input.accept({ kind: 'pointer', output: 8, x: 0, y: 0, buttons: 0, wheel: 0 }))).toBe('bad-configuration');
  });
});
