import { describe, expect, it } from 'vitest';
import { Contacts, PointerPositions, positionIn } from './positions.ts';

describe('a place on the picture', () => {
  it('is a share of its size, and its edge beside it', () => {
    const box = { left: 100, top: 50, width: 400, height: 200 };
    expect(positionIn(box, 100, 50)).toEqual({ x: 0, y: 0 });
    expect(positionIn(box, 300, 150)).toEqual({ x: 32768, y: 32768 });
    expect(positionIn(box, 900, -5)).toEqual({ x: 65535, y: 0 });
    expect(positionIn({ left: 0, top: 0, width: 0, height: 0 }, 5, 5)).toEqual({ x: 0, y: 0 });
  });
});

describe('the pointer', () => {
  it('is sent where it is last, but for each change of its buttons', () => {
    const pointer = new PointerPositions(() => 1);
    pointer.point({ x: 1, y: 1 }, 0);
    pointer.point({ x: 2, y: 2 }, 0);
    pointer.point({ x: 2, y: 2 }, 1);
    pointer.point({ x: 3, y: 3 }, 1);
    pointer.turn(-120);
    pointer.point({ x: 4, y: 4 }, 0);
    const message = (x: number, buttons: number, wheel = 0) => ({ kind: 'pointer', output: 1, x, y: x, buttons, wheel });
    expect(pointer.take()).toEqual([message(2, 0), message(3, 1), message(3, 1, 1), message(4, 0)]);
    expect(pointer.take()).toEqual([]);
  });
});

describe('fingers', () => {
  it('keep their numbers while they are down', () => {
    const contacts = new Contacts();
    expect([contacts.number(71, 'down'), contacts.number(72, 'down')]).toEqual([0, 1]);
    expect(contacts.number(71, 'up')).toBe(0);
    expect([contacts.number(73, 'down'), contacts.number(72, 'move'), contacts.number(71, 'move')]).toEqual([0, 1, undefined]);
    for (let pointer = 0; pointer < 8; pointer++) contacts.number(pointer, 'down');
    expect(contacts.number(99, 'down')).toBeUndefined();
  });
});
