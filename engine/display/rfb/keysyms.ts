/**
 * X11 keysyms to keys of a US keyboard, for viewers without QEMU's extended key event. A key is its set 1 make code; 0xE0 in the
 * high byte stands for the prefix.
 */

/** A key and whether Shift has to be held for this keysym; undefined where Shift does not matter. */
export interface KeysymKey {
  key: number;
  shift: boolean | undefined;
  letter: boolean;
}

/** Make codes of the character rows, unshifted and shifted characters in the same order. */
const rows: readonly (readonly [first: number, plain: string, shifted: string])[] = [
  [0x02, '1234567890-=', '!@#$%^&*()_+'],
  [0x10, 'qwertyuiop[]', 'QWERTYUIOP{}'],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
];

/** Keys without a character: keysym (X11 keysymdef.h) and make code. */
const named: readonly (readonly [keysym: number, key: number])[] = [
  [0x0020, 0x39], // space
  [0xff08, 0x0e], // BackSpace
  [0xff09, 0x0f], // Tab
  [0xfe20, 0x0f], // ISO_Left_Tab
  [0xff0a, 0x1c], // Linefeed
  [0xff0d, 0x1c], // Return
  [0xff13, 0xe046], // Pause
  [0xff14, 0x46], // Scroll_Lock
  [0xff15, 0xe037], // Sys_Req
  [0xff1b, 0x01], // Escape
  [0xff50, 0xe047], // Home
  [0xff51, 0xe04b], // Left
  [0xff52, 0xe048], // Up
  [0xff53, 0xe04d], // Right
  [0xff54, 0xe050], // Down
  [0xff55, 0xe049], // Page_Up
  [0xff56, 0xe051], // Page_Down
  [0xff57, 0xe04f], // End
  [0xff61, 0xe037], // Print
  [0xff63, 0xe052], // Insert
  [0xff67, 0xe05d], // Menu
  [0xff6b, 0xe046], // Break
  [0xff7f, 0x45], // Num_Lock
  [0xff8d, 0xe01c], // KP_Enter
  [0xff95, 0x47], // KP_Home
  [0xff96, 0x4b], // KP_Left
  [0xff97, 0x48], // KP_Up
  [0xff98, 0x4d], // KP_Right
  [0xff99, 0x50], // KP_Down
  [0xff9a, 0x49], // KP_Page_Up
  [0xff9b, 0x51], // KP_Page_Down
  [0xff9c, 0x4f], // KP_End
  [0xff9d, 0x4c], // KP_Begin
  [0xff9e, 0x52], // KP_Insert
  [0xff9f, 0x53], // KP_Delete
  [0xffaa, 0x37], // KP_Multiply
  [0xffab, 0x4e], // KP_Add
  [0xffac, 0x53], // KP_Separator
  [0xffad, 0x4a], // KP_Subtract
  [0xffae, 0x53], // KP_Decimal
  [0xffaf, 0xe035], // KP_Divide
  [0xffb0, 0x52], // KP_0
  [0xffb1, 0x4f],
  [0xffb2, 0x50],
  [0xffb3, 0x51],
  [0xffb4, 0x4b],
  [0xffb5, 0x4c],
  [0xffb6, 0x4d],
  [0xffb7, 0x47],
  [0xffb8, 0x48],
  [0xffb9, 0x49], // KP_9
  [0xffc8, 0x57], // F11
  [0xffc9, 0x58], // F12
  [0xffe1, 0x2a], // Shift_L
  [0xffe2, 0x36], // Shift_R
  [0xffe3, 0x1d], // Control_L
  [0xffe4, 0xe01d], // Control_R
  [0xffe5, 0x3a], // Caps_Lock
  [0xffe7, 0xe05b], // Meta_L
  [0xffe8, 0xe05c], // Meta_R
  [0xffe9, 0x38], // Alt_L
  [0xffea, 0xe038], // Alt_R
  [0xfe03, 0xe038], // ISO_Level3_Shift
  [0xffeb, 0xe05b], // Super_L
  [0xffec, 0xe05c], // Super_R
  [0xffff, 0xe053], // Delete
];

const functionKey1 = 0xffbe;
const functionKeys = 10;

function build(): Map<number, KeysymKey> {
  const keys = new Map<number, KeysymKey>();
  for (const [first, plain, shifted] of rows) {
    for (const [characters, shift] of [
      [plain, false],
      [shifted, true],
    ] as const) {
      [...characters].forEach((character, i) => {
        keys.set(character.charCodeAt(0), { key: first + i, shift, letter: /[a-z]/i.test(character) });
      });
    }
  }
  for (const [keysym, key] of named) keys.set(keysym, { key, shift: undefined, letter: false });
  for (let i = 0; i < functionKeys; i++) keys.set(functionKey1 + i, { key: 0x3b + i, shift: undefined, letter: false });
  return keys;
}

/** Every keysym we know. Others have no key on a US keyboard. */
export const keysymKeys: ReadonlyMap<number, KeysymKey> = build();
