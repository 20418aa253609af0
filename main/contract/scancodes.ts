/**
 * Keys as the guest's keyboard controller delivers them: scan code set 1, from the physical key's name in the browser
 * (KeyboardEvent.code, UI Events specification; codes from the IBM PS/2 keyboard reference, set 1). A value above 0xff has the prefix
 * 0xE0. What the key prints in the host's layout does not matter: the guest has a layout of its own.
 */
const EXTENDED = 0xe000;
const RELEASE = 0x80;

/** Keys in the order of their codes, from 0x01 on; an empty name has no key. */
const FROM_ONE =
  'Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace Tab ' +
  'KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft ' +
  'KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash ' +
  'KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space CapsLock ' +
  'F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock ' +
  'Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal';

const CODES = new Map<string, number>([
  ...FROM_ONE.split(' ').map((name, index): [string, number] => [name, index + 1]),
  ['IntlBackslash', 0x56],
  ['F11', 0x57],
  ['F12', 0x58],
  ['IntlRo', 0x73],
  ['Convert', 0x79],
  ['NonConvert', 0x7b],
  ['IntlYen', 0x7d],
  ['NumpadEnter', EXTENDED | 0x1c],
  ['ControlRight', EXTENDED | 0x1d],
  ['NumpadDivide', EXTENDED | 0x35],
  ['AltRight', EXTENDED | 0x38],
  ['Home', EXTENDED | 0x47],
  ['ArrowUp', EXTENDED | 0x48],
  ['PageUp', EXTENDED | 0x49],
  ['ArrowLeft', EXTENDED | 0x4b],
  ['ArrowRight', EXTENDED | 0x4d],
  ['End', EXTENDED | 0x4f],
  ['ArrowDown', EXTENDED | 0x50],
  ['PageDown', EXTENDED | 0x51],
  ['Insert', EXTENDED | 0x52],
  ['Delete', EXTENDED | 0x53],
  ['MetaLeft', EXTENDED | 0x5b],
  ['MetaRight', EXTENDED | 0x5c],
  ['ContextMenu', EXTENDED | 0x5d],
]);

/** Print Screen and Pause send sequences of their own; Pause has no release. */
const PRINT_SCREEN = { press: [0xe0, 0x2a, 0xe0, 0x37], release: [0xe0, 0xb7, 0xe0, 0xaa] };
const PAUSE = { press: [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], release: [] };

/** The bytes of a key's press or release; undefined for a key that the PC keyboard does not have. */
export function scancodesOf(code: string, pressed: boolean): number[] | undefined {
  if (code === 'PrintScreen') return pressed ? PRINT_SCREEN.press : PRINT_SCREEN.release;
  if (code === 'Pause') return pressed ? PAUSE.press : PAUSE.release;
  const value = CODES.get(code);
  if (value === undefined) return undefined;
  const byte = (value & 0xff) | (pressed ? 0 : RELEASE);
  return value >= EXTENDED ? [0xe0, byte] : [byte];
}

/** Every key's name. */
export const KEY_NAMES: readonly string[] = [...CODES.keys(), 'PrintScreen', 'Pause'];

/** Presses the keys one after the other and releases them in the opposite order. */
export function chord(...keys: string[]): number[] {
  return [...keys.map((key) => scancodesOf(key, true)), ...[...keys].reverse().map((key) => scancodesOf(key, false))].flatMap(
    (bytes) => bytes ?? [],
  );
}
