/** How long a word takes to the other side and back. It costs no message: each beat says when it was sent, and gives back the time of the last one that came. */

/** Times are the sender's own, in milliseconds, and mean nothing to the other but to be given back. */
export interface Beat {
  readonly kind: 'beat';
  readonly at: number;
  /** The last beat that came, if none has given it back yet: its time, and for how long it lay here. */
  readonly echo?: { readonly at: number; readonly after: number } | undefined;
}

/** Measurements of which one is made. */
const kept = 16;

export class RoundTrip {
  #heard: { at: number; when: number } | undefined;
  #measured: number[] = [];

  /** The beat to send now. */
  beat(now: number): Beat {
    const heard = this.#heard;
    this.#heard = undefined;
    return { kind: 'beat', at: now, ...(heard === undefined ? {} : { echo: { at: heard.at, after: now - heard.when } }) };
  }

  /** One has come. */
  take({ at, echo }: Beat, now: number): void {
    this.#heard = { at, when: now };
    if (echo === undefined) return;
    this.#measured.push(now - echo.at - echo.after);
    if (this.#measured.length > kept) this.#measured.shift();
  }

  /** The other side is another one from now on. */
  clear(): void {
    this.#heard = undefined;
    this.#measured = [];
  }

  /** The middle one of the last, with what both processes took to read it; null before the first. */
  get milliseconds(): number | null {
    const sorted = [...this.#measured].sort((one, two) => one - two);
    return sorted[sorted.length >> 1] ?? null;
  }
}
