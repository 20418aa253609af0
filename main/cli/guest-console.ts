/** Watching what a guest says and shows, and typing on its keyboard: what `run` and scripts have in common. */
import { setTimeout as setTimer } from 'node:timers/promises';
import type { MachineInputMessage } from '../contract/machine.ts';
import { usage } from './exit.ts';

/** What a pattern is looked for in: the end of what was said. */
const SEARCHED = 256 * 1024;

/** How often the screen is read for a pattern, in milliseconds: it has no events of its content. */
export const SCREEN_INTERVAL = 100;

/** Between two keystrokes, in milliseconds: about what a fast typist takes, so that no guest's buffer overflows. */
const STROKE_INTERVAL = 30;

/** What COM1 has said, without carriage returns, and how much of it has been waited for. */
export class SerialText {
  #text = '';
  #taken = 0;
  readonly #decoder = new TextDecoder();

  add(bytes: Uint8Array): void {
    const whole = this.#text + this.#decoder.decode(bytes, { stream: true }).replaceAll('\r', '');
    this.#text = whole.slice(-SEARCHED);
    this.#taken = Math.max(0, this.#taken - (whole.length - this.#text.length));
  }

  /** What matches behind everything that was taken before; it is taken, too. */
  take(pattern: RegExp): string | undefined {
    const search = new RegExp(pattern.source, `${pattern.flags}g`);
    search.lastIndex = this.#taken;
    const match = search.exec(this.#text);
    if (match === null) return undefined;
    this.#taken = search.lastIndex;
    return match[0];
  }

  /** What nothing has been found in yet. */
  get rest(): string {
    return this.#text.slice(this.#taken);
  }
}

/** A text mode's rows as one text; empty in a graphics mode. */
export function screenLines(rows: readonly string[] | null | undefined): string {
  return (rows ?? []).map((row) => row.trimEnd()).join('\n');
}

/** Presses keys at the pace of a person, until all are pressed or `signal` is aborted. */
export async function typeStrokes(
  strokes: readonly (readonly number[])[],
  send: (input: MachineInputMessage) => unknown,
  signal: AbortSignal,
): Promise<void> {
  for (const bytes of strokes) {
    if (signal.aborted) return;
    await send({ kind: 'scancodes', bytes: [...bytes] });
    await pause(STROKE_INTERVAL, signal);
  }
}

/** Waits; an abort ends the wait early and is no error. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimer(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A pattern to look for; `what` names it in a refusal. `^` and `$` are the ends of lines. */
export function patternOf(what: string, text: string): RegExp {
  try {
    return new RegExp(text, 'm');
  } catch {
    throw usage(`${what}: ${JSON.stringify(text)} is not a regular expression.`);
  }
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\n', t: '\t', b: '\b', e: '\u001b', '\\': '\\' };

/** `\n`, `\t`, `\b`, `\e` and `\\`, since a shell has no keys for these. `what` names the text in a refusal. */
export function unescape(text: string, what = '--type'): string {
  return text.replace(/\\(.?)/gs, (whole, character: string) => {
    const plain = ESCAPES[character];
    if (plain === undefined) throw usage(`${what}: ${whole} is none of \\n, \\t, \\b, \\e, \\\\.`);
    return plain;
  });
}
