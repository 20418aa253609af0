const NAMES: Record<string, string> = {
  ControlRight: 'Right Ctrl',
  ControlLeft: 'Left Ctrl',
  AltRight: 'Right Alt',
  AltLeft: 'Left Alt',
  ShiftRight: 'Right Shift',
  ShiftLeft: 'Left Shift',
  MetaRight: 'Right Super',
  MetaLeft: 'Left Super',
  ScrollLock: 'Scroll Lock',
  ContextMenu: 'Menu',
};

/** What a key is called, from its KeyboardEvent.code. */
export function keyName(code: string): string {
  return NAMES[code] ?? code.replace(/^(Key|Digit)/, '');
}
