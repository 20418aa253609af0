/** Takes the steps of a script, one after the other, with a machine that is on. */
import type { StopCauseMessage } from '../../contract/debug.ts';
import type { RunStateName } from '../../contract/machine.ts';
import { writeAtomically } from '../../host/atomic-file.ts';
import type { Disk } from '../../host/disk.ts';
import { EXIT, outcomeOf } from '../exit.ts';
import { pause, SCREEN_INTERVAL, screenLines, SerialText, typeStrokes } from '../guest-console.ts';
import { nodeRows } from '../peek-command.ts';
import { jsonLine, line, type Terminal } from '../terminal.ts';
import type { ScriptGuest } from './guest.ts';
import type { Step } from './parse.ts';
import type { ScriptFile } from './script-file.ts';

/** How a script ended. `interrupted`: `signal` was aborted before the step that the sentence names was taken. */
export type ScriptEnd =
  { kind: 'done' } | { kind: 'failed'; status: number; sentence: string } | { kind: 'interrupted'; sentence: string };

export interface ScriptSurroundings {
  disk: Disk;
  terminal: Terminal;
  /** A line of JSON for each step. */
  json: boolean;
  /** Before something is printed: what else goes to stdout ends its line. */
  endLine?: (() => void) | undefined;
}

/** A step that did not come about. The message is a sentence; `shown` what there was instead. */
class StepFailure extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly shown: readonly string[] = [],
  ) {
    super(message);
    this.name = 'StepFailure';
  }
}

/** How often it is looked whether something has happened that is told by events. */
const eventInterval = 20;
/** So much of what COM1 said is shown when something else was waited for. */
const shownLines = 25;

/** Takes the steps until one fails or `signal` is aborted. Breakpoints of the script are gone afterwards. */
export async function runScript(
  { name, steps }: ScriptFile,
  guest: ScriptGuest,
  around: ScriptSurroundings,
  signal: AbortSignal,
): Promise<ScriptEnd> {
  const run = new ScriptRun(guest, around, signal);
  try {
    for (const step of steps) {
      const place = `${name}:${step.line}: ${step.text}`;
      const interrupted: ScriptEnd = { kind: 'interrupted', sentence: `${place}: The run ended before this was done.` };
      if (signal.aborted) return interrupted;
      const begun = performance.now();
      const tell = (result: Record<string, unknown>): void => {
        if (!around.json) return;
        around.endLine?.();
        const seconds = Math.round(performance.now() - begun) / 1000;
        jsonLine(around.terminal.stdout, { line: step.line, step: step.kind, ...result, seconds });
      };
      try {
        await run.ready();
        const found = await run.take(step);
        if (signal.aborted) return interrupted;
        tell({ ok: true, ...found });
      } catch (error) {
        if (signal.aborted) return interrupted;
        const failure = error instanceof StepFailure ? error : refusal(error);
        tell({ ok: false, problem: failure.message, shown: failure.shown });
        const shown = failure.shown.map((row) => `\n  | ${row}`).join('');
        return { kind: 'failed', status: failure.status, sentence: `${place}: ${failure.message}${shown}` };
      }
    }
    return { kind: 'done' };
  } finally {
    await run.close();
  }
}

/** What the host refuses while a script runs has failed, whatever the reason: the script itself was found good. */
function refusal(error: unknown): StepFailure {
  return new StepFailure(EXIT.failed, outcomeOf(error).sentence);
}

class ScriptRun {
  readonly #serial = new SerialText();
  readonly #breakpoints: number[] = [];
  readonly #end = new AbortController();
  #state: { state: RunStateName; reason: string } | undefined;
  /** Why it stands still; false while it does not. */
  #stopped: StopCauseMessage | false | undefined;
  #following: Promise<unknown> | undefined;
  #broken: unknown;

  constructor(
    private readonly guest: ScriptGuest,
    private readonly around: ScriptSurroundings,
    signal: AbortSignal,
  ) {
    signal.addEventListener('abort', () => this.#end.abort(), { once: true });
  }

  /** Returns when the machine's present state is known. */
  async ready(): Promise<void> {
    this.#following ??= Promise.all([this.#followMachine(), this.#followDebugger()]).catch((error: unknown) => {
      if (!this.#end.signal.aborted) this.#broken = error;
    });
    while (!this.#end.signal.aborted && this.#broken === undefined && (this.#state === undefined || this.#stopped === undefined))
      await pause(eventInterval, this.#end.signal);
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#following;
    if (this.#breakpoints.length === 0) return;
    try {
      await this.guest.removeBreakpoints(this.#breakpoints);
    } catch (error) {
      line(this.around.terminal.stderr, `vitrine: The script's breakpoints were not removed. ${outcomeOf(error).sentence}`);
    }
  }

  async #followMachine(): Promise<void> {
    for await (const event of await this.guest.events(this.#end.signal)) {
      if (event.kind === 'serial') this.#serial.add(event.bytes);
      else if (event.kind === 'state') this.#state = event;
    }
  }

  async #followDebugger(): Promise<void> {
    for await (const event of await this.guest.debugEvents(this.#end.signal)) {
      if (event.kind === 'stopped') this.#stopped = event.cause;
      else if (event.kind === 'running' || event.kind === 'off') this.#stopped = false;
    }
  }

  /** Does what the step says. Returns what is told of it. */
  async take(step: Step): Promise<Record<string, unknown>> {
    const { guest } = this;
    switch (step.kind) {
      case 'wait-screen':
        return { found: await this.#waitForScreen(step.pattern, step.timeout) };
      case 'wait-serial':
        return { found: await this.#waitForSerial(step.pattern, step.timeout) };
      case 'wait-stop':
        return { cause: await this.#waitForStop(step.timeout) };
      case 'wait-off':
        return { reason: await this.#waitForOff(step.timeout) };
      case 'wait':
        await pause(step.time, this.#end.signal);
        return {};
      case 'type':
      case 'keys':
        await typeStrokes(step.strokes, (input) => guest.input(input), this.#end.signal);
        return {};
      case 'send':
        await guest.input({ kind: 'serial', bytes: step.bytes });
        return {};
      case 'screenshot':
        await writeAtomically(this.around.disk, step.file, await guest.screenshot());
        return { file: step.file };
      case 'break': {
        const breakpoint = await guest.addBreakpoint(step.breakpoint);
        this.#breakpoints.push(breakpoint);
        return { breakpoint };
      }
      case 'pause':
        await guest.pause();
        return {};
      case 'continue':
        if (this.#stopped === false)
          throw new StepFailure(EXIT.failed, 'The machine does not stand still; wait-stop waits until it does.');
        // Its next stop is another one.
        this.#stopped = false;
        await guest.resume();
        return {};
      case 'peek':
        return this.#peek(step);
      case 'assert':
        return this.#assert(step);
    }
  }

  /** Asks again and again until there is an answer. */
  async #until<Answer>(
    look: () => Promise<Answer | undefined> | Answer | undefined,
    {
      timeout,
      interval,
      dead,
      instead,
    }: { timeout: number; interval: number; dead: RunStateName[]; instead: () => Promise<StepFailure> },
  ): Promise<Answer> {
    const begun = performance.now();
    for (;;) {
      // Before the look: what was said before the end counts.
      const { state, reason } = this.#state ?? { state: 'off', reason: '' };
      const last = performance.now() - begun >= timeout;
      const found = await look();
      if (found !== undefined) return found;
      if (this.#broken !== undefined) throw this.#broken;
      if (dead.includes(state)) {
        const { message, shown } = await instead();
        throw new StepFailure(EXIT.failed, `The machine is ${state} (${reason.replace(/\.$/u, '')}). ${message}`, shown);
      }
      if (last) {
        const { message, shown } = await instead();
        throw new StepFailure(EXIT.timeOut, `${timeout / 1000} s were not enough. ${message}`, shown);
      }
      await pause(Math.max(1, Math.min(interval, timeout - (performance.now() - begun))), this.#end.signal);
      this.#end.signal.throwIfAborted();
    }
  }

  #waitForScreen(pattern: RegExp, timeout: number): Promise<string> {
    let rows: readonly string[] | null = null;
    const look = async (): Promise<string | undefined> => {
      const now = await this.#screen();
      if (now !== undefined) rows = now;
      return pattern.exec(screenLines(rows))?.[0];
    };
    const instead = async (): Promise<StepFailure> => {
      if (rows === null) return new StepFailure(EXIT.failed, 'The screen is in a graphics mode, which has no text.');
      const shown = screenLines(rows).trimEnd();
      return shown === ''
        ? new StepFailure(EXIT.failed, 'The screen is empty.')
        : new StepFailure(EXIT.failed, 'The screen shows:', shown.split('\n'));
    };
    return this.#until(look, { timeout, interval: SCREEN_INTERVAL, dead: ['off', 'crashed', 'suspended'], instead });
  }

  /** Undefined when the machine went off; it keeps what it showed last to itself. */
  async #screen(): Promise<readonly string[] | null | undefined> {
    if (this.#isOff()) return undefined;
    try {
      return await this.guest.screenText();
    } catch (error) {
      // It may go off while it is asked, and the event comes behind the refusal.
      await pause(eventInterval, this.#end.signal);
      if (this.#isOff()) return undefined;
      throw error;
    }
  }

  #isOff(): boolean {
    return this.#state?.state === 'off' || this.#state?.state === 'suspended';
  }

  #waitForSerial(pattern: RegExp, timeout: number): Promise<string> {
    const instead = async (): Promise<StepFailure> => {
      const said = this.#serial.rest.trimEnd();
      return said === ''
        ? new StepFailure(EXIT.failed, 'COM1 has said nothing since.')
        : new StepFailure(EXIT.failed, 'COM1 has said since:', said.split('\n').slice(-shownLines));
    };
    const dead: RunStateName[] = ['off', 'crashed', 'suspended'];
    return this.#until(() => this.#serial.take(pattern), { timeout, interval: eventInterval, dead, instead });
  }

  async #waitForStop(timeout: number): Promise<StopCauseMessage> {
    const instead = async (): Promise<StepFailure> => new StepFailure(EXIT.failed, 'Nothing has stopped it.');
    const dead: RunStateName[] = ['off', 'crashed', 'suspended'];
    return this.#until(() => (this.#stopped === false ? undefined : this.#stopped), {
      timeout,
      interval: eventInterval,
      dead,
      instead,
    });
  }

  async #waitForOff(timeout: number): Promise<string> {
    const instead = async (): Promise<StepFailure> => new StepFailure(EXIT.failed, `It is ${this.#state?.state ?? 'on'}.`);
    const look = (): string | undefined => (this.#state?.state === 'off' ? this.#state.reason : undefined);
    return this.#until(look, { timeout, interval: eventInterval, dead: ['crashed', 'suspended'], instead });
  }

  async #peek({ cpu, profile, expression }: Extract<Step, { kind: 'peek' }>): Promise<Record<string, unknown>> {
    const result = await this.guest.peek(cpu, profile, expression);
    if (result === undefined) throw new StepFailure(EXIT.failed, 'There is no answer.');
    if (result.kind === 'error') {
      throw new StepFailure(EXIT.failed, `${result.column === undefined ? '' : `Column ${result.column}: `}${result.message}`);
    }
    if (result.node.unreadable !== undefined) throw new StepFailure(EXIT.failed, `It cannot be read: ${result.node.unreadable}.`);
    if (!this.around.json) {
      this.around.endLine?.();
      for (const row of nodeRows(result.node)) line(this.around.terminal.stdout, row);
    }
    return { value: result.node };
  }

  async #assert({ cpu, expression }: Extract<Step, { kind: 'assert' }>): Promise<Record<string, unknown>> {
    const value = await this.guest.valueOf(cpu, expression);
    if (value !== 0) return { value };
    const values: string[] = [];
    for (const part of operandsOf(expression)) values.push(`${part} is 0x${(await this.guest.valueOf(cpu, part)).toString(16)}`);
    throw new StepFailure(EXIT.failed, 'It does not hold.', values);
  }
}

/** The registers, symbols and memory that an expression names, each once. */
export function operandsOf(expression: string): string[] {
  const found = [];
  const operand = /(?:physical\s+)?\b(?:byte|word|dword)\s*\[|\b0x[0-9a-f]+\b|\b\d[0-9a-f]*h?\b|[a-z_.$@?][\w.$@?#~]*/giu;
  for (let match = operand.exec(expression); match !== null; match = operand.exec(expression)) {
    if (/^\d/u.test(match[0])) continue;
    if (match[0].endsWith('[')) {
      let depth = 1;
      let end = operand.lastIndex;
      for (; end < expression.length && depth > 0; end++) depth += { '[': 1, ']': -1 }[expression.charAt(end)] ?? 0;
      operand.lastIndex = end;
    }
    found.push(expression.slice(match.index, operand.lastIndex));
  }
  return [...new Set(found)];
}
