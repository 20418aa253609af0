/** Keys of a set 1 keyboard as Linux numbers them. The original keys have the same numbers; the others are listed (input-event-codes.h). */

// prettier-ignore
const plainOthers: readonly (readonly [code: number, key: number])[] = [
  [0x54, 99], [0x56, 86], [0x57, 87], [0x58, 88], [0x59, 117],
  [0x64, 183], [0x65, 184], [0x66, 185], [0x67, 186], [0x68, 187], [0x69, 188], [0x6a, 189], [0x6b, 190], [0x6c, 191], [0x6d, 192], [0x6e, 193],
  [0x70, 93], [0x73, 89], [0x76, 194], [0x77, 91], [0x78, 90], [0x79, 92], [0x7b, 94], [0x7d, 124], [0x7e, 121],
];
/** With the prefix E0. */
// prettier-ignore
const extendedKeys: readonly (readonly [code: number, key: number])[] = [
  [0x10, 165], [0x19, 163], [0x1c, 96], [0x1d, 97], [0x20, 113], [0x21, 140], [0x22, 164], [0x24, 166], [0x2e, 114], [0x30, 115], [0x32, 172],
  [0x35, 98], [0x37, 99], [0x38, 100], [0x46, 119], [0x47, 102], [0x48, 103], [0x49, 104], [0x4b, 105], [0x4d, 106], [0x4f, 107], [0x50, 108],
  [0x51, 109], [0x52, 110], [0x53, 111], [0x5b, 125], [0x5c, 126], [0x5d, 127], [0x5e, 116], [0x5f, 142], [0x63, 143], [0x65, 217], [0x66, 156],
  [0x67, 173], [0x68, 128], [0x69, 159], [0x6a, 158], [0x6b, 157], [0x6c, 155], [0x6d, 226],
];
const pauseKey = 119;
const lastOriginal = 0x53;

const plain = new Map(plainOthers);
for (let code = 1; code <= lastOriginal; code++) plain.set(code, code);
const extended = new Map(extendedKeys);

/** All that there are. */
export const allKeys: readonly number[] = [...new Set([...plain.values(), ...extended.values(), pauseKey])];

export interface KeyStroke {
  key: number;
  down: boolean;
}

/** One whole key of set 1, prefixes included. Undefined: it is none that Linux knows, such as the shifts that keyboards put around some keys. */
export function keyOf(bytes: readonly number[]): KeyStroke | undefined {
  const [first = 0, second = 0] = bytes;
  const last = first === 0xe0 || first === 0xe1 ? second : first;
  const down = (last & 0x80) === 0;
  const code = last & 0x7f;
  const key = first === 0xe1 ? (code === 0x1d ? pauseKey : undefined) : (first === 0xe0 ? extended : plain).get(code);
  return key === undefined ? undefined : { key, down };
}
