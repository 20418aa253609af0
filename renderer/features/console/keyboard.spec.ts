import { beforeEach, describe, expect, it } from 'vitest';
import { GuestKeyboard } from './keyboard.ts';

let happened: string[];
let keyboard: GuestKeyboard;

beforeEach(() => {
  happened = [];
  keyboard = new GuestKeyboard(() => 'ControlRight', {
    send: (bytes) => happened.push(bytes.map((byte) => byte.toString(16)).join(' ')),
    letGo: () => happened.push('let go'),
    chord: (chord) => happened.push(chord),
  });
});

describe('the keyboard that goes into the guest', () => {
  it('leaves combinations to the host that are passed through, and lets go in the guest what had gone inside', () => {
    const passing = new GuestKeyboard(
      () => 'ControlRight',
      {
        send: (bytes) => happened.push(bytes.map((byte) => byte.toString(16)).join(' ')),
        letGo: () => happened.push('let go'),
        chord: (chord) => happened.push(chord),
      },
      () => [['AltLeft', 'Tab'], ['MetaLeft']],
    );
    expect(passing.press('AltLeft')).toBe(true);
    expect(passing.press('Tab')).toBe(false);
    passing.release('Tab');
    passing.release('AltLeft');
    expect(passing.press('MetaLeft')).toBe(false);
    expect(passing.press('Tab')).toBe(true);
    expect(happened).toEqual(['38', 'b8', 'f']);
  });

  it('sends presses, repeats and releases', () => {
    keyboard.press('KeyA');
    keyboard.press('KeyA');
    keyboard.release('KeyA');
    expect(happened).toEqual(['1e', '1e', '9e']);
  });

  it('lets go when the release key is pressed alone, and never sends it', () => {
    keyboard.press('ControlRight');
    keyboard.release('ControlRight');
    expect(happened).toEqual(['let go']);
  });

  it('does something else when the release key is held with another, and does not let go', () => {
    keyboard.press('ControlRight');
    keyboard.press('Delete');
    keyboard.press('Delete');
    keyboard.release('Delete');
    keyboard.release('ControlRight');
    expect(happened).toEqual(['ctrl-alt-del']);
  });

  it('leaves no key down in the guest when the window loses the keyboard', () => {
    keyboard.press('ShiftLeft');
    keyboard.press('ArrowUp');
    keyboard.releaseAll();
    keyboard.releaseAll();
    expect(happened).toEqual(['2a', 'e0 48', 'aa e0 c8']);
  });

  it('does not send the release of a key it did not send the press of', () => {
    expect(keyboard.release('Tab')).toBe(true);
    expect(happened).toEqual([]);
  });

  it('does not take keys that a PC keyboard lacks', () => {
    expect(keyboard.press('MediaPlayPause')).toBe(false);
  });
});
