import { setTimeout as setTimer } from 'node:timers/promises';
import type { MachineEventMessage } from '../contract/machine.ts';
import { writeAtomically } from '../host/atomic-file.ts';
import type { MachineInput, MachineStatistics, Picture } from '../host/engine-types.ts';
import type { Disk } from '../host/disk.ts';
import { encodePng } from '../host/picture.ts';
import type { Session } from '../host/session.ts';
import { CommandError, EXIT, SIGNAL_EXIT } from './exit.ts';
import type { RunPlan } from './run-options.ts';
import { openSerial, type SerialPort } from './serial-port.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

/** Why a run ended. */
export type Outcome =
  | { kind: 'until-serial' | 'until-screen' | 'powered-off' | 'timeout' }
  | { kind: 'debug-exit'; value: number }
  | { kind: 'crashed'; reason: string }
  | { kind: 'signal'; signal: 'SIGINT' | 'SIGTERM' };

/** The exit status of an outcome (architecture, section 8). */
export function exitStatus(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'until-serial':
    case 'until-screen':
    case 'powered-off':
      return EXIT.done;
    case 'timeout':
      return EXIT.timeOut;
    case 'crashed':
      return EXIT.failed;
    case 'debug-exit':
      // As the shell sees it: the low eight bits.
      return ((outcome.value << 1) | 1) & 0xff;
    case 'signal':
      return SIGNAL_EXIT[outcome.signal];
  }
}

/** What a pattern is looked for in: the end of what was said. */
const SEARCHED = 256 * 1024;

/** A guest that resets and fails again and again says the same each time. */
const SHOWN_TRIPLE_FAULTS = 3;

/** How often the screen is read for a pattern, in milliseconds. */
const SCREEN_INTERVAL = 100;

/** Between two keystrokes, in milliseconds: about what a fast typist takes, so that no guest's buffer overflows. */
const STROKE_INTERVAL = 30;

/** A guest that shows nothing gets the keys after so many milliseconds. */
const SILENCE_LIMIT = 3000;

/** After the guest has first shown something, it is given this long to listen. */
const SETTLE_TIME = 500;

/**
 * Runs a machine that `start` powers on, until something of the plan ends it; then pulls the plug, and writes what the plan asks
 * for. Returns the exit status.
 */
export async function run(session: Session, start: () => Promise<unknown>, plan: RunPlan, disk: Disk, terminal: Terminal): Promise<number> {
  const watch = new Watch(session, plan, terminal);
  const stopListening = terminal.onSignal((signal) => watch.end({ kind: 'signal', signal }));
  const serial = await openSerial(
    plan.serial,
    terminal,
    (bytes) => watch.send({ kind: 'serial', bytes }),
    () => watch.end({ kind: 'signal', signal: 'SIGINT' }),
  );
  try {
    const outcome = await watch.until(start, serial);
    const last = await lastView(session);
    if (plan.screenshot !== undefined) {
      if (!last.picture) throw new CommandError(EXIT.failed, 'The machine left no picture, so no screenshot was written.');
      await writeAtomically(disk, plan.screenshot, encodePng(last.picture));
    }
    await serial.close();
    report(outcome, plan, last.statistics, terminal);
    return exitStatus(outcome);
  } finally {
    stopListening();
    if (session.on) await session.powerOff();
    await serial.close();
  }
}

/** Whether the machine can still be asked something. */
function isLive(session: Session): boolean {
  return session.on && session.state !== 'off';
}

/** Looks at a machine that is still on, then pulls the plug; of one that has gone off, what it left. */
async function lastView(session: Session): Promise<{ picture: Picture | undefined; statistics: MachineStatistics | undefined }> {
  try {
    if (isLive(session)) {
      const { machine } = session;
      const view = { picture: await machine.screenshot(), statistics: await machine.statistics() };
      await session.powerOff();
      return view;
    }
  } catch (error) {
    // It may go off while it is asked; then it has left what was asked for.
    if (isLive(session)) throw error;
  }
  await session.settled();
  return { picture: session.remains?.picture, statistics: session.remains?.statistics };
}

function report(outcome: Outcome, plan: RunPlan, statistics: MachineStatistics | undefined, terminal: Terminal): void {
  if (outcome.kind === 'crashed') line(terminal.stderr, `vitrine: ${outcome.reason}`);
  if (outcome.kind === 'timeout' && (plan.untilSerial ?? plan.untilScreen)) {
    line(terminal.stderr, 'vitrine: The time was up before what was waited for appeared.');
  }
  if (plan.json) jsonLine(terminal.stdout, { outcome: outcome.kind, status: exitStatus(outcome), statistics: statistics ?? null });
  else if (plan.stats) jsonLine(terminal.stdout, statistics ?? null);
}

/** Follows one run until it ends. */
class Watch {
  readonly #stop = new AbortController();
  #outcome: Outcome | undefined;
  /** Milliseconds (performance.now) at which the guest first showed or said something. */
  #firstSign: number | undefined;
  #tripleFaults = 0;
  #said = '';
  readonly #decoder = new TextDecoder();

  constructor(
    private readonly session: Session,
    private readonly plan: RunPlan,
    private readonly terminal: Terminal,
  ) {}

  /** The first reason counts. */
  end(outcome: Outcome): void {
    this.#outcome ??= outcome;
    this.#stop.abort();
  }

  /** Input for the guest; what comes while it is not on goes nowhere, as with a real cable. */
  send(input: MachineInput): void {
    if (!this.session.on) return;
    this.session.machine.input(input).catch((error: unknown) => {
      // The machine may go off at any time; other failures end the run by its own events.
      if (this.session.on) line(this.terminal.stderr, `vitrine: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  async until(start: () => Promise<unknown>, serial: SerialPort): Promise<Outcome> {
    const { signal } = this.#stop;
    const events = this.follow(this.session.events.subscribe([], signal), serial);
    let timer: NodeJS.Timeout | undefined;
    try {
      await start();
      if (this.plan.timeout !== undefined) timer = setTimeout(() => this.end({ kind: 'timeout' }), this.plan.timeout);
      await Promise.all([events, this.watchScreen(), this.type()]);
    } finally {
      clearTimeout(timer);
      this.#stop.abort();
    }
    if (!this.#outcome) throw new CommandError(EXIT.failed, 'The machine ended without saying why.');
    return this.#outcome;
  }

  private async follow(events: AsyncIterable<MachineEventMessage>, serial: SerialPort): Promise<void> {
    for await (const event of events) {
      if (event.kind === 'serial') {
        this.#firstSign ??= performance.now();
        serial.write(event.bytes);
        this.searchSerial(event.bytes);
      } else if (event.kind === 'debugConsole') this.terminal.stderr.write(event.bytes);
      else if (event.kind === 'debugExit') this.end({ kind: 'debug-exit', value: event.value });
      else if (event.kind === 'diskError') line(this.terminal.stderr, `vitrine: ${event.reason}`);
      else if (event.kind === 'tripleFault') this.reportTripleFault(event.chain);
      else if (event.kind === 'state' && event.state === 'crashed') this.end({ kind: 'crashed', reason: event.reason });
      else if (event.kind === 'state' && event.state === 'off') this.end({ kind: 'powered-off' });
      if (this.#outcome) return;
    }
  }

  private searchSerial(bytes: Uint8Array): void {
    if (!this.plan.untilSerial) return;
    this.#said = (this.#said + this.#decoder.decode(bytes, { stream: true })).slice(-SEARCHED);
    if (this.plan.untilSerial.test(this.#said.replaceAll('\r', ''))) this.end({ kind: 'until-serial' });
  }

  private reportTripleFault(chain: Extract<MachineEventMessage, { kind: 'tripleFault' }>['chain']): void {
    this.#tripleFaults++;
    if (this.#tripleFaults > SHOWN_TRIPLE_FAULTS) return;
    const steps = chain.map(({ vector, code, eip }) => `vector ${vector} (error code ${code.toString(16)}) at eip ${eip.toString(16).padStart(8, '0')}`);
    line(this.terminal.stderr, `vitrine: Triple fault: ${steps.join(', then ')}.`);
    if (this.#tripleFaults === SHOWN_TRIPLE_FAULTS) line(this.terminal.stderr, 'vitrine: Further triple faults of this run are not shown.');
  }

  /** The screen has no events of its content, so it is read again and again; only if somebody waits for it. */
  private async watchScreen(): Promise<void> {
    const pattern = this.plan.untilScreen;
    if (!pattern && this.plan.strokes.length === 0) return;
    while (!this.#stop.signal.aborted) {
      const text = await this.screen();
      if (text.trim() !== '') this.#firstSign ??= performance.now();
      if (pattern?.test(text)) this.end({ kind: 'until-screen' });
      if (!pattern && this.#firstSign !== undefined) return;
      await pause(SCREEN_INTERVAL, this.#stop.signal);
    }
  }

  private async screen(): Promise<string> {
    if (!isLive(this.session)) return '';
    try {
      const rows = await this.session.machine.screenText();
      return (rows ?? []).map((row) => row.trimEnd()).join('\n');
    } catch (error) {
      if (isLive(this.session)) throw error;
      return '';
    }
  }

  /** Keys are pressed once the guest has shown that it is there. */
  private async type(): Promise<void> {
    if (this.plan.strokes.length === 0) return;
    const { signal } = this.#stop;
    const begun = performance.now();
    const ready = (): boolean => {
      const now = performance.now();
      return this.#firstSign === undefined ? now - begun >= SILENCE_LIMIT : now - this.#firstSign >= SETTLE_TIME;
    };
    while (!ready() && !signal.aborted) await pause(SCREEN_INTERVAL, signal);
    for (const bytes of this.plan.strokes) {
      if (signal.aborted) return;
      this.send({ kind: 'scancodes', bytes });
      await pause(STROKE_INTERVAL, signal);
    }
  }
}

/** Waits; an abort ends the wait early and is no error. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimer(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
