import { describe, expect, it } from 'vitest';
import { chord, scancodesOf } from './scancodes.ts';

describe('scan codes of set 1', () => {
  it.each([
    ['Escape', [0x01]],
    ['Digit0', [0x0b]],
    ['Tab', [0x0f]],
    ['Enter', [0x1c]],
    ['KeyA', [0x1e]],
    ['Backquote', [0x29]],
    ['Backslash', [0x2b]],
    ['Slash', [0x35]],
    ['Space', [0x39]],
    ['F1', [0x3b]],
    ['F10', [0x44]],
    ['NumLock', [0x45]],
    ['NumpadDecimal', [0x53]],
    ['F12', [0x58]],
    ['ControlRight', [0xe0, 0x1d]],
    ['ArrowUp', [0xe0, 0x48]],
    ['PrintScreen', [0xe0, 0x2a, 0xe0, 0x37]],
  ])('of %s are %j', (key, bytes) => {
    expect(scancodesOf(key, true)).toEqual(bytes);
  });

  it('have bit 7 set in the last byte of a release', () => {
    expect(scancodesOf('KeyA', false)).toEqual([0x9e]);
    expect(scancodesOf('Delete', false)).toEqual([0xe0, 0xd3]);
  });

  it('do not exist for keys a PC keyboard does not have', () => {
    expect(scancodesOf('BrowserBack', true)).toBeUndefined();
  });

  it('are different for each key', () => {
    const keys = [
      'Escape',
      'KeyA',
      'KeyZ',
      'Numpad7',
      'Home',
      'Delete',
      'NumpadDecimal',
      'Enter',
      'NumpadEnter',
      'ControlLeft',
      'ControlRight',
    ];
    expect(new Set(keys.map((key) => String(scancodesOf(key, true)))).size).toBe(keys.length);
  });

  it('of a chord press in order and release in the opposite one', () => {
    expect(chord('ControlLeft', 'AltLeft', 'Delete')).toEqual([0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d]);
  });
});
