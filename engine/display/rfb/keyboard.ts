/** What a viewer presses, as bytes of a set 1 keyboard (IBM PS/2 Technical Reference, Keyboard). One per viewer. */
import { keysymKeys } from './keysyms.ts';

const leftShift = 0x2a;
const rightShift = 0x36;
const leftControl = 0x1d;
const rightControl = 0xe01d;
const capsLock = 0x3a;
const pause = 0xe046;
const print = 0xe037;
const extendedPrefix = 0xe0;
const breakBit = 0x80;

/** The Pause key sends its make and break together, and nothing when it is let go; with Ctrl it is Break. */
const pauseBytes = [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5];
const breakBytes = [extendedPrefix, 0x46, extendedPrefix, 0x46 | breakBit];

function makeBytes(key: number): number[] {
  return key > 0xff ? [extendedPrefix, key & 0xff] : [key];
}

function breakBytesOf(key: number): number[] {
  return key > 0xff ? [extendedPrefix, (key & 0xff) | breakBit] : [key | breakBit];
}

export class ViewerKeyboard {
  private readonly held = new Set<number>();
  /** Keys that went down by keysym, so that letting go finds the same key whatever Shift is by then. */
  private readonly byKeysym = new Map<number, number>();
  private capsLocked = false;

  /**
   * QEMU extended key event: `keycode` is a set 1 code with bit 7 for the 0xE0 prefix; 0 means that the viewer does not know it, and the
   * keysym is used. Returns the bytes to give to the keyboard controller, none for a code that is no key.
   */
  extendedKey(down: boolean, keysym: number, keycode: number): number[] {
    if (keycode === 0) return this.keysym(down, keysym);
    if (keycode > 0xff) return [];
    let key = keycode & 0x80 ? (extendedPrefix << 8) | (keycode & 0x7f) : keycode;
    // The PC's keyboard sends 0x54 only for Alt and Print Screen; viewers use it for the key.
    if (key === 0x54) key = print;
    return this.press(down, key);
  }

  /** Plain key event (RFC 6143, 7.5.4). Adds or takes away Shift for a moment when the keysym needs that on a US keyboard. */
  keysym(down: boolean, keysym: number): number[] {
    if (!down) {
      const key = this.byKeysym.get(keysym) ?? keysymKeys.get(keysym)?.key;
      this.byKeysym.delete(keysym);
      return key === undefined ? [] : this.press(false, key);
    }
    const found = keysymKeys.get(keysym);
    if (found === undefined) return [];
    this.byKeysym.set(keysym, found.key);
    const shift = found.letter && this.capsLocked && found.shift !== undefined ? !found.shift : found.shift;
    const shifts = [leftShift, rightShift].filter((key) => this.held.has(key));
    // With Ctrl or Alt held, the viewer means the key and not the character.
    const modified = [leftControl, rightControl, 0x38, 0xe038].some((key) => this.held.has(key));
    if (shift === undefined || modified || shift === shifts.length > 0) return this.press(true, found.key);
    if (shift) return [leftShift, ...this.press(true, found.key), ...breakBytesOf(leftShift)];
    return [...shifts.flatMap(breakBytesOf), ...this.press(true, found.key), ...shifts.flatMap(makeBytes)];
  }

  /** Lets go of everything that is held: the viewer has left. */
  releaseAll(): number[] {
    const bytes = [...this.held].flatMap(breakBytesOf);
    this.held.clear();
    this.byKeysym.clear();
    return bytes;
  }

  private press(down: boolean, key: number): number[] {
    if (key === pause) {
      if (!down) return [];
      return this.held.has(leftControl) || this.held.has(rightControl) ? breakBytes : pauseBytes;
    }
    if (down) {
      if (key === capsLock && !this.held.has(key)) this.capsLocked = !this.capsLocked;
      this.held.add(key);
      return makeBytes(key);
    }
    // A release of a key that we never saw pressed is none of ours.
    return this.held.delete(key) ? breakBytesOf(key) : [];
  }
}
