import { chord, KEY_NAMES } from '../contract/scancodes.ts';
import { HostError } from './errors.ts';

/** Set 1 make codes of the keys of a US keyboard, by the characters on them: unshifted, shifted (IBM PC AT Technical Reference). */
const ROWS: readonly [first: number, plain: string, shifted: string][] = [
  [0x02, '1234567890-=', '!@#$%^&*()_+'],
  [0x10, 'qwertyuiop[]', 'QWERTYUIOP{}'],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
  [0x39, ' ', ' '],
];

const LEFT_SHIFT = 0x2a;
/** Set on the code when a key is let go. */
const RELEASED = 0x80;

const KEYS = new Map<string, { code: number; shift: boolean }>([
  ['\n', { code: 0x1c, shift: false }],
  ['\t', { code: 0x0f, shift: false }],
  ['\b', { code: 0x0e, shift: false }],
  ['\u001b', { code: 0x01, shift: false }],
]);
for (const [first, plain, shifted] of ROWS) {
  [...shifted].forEach((character, at) => KEYS.set(character, { code: first + at, shift: true }));
  [...plain].forEach((character, at) => KEYS.set(character, { code: first + at, shift: false }));
}

/**
 * The scancodes (set 1) of each character of a text, as a person would type it: shift down, key down, key up, shift up.
 * Throws BAD_INPUT for a character without a key.
 */
export function scancodesOf(text: string): number[][] {
  return [...text.replaceAll('\r\n', '\n').replaceAll('\r', '\n')].map((character) => {
    const key = KEYS.get(character);
    if (!key) {
      const point = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
      throw new HostError('BAD_INPUT', `“${character}” (U+${point}) is not on a US keyboard and cannot be typed.`);
    }
    const stroke = [key.code, key.code | RELEASED];
    return key.shift ? [LEFT_SHIFT, ...stroke, LEFT_SHIFT | RELEASED] : stroke;
  });
}

/** What people call keys, beside the keys' own names (contract/scancodes.ts). */
const SPOKEN: Record<string, string> = {
  esc: 'Escape',
  return: 'Enter',
  ctrl: 'ControlLeft',
  control: 'ControlLeft',
  shift: 'ShiftLeft',
  alt: 'AltLeft',
  altgr: 'AltRight',
  super: 'MetaLeft',
  meta: 'MetaLeft',
  win: 'MetaLeft',
  menu: 'ContextMenu',
  del: 'Delete',
  ins: 'Insert',
  pgup: 'PageUp',
  pgdn: 'PageDown',
  up: 'ArrowUp',
  down: 'ArrowDown',
  left: 'ArrowLeft',
  right: 'ArrowRight',
  sysrq: 'PrintScreen',
};
const NAMED = new Map<string, string>(KEY_NAMES.map((name) => [name.toLowerCase(), name]));
for (const [spoken, name] of Object.entries(SPOKEN)) NAMED.set(spoken, name);
for (const letter of 'abcdefghijklmnopqrstuvwxyz') NAMED.set(letter, `Key${letter.toUpperCase()}`);
for (const digit of '0123456789') NAMED.set(digit, `Digit${digit}`);

/** The scancodes of keys that are held together, for instance `ctrl+alt+delete` or `f2`. Throws BAD_INPUT for a key that there is not. */
export function scancodesOfKeys(text: string): number[] {
  const keys = text.split('+').map((word) => {
    const name = NAMED.get(word.toLowerCase());
    if (name === undefined) {
      throw new HostError('BAD_INPUT', word === '' ? `A key is missing in “${text}”.` : `There is no key named “${word}”.`);
    }
    return name;
  });
  return chord(...keys);
}
