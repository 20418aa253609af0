import { describe, expect, it } from 'vitest';
import { combinationName, inOrder, isPressed } from './combination.ts';

describe('a combination of keys', () => {
  it('has its modifiers first, and a name', () => {
    expect(inOrder(['Delete', 'AltRight', 'ControlLeft'])).toEqual(['ControlLeft', 'AltLeft', 'Delete']);
    expect(combinationName(['ControlLeft', 'AltLeft', 'Delete'])).toBe('Ctrl Alt Del');
    expect(combinationName(['MetaLeft', 'KeyL'])).toBe('Super L');
  });

  it('is pressed when exactly its keys are down, whichever side the modifiers are on', () => {
    expect(isPressed(['AltLeft', 'Tab'], ['AltRight', 'Tab'])).toBe(true);
    expect(isPressed(['AltLeft', 'Tab'], ['AltLeft', 'ShiftLeft', 'Tab'])).toBe(false);
    expect(isPressed(['AltLeft', 'Tab'], ['Tab'])).toBe(false);
  });
});
