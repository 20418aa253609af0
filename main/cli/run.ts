import { dirname } from 'node:path';
import type { MachineEventMessage } from '../contract/machine.ts';
import { writeAtomically } from '../host/atomic-file.ts';
import type { MachineInput, MachineStatistics, Picture } from '../host/engine-types.ts';
import type { Disk } from '../host/disk.ts';
import { encodePng } from '../host/picture.ts';
import { checkPlace } from '../host/report/files.ts';
import type { Session } from '../host/session.ts';
import { CommandError, EXIT, SIGNAL_EXIT, usage } from './exit.ts';
import { serveGdb } from './gdb-command.ts';
import { pause, SCREEN_INTERVAL, screenLines, SerialText, typeStrokes } from './guest-console.ts';
import { rfbPassword } from './port.ts';
import type { RunPlan } from './run-options.ts';
import type { TakeReport } from './report-command.ts';
import type { ScriptEnd } from './script/run-script.ts';
import { openSerial, type SerialPort } from './serial-port.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

/** Why a run ended. */
export type Outcome =
  | { kind: 'until-serial' | 'until-screen' | 'powered-off' | 'timeout' }
  | { kind: 'debug-exit'; value: number }
  | { kind: 'script-done' }
  | { kind: 'script-failed'; status: number; sentence: string }
  | { kind: 'triple-fault' }
  | { kind: 'crashed'; reason: string }
  | { kind: 'signal'; signal: 'SIGINT' | 'SIGTERM' };

/** Takes the steps of a script until they are done or the signal is aborted. `endLine` is called before something is printed. */
export type TakeSteps = (signal: AbortSignal, endLine: () => void) => Promise<ScriptEnd>;

/** The exit status of an outcome (architecture, section 8). */
export function exitStatus(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'until-serial':
    case 'until-screen':
    case 'powered-off':
    case 'script-done':
      return EXIT.done;
    case 'timeout':
      return EXIT.timeOut;
    case 'triple-fault':
    case 'crashed':
      return EXIT.failed;
    case 'script-failed':
      return outcome.status;
    case 'debug-exit':
      // As the shell sees it: the low eight bits.
      return ((outcome.value << 1) | 1) & 0xff;
    case 'signal':
      return SIGNAL_EXIT[outcome.signal];
  }
}

/** A guest that resets and fails again and again says the same each time. */
const SHOWN_TRIPLE_FAULTS = 3;

/** A guest that shows nothing gets the keys after so many milliseconds. */
const SILENCE_LIMIT = 3000;

/** After the guest has first shown something, it is given this long to listen. */
const SETTLE_TIME = 500;

/**
 * Runs a machine that `start` powers on, until something of the plan ends it; then pulls the plug, and writes what the plan asks
 * for. Returns the exit status. `script` takes the steps of the plan's script with the machine, `report` the report it asks for.
 */
export async function run(
  session: Session,
  start: () => Promise<unknown>,
  plan: RunPlan,
  disk: Disk,
  terminal: Terminal,
  { script, report: takeReport }: { script?: TakeSteps | undefined; report?: TakeReport } = {},
): Promise<number> {
  // Said now, and not when an hour's picture is lost.
  const { screenshot } = plan;
  if (screenshot !== undefined && (await disk.status(dirname(screenshot)))?.folder !== true) {
    throw usage(`The screenshot cannot go to ${screenshot}: there is no folder ${dirname(screenshot)}.`);
  }
  if (plan.report !== undefined) await checkPlace(disk, plan.report);
  const watch = new Watch(session, plan, terminal, script);
  const stopListening = terminal.onSignal((signal) => watch.end({ kind: 'signal', signal }));
  const serial = await openSerial(
    plan.serial,
    terminal,
    (bytes) => watch.send({ kind: 'serial', bytes }),
    () => watch.end({ kind: 'signal', signal: 'SIGINT' }),
  );
  try {
    const outcome = await watch.until(start, serial);
    const kept = plan.report === undefined || takeReport === undefined ? undefined : await keepReport(session, plan.report, takeReport, terminal);
    const last = await lastView(session);
    if (plan.screenshot !== undefined) {
      if (!last.picture) throw new CommandError(EXIT.failed, 'The machine left no picture, so no screenshot was written.');
      await writeAtomically(disk, plan.screenshot, encodePng(last.picture));
    }
    await serial.close();
    if (kept === false) throw new CommandError(EXIT.failed, 'The machine had gone off by itself, so there was nothing to report.');
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

/** Takes the report of a machine that is still on; false: there is none to take it of. Another Ctrl-C ends it. */
async function keepReport(session: Session, path: string, takeReport: TakeReport, terminal: Terminal): Promise<boolean> {
  if (!isLive(session)) return false;
  const abort = new AbortController();
  const stopListening = terminal.onSignal(() => abort.abort());
  try {
    const { problems } = await takeReport(session, path, abort.signal);
    for (const problem of problems) line(terminal.stderr, `vitrine: ${problem}`);
    return true;
  } catch (error) {
    // It may go off while it is asked.
    if (isLive(session)) throw error;
    return false;
  } finally {
    stopListening();
  }
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
  if (outcome.kind === 'script-failed') line(terminal.stderr, `vitrine: ${outcome.sentence}`);
  if (outcome.kind === 'crashed') line(terminal.stderr, `vitrine: ${outcome.reason}`);
  if (outcome.kind === 'timeout' && (plan.untilSerial ?? plan.untilScreen)) {
    line(terminal.stderr, 'vitrine: The time was up before what was waited for appeared.');
  }
  if (plan.json)
    jsonLine(terminal.stdout, { outcome: outcome.kind, status: exitStatus(outcome), statistics: statistics ?? null });
  else if (plan.stats) jsonLine(terminal.stdout, statistics ?? null);
}

/** Follows one run until it ends. */
class Watch {
  readonly #stop = new AbortController();
  #outcome: Outcome | undefined;
  /** Milliseconds (performance.now) at which the guest first showed or said something. */
  #firstSign: number | undefined;
  #tripleFaults = 0;
  readonly #said = new SerialText();

  constructor(
    private readonly session: Session,
    private readonly plan: RunPlan,
    private readonly terminal: Terminal,
    private readonly script: TakeSteps | undefined,
  ) {}

  /** The first reason counts. */
  end(outcome: Outcome): void {
    this.#outcome ??= outcome;
    this.#stop.abort();
  }

  /** Input for the guest; what comes while it is not on goes nowhere, as with a real cable. */
  send(input: MachineInput): void {
    const { running } = this.session;
    // While it is being started it is on, and there is no machine yet, or one that is off.
    if (running === undefined || !isLive(this.session)) return;
    running.input(input).catch((error: unknown) => {
      // The machine may go off at any time; other failures end the run by its own events.
      if (this.session.on) line(this.terminal.stderr, `vitrine: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  async until(start: () => Promise<unknown>, serial: SerialPort): Promise<Outcome> {
    const { signal } = this.#stop;
    const events = this.follow(this.session.events.subscribe([], signal), serial);
    let timer: NodeJS.Timeout | undefined;
    try {
      if (this.plan.stopAtTripleFault) await this.session.debug.stopAtTripleFault(true);
      await start();
      if (this.plan.gdb !== undefined) {
        await serveGdb(this.session, this.plan.gdb, this.terminal);
        if (!this.plan.paused) await this.session.machine.resume();
      }
      if (this.plan.rfb !== undefined) await this.serveRfb(this.plan.rfb);
      if (this.plan.timeout !== undefined) timer = setTimeout(() => this.end({ kind: 'timeout' }), this.plan.timeout);
      await Promise.all([events, this.watchScreen(), this.type(), this.takeSteps(serial)]);
    } finally {
      clearTimeout(timer);
      this.#stop.abort();
    }
    if (!this.#outcome) throw new CommandError(EXIT.failed, 'The machine ended without saying why.');
    return this.#outcome;
  }

  private async serveRfb(place: { address: string; port: number }): Promise<void> {
    const { rfb } = this.session.displays;
    await rfb.listen({ ...place, password: rfbPassword(this.terminal.environment) });
    const { address, port } = rfb.listening ?? place;
    line(this.terminal.stderr, `vitrine: VNC viewers may connect to ${address}, port ${port} (${address}::${port} for TigerVNC).`);
  }

  private async takeSteps(serial: SerialPort): Promise<void> {
    const end = await this.script?.(this.#stop.signal, () => serial.endLine?.());
    if (end?.kind === 'done') this.end({ kind: 'script-done' });
    else if (end?.kind === 'failed') this.end({ ...end, kind: 'script-failed' });
    else if (end?.kind === 'interrupted' && this.#outcome?.kind !== 'signal') line(this.terminal.stderr, `vitrine: ${end.sentence}`);
  }

  private async follow(events: AsyncIterable<MachineEventMessage>, serial: SerialPort): Promise<void> {
    for await (const event of events) {
      if (event.kind === 'serial') {
        this.#firstSign ??= performance.now();
        serial.write(event.bytes);
        this.searchSerial(event.bytes);
      } else if (event.kind === 'debugConsole') this.terminal.stderr.write(event.bytes);
      else if (event.kind === 'debugExit') this.end({ kind: 'debug-exit', value: event.value });
      else if (event.kind === 'guard') line(this.terminal.stderr, `vitrine: ${event.sentence}`);
      else if (event.kind === 'diskError') line(this.terminal.stderr, `vitrine: ${event.reason}`);
      else if (event.kind === 'tripleFault') this.reportTripleFault(event.chain);
      // It stands still right behind its triple fault.
      else if (event.kind === 'state' && event.state === 'paused' && this.plan.stopAtTripleFault && this.#tripleFaults > 0)
        this.end({ kind: 'triple-fault' });
      // A script may wait for the end; what was to come behind it fails by itself.
      else if (this.script !== undefined && event.kind === 'state') continue;
      else if (event.kind === 'state' && event.state === 'crashed') this.end({ kind: 'crashed', reason: event.reason });
      else if (event.kind === 'state' && event.state === 'off') this.end({ kind: 'powered-off' });
      if (this.#outcome) return;
    }
  }

  private searchSerial(bytes: Uint8Array): void {
    if (!this.plan.untilSerial) return;
    this.#said.add(bytes);
    if (this.#said.take(this.plan.untilSerial) !== undefined) this.end({ kind: 'until-serial' });
  }

  private reportTripleFault(chain: Extract<MachineEventMessage, { kind: 'tripleFault' }>['chain']): void {
    this.#tripleFaults++;
    if (this.#tripleFaults > SHOWN_TRIPLE_FAULTS) return;
    const steps = chain.map(
      ({ vector, code, eip }) => `vector ${vector} (error code ${code.toString(16)}) at eip ${eip.toString(16).padStart(8, '0')}`,
    );
    line(this.terminal.stderr, `vitrine: Triple fault: ${steps.join(', then ')}.`);
    if (this.#tripleFaults === SHOWN_TRIPLE_FAULTS)
      line(this.terminal.stderr, 'vitrine: Further triple faults of this run are not shown.');
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
      return screenLines(await this.session.machine.screenText());
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
    await typeStrokes(this.plan.strokes, (input) => this.send(input), signal);
  }
}
