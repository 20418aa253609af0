import { isPressed, type Combination } from './combination.ts';
import { scancodesOf } from '../../../main/contract/scancodes.ts';

/** What the release key does together with another key. */
export type ReleaseChord = 'full-screen' | 'ctrl-alt-del' | 'screenshot';

const CHORDS: Record<string, ReleaseChord> = { KeyF: 'full-screen', Delete: 'ctrl-alt-del', KeyS: 'screenshot' };

export interface KeyboardEffects {
  send(bytes: number[]): void;
  /** The release key was pressed alone: keys are the host's again. */
  letGo(): void;
  chord(chord: ReleaseChord): void;
}

/**
 * Keys on their way into the guest, while it has the keyboard. Knows which keys the guest believes to be down, so that none stays
 * down when the window loses the keyboard. The release key itself never goes inside.
 */
export class GuestKeyboard {
  readonly #down = new Set<string>();
  #releaseHeld = false;
  #chordMade = false;

  constructor(
    private readonly releaseKey: () => string,
    private readonly effects: KeyboardEffects,
    /** Combinations that stay with the host. */
    private readonly passThrough: () => readonly Combination[] = () => [],
  ) {}

  /** Returns whether the key was taken; the caller then keeps it from the page. */
  press(code: string): boolean {
    if (code === this.releaseKey()) {
      this.#releaseHeld = true;
      this.#chordMade = false;
      return true;
    }
    if (this.#releaseHeld) {
      const chord = CHORDS[code];
      if (chord !== undefined && !this.#chordMade) this.effects.chord(chord);
      this.#chordMade = true;
      return true;
    }
    if (this.passThrough().some((combination) => isPressed(combination, [...this.#down, code]))) {
      // What of it has gone inside already is let go there.
      this.releaseAll();
      return false;
    }
    const bytes = scancodesOf(code, true);
    if (bytes === undefined) return false;
    this.#down.add(code);
    this.effects.send(bytes);
    return true;
  }

  release(code: string): boolean {
    if (code === this.releaseKey() && this.#releaseHeld) {
      this.#releaseHeld = false;
      if (!this.#chordMade) this.effects.letGo();
      return true;
    }
    if (!this.#down.delete(code)) return scancodesOf(code, false) !== undefined;
    const bytes = scancodesOf(code, false);
    if (bytes !== undefined && bytes.length > 0) this.effects.send(bytes);
    return true;
  }

  /** Releases every key the guest believes to be down. */
  releaseAll(): void {
    this.#releaseHeld = false;
    const bytes = [...this.#down].flatMap((code) => scancodesOf(code, false) ?? []);
    this.#down.clear();
    if (bytes.length > 0) this.effects.send(bytes);
  }
}
