import { keyName } from './key-name.ts';

/** Keys that are pressed together, as KeyboardEvent.code, modifiers first. */
export type Combination = readonly string[];

const SIDED = /^(Control|Alt|Shift|Meta)(Left|Right)$/;
const ORDER = ['Control', 'Alt', 'Shift', 'Meta'];
const SHORT: Record<string, string> = {
  ControlLeft: 'Ctrl',
  AltLeft: 'Alt',
  ShiftLeft: 'Shift',
  MetaLeft: 'Super',
  Delete: 'Del',
};

export const isModifier = (code: string): boolean => SIDED.test(code);

/** The same key whichever side it is on. */
const plain = (code: string): string => code.replace(SIDED, '$1');

/** For instance "Ctrl Alt Del". */
export function combinationName(keys: Combination): string {
  return keys.map((key) => SHORT[key] ?? keyName(key)).join(' ');
}

/** Modifiers first, in the usual order, each as its left one. */
export function inOrder(keys: Iterable<string>): string[] {
  const all = [...new Set([...keys].map((key) => (isModifier(key) ? `${plain(key)}Left` : key)))];
  const rank = (key: string): number => (isModifier(key) ? ORDER.indexOf(plain(key)) : ORDER.length);
  return all.sort((a, b) => rank(a) - rank(b));
}

/** Whether exactly these keys are down. */
export function isPressed(combination: Combination, down: Iterable<string>): boolean {
  const pressed = new Set([...down].map(plain));
  return pressed.size === new Set(combination.map(plain)).size && combination.every((key) => pressed.has(plain(key)));
}
