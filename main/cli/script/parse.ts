/** Scripts (docs/formats/script.md): the text of a file as steps that can be taken, or everything that is wrong with it. */
import { CPU_MAXIMUM } from '../../contract/machine.ts';
import { checkBreakpoint, checkExpression, checkPath } from '../../host/debug/check-text.ts';
import { HostError } from '../../host/errors.ts';
import { scancodesOf, scancodesOfKeys } from '../../host/keyboard.ts';
import { CommandError } from '../exit.ts';
import { patternOf, unescape } from '../guest-console.ts';
import { mistaken } from './hint.ts';
import { LineError, restOf, splitWords } from './words.ts';

/** What a step does. Times in milliseconds. */
export type StepAction =
  | { readonly kind: 'wait-screen' | 'wait-serial'; readonly pattern: RegExp; readonly timeout: number }
  | { readonly kind: 'wait-stop' | 'wait-off'; readonly timeout: number }
  | { readonly kind: 'wait'; readonly time: number }
  /** Scancodes, a stroke each. */
  | { readonly kind: 'type' | 'keys'; readonly strokes: readonly (readonly number[])[] }
  /** For COM1. */
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'screenshot'; readonly file: string }
  | { readonly kind: 'break'; readonly breakpoint: string }
  | { readonly kind: 'pause' | 'continue' }
  | { readonly kind: 'peek'; readonly expression: string; readonly cpu: number; readonly profile: string | undefined }
  | { readonly kind: 'assert'; readonly expression: string; readonly cpu: number };

/** `text`: the line as it is written, without its comment's blanks. Lines count from 1. */
export type Step = StepAction & { readonly line: number; readonly text: string };

export interface ScriptError {
  readonly line: number;
  readonly message: string;
}

/** Steps, if nothing is wrong. */
export interface Script {
  readonly steps: readonly Step[];
  readonly errors: readonly ScriptError[];
}

/** How long a step waits where the script does not say. */
export const DEFAULT_TIMEOUT = 30_000;

/** The longest that a timer of Node can wait. */
const longestTime = 0x7fffffff;

const units: Record<string, number> = { ms: 1, s: 1000, '': 1000, m: 60_000 };

/** What holds for the lines behind the one that says it. */
interface Settings {
  timeout: number;
  cpu: number;
  profile: string | undefined;
}

/** A file's steps. Never throws for what the text says. */
export function parseScript(text: string): Script {
  const steps: Step[] = [];
  const errors: ScriptError[] = [];
  const settings: Settings = { timeout: DEFAULT_TIMEOUT, cpu: 0, profile: undefined };
  for (const [index, line] of text
    .replace(/^\uFEFF/u, '')
    .split(/\r\n|\n|\r/u)
    .entries()) {
    try {
      const action = readLine(line, settings);
      if (action !== undefined) steps.push({ ...action, line: index + 1, text: line.trim() });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      errors.push({ line: index + 1, message: error.message });
    }
  }
  if (errors.length === 0 && steps.length === 0) errors.push({ line: 1, message: 'The script has no step.' });
  return { steps: errors.length === 0 ? steps : [], errors };
}

function isRefusal(error: unknown): error is Error {
  return error instanceof LineError || error instanceof HostError || error instanceof CommandError;
}

/** Undefined for a line that is no step. */
function readLine(line: string, settings: Settings): StepAction | undefined {
  // The grammar behind these words has quotes and hashes of its own.
  const word = /^\s*(break|peek|assert)(?=\s|$)/u.exec(line)?.[1];
  if (word !== undefined) return readExpression(word, restOf(line), settings);
  const [kind, ...operands] = splitWords(line);
  if (kind === undefined) return undefined;
  switch (kind) {
    case 'timeout':
      settings.timeout = timeOf(one(kind, operands, 'a time, for instance timeout 20s'));
      return undefined;
    case 'cpu':
      settings.cpu = cpuOf(one(kind, operands, 'the number of a vCPU'));
      return undefined;
    case 'profile':
      settings.profile = one(kind, operands, 'the name of a profile');
      return undefined;
    case 'wait-screen':
    case 'wait-serial': {
      const { timeout, rest } = ownTimeout(operands, settings);
      return { kind, pattern: patternOf(kind, one(kind, rest, 'a pattern')), timeout };
    }
    case 'wait-stop':
    case 'wait-off': {
      const { timeout, rest } = ownTimeout(operands, settings);
      none(kind, rest);
      return { kind, timeout };
    }
    case 'wait':
      return { kind, time: waitOf(operands) };
    case 'type':
      return { kind, strokes: scancodesOf(unescape(one(kind, operands, 'a text'), kind)) };
    case 'keys':
      if (operands.length === 0)
        throw new LineError('keys takes keys, for instance keys ctrl+alt+delete, or keys down down enter.');
      return { kind, strokes: operands.map(scancodesOfKeys) };
    case 'send':
      // What a terminal sends for Enter.
      return { kind, bytes: new TextEncoder().encode(unescape(one(kind, operands, 'a text'), kind).replaceAll('\n', '\r')) };
    case 'screenshot':
      return { kind, file: one(kind, operands, 'a file, for instance screenshot prompt.png') };
    case 'pause':
    case 'continue':
      none(kind, operands);
      return { kind };
    default:
      throw new LineError(mistaken(kind));
  }
}

function readExpression(kind: string, text: string, { cpu, profile }: Settings): StepAction {
  if (kind === 'break') {
    checkBreakpoint(text);
    return { kind, breakpoint: text };
  }
  if (text === '')
    throw new LineError(`${kind} takes an expression, for instance ${kind === 'assert' ? 'assert eax == 1' : 'peek $eip'}.`);
  if (kind === 'peek') {
    checkPath(text);
    return { kind, expression: text, cpu, profile };
  }
  if (/[^=!<>]=[^=]/u.test(text)) throw new LineError('“=” changes nothing here; “==” compares.');
  if (text.startsWith('$')) throw new LineError(`assert names registers without “$”: assert ${text.replaceAll('$', '')}`);
  checkExpression(text);
  return { kind: 'assert', expression: text, cpu };
}

function none(kind: string, operands: readonly string[]): void {
  const [extra] = operands;
  if (extra !== undefined) throw new LineError(`${kind} takes nothing more; “${extra}” is too much.`);
}

/** The one operand that there has to be. */
function one(kind: string, operands: readonly string[], what: string): string {
  const [first, second] = operands;
  if (first === undefined || first === '') throw new LineError(`${kind} takes ${what}.`);
  if (second !== undefined) {
    throw new LineError(
      `${kind} takes one word, and “${second}” is another. Put quotes around what belongs together: ${kind} ${quoted(operands.join(' '))}`,
    );
  }
  return first;
}

function quoted(text: string): string {
  return text.includes("'") ? `"${text.replace(/["\\]/gu, '\\$&')}"` : `'${text}'`;
}

/** `… timeout 5s` at the end of a step is for this step alone. */
function ownTimeout(operands: readonly string[], { timeout }: Settings): { timeout: number; rest: readonly string[] } {
  const at = operands.lastIndexOf('timeout');
  if (at < 0 || at < operands.length - 2 || (at === operands.length - 1 && operands.length === 1))
    return { timeout, rest: operands };
  const time = operands[at + 1];
  if (time === undefined) throw new LineError('Behind “timeout” a time is missing, for instance timeout 5s.');
  return { timeout: timeOf(time), rest: operands.slice(0, at) };
}

function waitOf(operands: readonly string[]): number {
  const text = one('wait', operands, 'a time, for instance wait 500ms');
  if (!/^\d/u.test(text)) {
    throw new LineError(
      `wait takes a time, for instance wait 500ms, not ${text}. Text is waited for by wait-screen and wait-serial.`,
    );
  }
  return timeOf(text);
}

/** `500ms`, `5s`, `2m`; without a unit seconds. */
function timeOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|)$/u.exec(text);
  if (match === null) throw new LineError(`${text} is no time; write for instance 500ms, 5s or 2m.`);
  const time = Number(match[1]) * (units[match[2] ?? ''] ?? 0);
  if (time > longestTime)
    throw new LineError(`${text} is too long; a step waits for at most ${Math.floor(longestTime / 1000)} seconds.`);
  return time;
}

function cpuOf(text: string): number {
  const cpu = /^\d{1,2}$/u.test(text) ? Number(text) : CPU_MAXIMUM;
  if (cpu >= CPU_MAXIMUM) throw new LineError(`A vCPU has a number from 0 to ${CPU_MAXIMUM - 1}, not ${text}.`);
  return cpu;
}
