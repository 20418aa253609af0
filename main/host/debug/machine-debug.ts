import { callStack } from '../../../engine/debug/call-stack.ts';
import { describeHit, describeWatched, parseBreakpoint } from '../../../engine/debug/breakpoint-text.ts';
import { listenForGdb, type GdbListener } from '../../../engine/debug/gdb/listener.ts';
import { runTo, stepInto, stepLine, stepOut, stepOver } from '../../../engine/debug/stepping.ts';
import { BreakpointStore, type Breakpoint } from '../../../engine/debug/store.ts';
import { readSymbols } from '../../../engine/debug/symbols/read-symbols.ts';
import { SymbolError, SymbolTable, type LineEntry } from '../../../engine/debug/symbols/symbol-table.ts';
import type { StopCause } from '../../../engine/machine/debug/breakpoint.ts';
import { evaluate, ExpressionError, parseExpression } from '../../../engine/machine/debug/expression.ts';
import { evaluateWithMemory } from './evaluate.ts';
import { knownNames, registerParts } from '../../../engine/machine/debug/registers.ts';
import type { Machine, MachineEvent } from '../../../engine/machine/machine.ts';
import type {
  BreakpointMessage,
  BreakpointSettings,
  DebugEventMessage,
  GdbServerMessage,
  SourceLine,
  StopCauseMessage,
} from '../../contract/debug.ts';
import type { Disk } from '../disk.ts';
import { explain, HostError } from '../errors.ts';
import { EventChannel } from '../event-channel.ts';
import { BreakpointFile, watchedMessage, watchedOf } from './breakpoint-file.ts';
import { attachLines } from './attach-lines.ts';
import { vectorName } from './decode.ts';

/** Lines of logging breakpoints that wait for a slow reader. */
const waitingLines = 2000;

/** Keeps what waits for a slow reader small: newer lists replace older ones, log lines are bounded. */
function merge(last: DebugEventMessage, next: DebugEventMessage): DebugEventMessage | undefined {
  if (last.kind === 'logged' && next.kind === 'logged') {
    const lines = [...last.lines, ...next.lines];
    const dropped = Math.max(0, lines.length - waitingLines);
    return { kind: 'logged', lines: lines.slice(dropped), lost: last.lost + next.lost + dropped };
  }
  if (
    last.kind === next.kind &&
    (next.kind === 'breakpoints' || next.kind === 'edited' || next.kind === 'symbols' || next.kind === 'gdb')
  )
    return next;
  return undefined;
}

/** Labels and lines of the assembly that a machine is made of, and its file's name; undefined where it is made of something else. */
export type OwnSymbols = () => Promise<
  { name: string; labels: ReadonlyMap<string, number>; lines: readonly LineEntry[] } | undefined
>;

/** A refusal of the debugger as one of the host. */
function refused(error: unknown): unknown {
  if (error instanceof ExpressionError || error instanceof SymbolError)
    return new HostError('BAD_INPUT', error.message, { cause: error });
  return error;
}

/**
 * Everything about debugging one machine that outlives its runs: breakpoints, symbols, event readers; and its gdb server while it is on. One per
 * Session, on the main thread.
 */
export class MachineDebug {
  readonly symbols = new SymbolTable();
  readonly store = new BreakpointStore((name) => this.symbols.find(name));
  readonly events = new EventChannel<DebugEventMessage>(merge);
  #machine: Machine | undefined;
  #unsubscribe: (() => void) | undefined;
  #listener: GdbListener | undefined;
  #cause: StopCause | undefined;
  #ownLabels: ReadonlyMap<string, number> | undefined;
  #chain: Extract<MachineEvent, { kind: 'tripleFault' }>['chain'] = [];
  readonly #file: BreakpointFile | undefined;
  #opened: Promise<void> | undefined;
  #isOpen = false;
  #stopsAtTripleFault = false;

  /** Without a folder nothing is kept. */
  constructor(
    folder: string | undefined,
    disk: Disk,
    private readonly warn: (sentence: string) => void,
    private readonly ownSymbols?: OwnSymbols,
  ) {
    this.#file = folder === undefined ? undefined : new BreakpointFile(folder, disk, this.store, warn);
  }

  /** Before anything else: what was kept of breakpoints is there afterwards. */
  open(): Promise<void> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open(): Promise<void> {
    // Conditions of kept breakpoints may name them.
    await this.#readOwnSymbols();
    await this.#file?.open();
    await this.#moveToLines();
    this.store.onChange(() => void this.#announceBreakpoints());
    this.#isOpen = true;
  }

  /** The names that the machine's own source gives, as it is now. */
  async #readOwnSymbols(): Promise<void> {
    try {
      const own = await this.ownSymbols?.();
      if (own === undefined || own.labels === this.#ownLabels) return;
      this.#ownLabels = own.labels;
      this.setLabels(own.name, own.labels, own.lines);
    } catch (error) {
      this.warn(`The labels of the machine's own source cannot be read. ${explain(error, 'source').message}`);
    }
  }

  /** Breakpoints of source lines go to where the code of their lines is now. One whose line has no code any more stays, turned off. */
  async #moveToLines(): Promise<void> {
    for (const { id, watched, source, enabled } of this.store.list) {
      if (source === undefined || watched.kind !== 'execute' || !this.symbols.hasLines(source.file)) continue;
      const address = this.symbols.addressOf(source.file, source.line);
      if (address === undefined) {
        if (enabled) await this.store.change(id, { enabled: false });
      } else if (address !== watched.address) await this.store.change(id, { watched: { kind: 'execute', space: 'linear', address } });
    }
  }

  /** The machine's own source was changed while it is off: names, lines and breakpoints follow. */
  async sourceChanged(): Promise<void> {
    if (!this.#isOpen || this.#machine !== undefined) return;
    await this.#readOwnSymbols();
    await this.#moveToLines();
  }

  /** A machine is about to start: it gets its breakpoints before its first instruction. */
  async attach(machine: Machine): Promise<void> {
    await this.open();
    await this.#readOwnSymbols();
    await this.#moveToLines();
    this.#machine = machine;
    this.#chain = [];
    this.#unsubscribe = machine.on((event) => this.#hear(event));
    await this.store.attach(machine);
    if (this.#stopsAtTripleFault) await machine.debug('stopAtTripleFault', true);
  }

  /** The machine is off. */
  async detach(): Promise<void> {
    if (this.#machine === undefined) return;
    this.#machine = undefined;
    this.#unsubscribe?.();
    this.#cause = undefined;
    await this.stopGdb();
    await this.store.detach();
    this.events.publish({ kind: 'off' });
    await this.#file?.settled();
  }

  async dispose(): Promise<void> {
    await this.detach();
    await this.#file?.settled();
    this.events.close();
  }

  #hear(event: MachineEvent): void {
    if (event.kind === 'tripleFault') this.#chain = event.chain;
    else if (event.kind === 'state' && event.state === 'running') {
      this.#cause = undefined;
      this.events.publish({ kind: 'running' });
    } else if (event.kind === 'debug' && event.event.kind === 'logged') {
      const { cpu, id, text } = event.event;
      this.events.publish({ kind: 'logged', lines: [{ cpu, id, text }], lost: 0 });
    } else if (event.kind === 'debug' && event.event.kind === 'stopped') {
      this.#cause = event.event.cause;
      this.events.publish({ kind: 'stopped', cause: causeMessage(event.event.cause) });
      void this.#announceBreakpoints();
    }
  }

  async #announceBreakpoints(): Promise<void> {
    try {
      this.events.publish({ kind: 'breakpoints', breakpoints: await this.list() });
    } catch {
      // The machine went off while it was asked; its end is announced by itself.
    }
  }

  /** The present, then what happens. */
  async watch(signal?: AbortSignal): Promise<AsyncGenerator<DebugEventMessage, void, void>> {
    await this.open();
    const present: DebugEventMessage[] = [{ kind: 'breakpoints', breakpoints: await this.list() }];
    if (this.#machine === undefined || this.#machine.state === 'off') present.push({ kind: 'off' });
    else if (this.#machine.state === 'running') present.push({ kind: 'running' });
    else present.push({ kind: 'stopped', cause: causeMessage(this.#cause ?? { kind: 'pause' }) });
    return this.events.subscribe(present, signal);
  }

  get machine(): Machine {
    if (this.#machine === undefined) throw new HostError('WRONG_STATE', 'The machine is off; start it first.');
    return this.#machine;
  }

  /** Whether a triple fault stops the machine before it is reset. */
  get stopsAtTripleFault(): boolean {
    return this.#stopsAtTripleFault;
  }

  /** From now on, and in later runs; also while it is off. */
  async stopAtTripleFault(stop: boolean): Promise<void> {
    this.#stopsAtTripleFault = stop;
    await this.#machine?.debug('stopAtTripleFault', stop);
  }

  /** Why the machine stands still; null while it runs or is off, and where nobody said so. */
  get stop(): StopCauseMessage | null {
    return this.#cause === undefined ? null : causeMessage(this.#cause);
  }

  /** The exceptions behind the last triple fault since power-on, oldest first. */
  chainMessage() {
    return this.#chain.map(({ state, ...entry }) => {
      // Where the bases are not known, flat code is what most kernels have.
      const linear = state !== undefined && (state.cr0 & 1) === 0 ? ((state.cs << 4) + entry.eip) >>> 0 : entry.eip;
      return { ...entry, name: vectorName(entry.vector), symbol: this.symbolAt(linear), state: state ?? null };
    });
  }

  // Breakpoints

  async list(): Promise<BreakpointMessage[]> {
    await this.open();
    const hits = await this.store.hits();
    return this.store.list
      .filter(({ owner }) => owner !== 'run')
      .map((breakpoint) => this.#message(breakpoint, hits.get(breakpoint.id) ?? 0));
  }

  async add({ at, ...settings }: BreakpointSettings & { at?: SourceLine | null | undefined }): Promise<BreakpointMessage> {
    return this.#refusing(async () =>
      this.#message(await this.store.add(this.#atLine(settingsOf(settings), at ?? settings.source)), 0),
    );
  }

  /** What is set at a line stands at the code of that line in the program as it is now, if that is known. */
  #atLine<Settings extends Pick<Breakpoint, 'watched'>>(settings: Settings, line: SourceLine | null | undefined): Settings {
    const address = line && settings.watched.kind === 'execute' ? this.symbols.addressOf(line.file, line.line) : undefined;
    return address === undefined ? settings : { ...settings, watched: { kind: 'execute', space: 'linear', address } };
  }

  async addText(text: string): Promise<BreakpointMessage> {
    return this.#refusing(async () =>
      this.#message(await this.store.add(parseBreakpoint(text, (name) => this.symbols.find(name))), 0),
    );
  }

  async change(id: number, change: Partial<BreakpointSettings>): Promise<BreakpointMessage> {
    return this.#refusing(async () => {
      const before = this.store.get(id);
      if (before === undefined) throw new HostError('NOT_FOUND', `There is no breakpoint ${id}.`);
      const after = await this.store.change(id, settingsOf({ ...this.#message(before, 0), ...change }));
      if (change.source !== undefined) await this.sourceChanged();
      return this.#message(after, (await this.store.hits()).get(id) ?? 0);
    });
  }

  async remove(ids: readonly number[]): Promise<void> {
    await this.open();
    await this.store.remove(...ids);
  }

  #message(breakpoint: Breakpoint, hits: number): BreakpointMessage {
    const { id, watched, source, cpu, condition, ignore, log, temporary, enabled, owner } = breakpoint;
    const isPlace = (watched.kind === 'execute' || watched.kind === 'data') && watched.space === 'linear';
    return {
      id,
      watched: watchedMessage(watched),
      source: source ?? null,
      cpu: cpu ?? null,
      condition: condition ?? null,
      ignore,
      log: log ?? null,
      temporary,
      enabled,
      owner,
      hits,
      text: describeWatched(watched),
      symbol: isPlace ? this.symbolAt(watched.address) : null,
      at: (isPlace && watched.kind === 'execute' && this.symbols.lineAt(watched.address)) || null,
    };
  }

  async #refusing<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.open();
    try {
      return await work();
    } catch (error) {
      throw refused(error);
    }
  }

  // Running

  async step(cpu: number, kind: 'into' | 'over' | 'out' | 'line', others: 'stopped' | 'running'): Promise<void> {
    const { machine, store } = this;
    if (kind === 'line') await stepLine(machine, store, cpu, others, (address) => this.lineKey(address));
    else if (kind === 'into') await stepInto(machine, cpu, others);
    else if (kind === 'over') await stepOver(machine, store, cpu, others);
    else await stepOut(machine, store, cpu);
  }

  async runTo(cpu: number | undefined, address: number): Promise<void> {
    await runTo(this.machine, this.store, cpu, address);
  }

  callStack(cpu: number) {
    return callStack(this.machine, cpu);
  }

  /** After registers or memory were changed by a person. */
  edited(): void {
    this.events.publish({ kind: 'edited' });
  }

  // Symbols

  addSymbols(name: string, bytes: Uint8Array, bias: number) {
    try {
      const loaded = this.symbols.add(name, readSymbols(bytes, name), bias);
      this.#renamed();
      return loaded;
    } catch (error) {
      throw refused(error);
    }
  }

  /** Labels of the assembly that the machine is made of are symbols as those of any file. */
  setLabels(name: string, labels: ReadonlyMap<string, number>, lines: readonly LineEntry[] = []): void {
    if (labels.size === 0 && lines.length === 0) return;
    const symbols = [...labels].map(([label, address]) => ({
      name: label,
      address: address >>> 0,
      size: 0,
      kind: 'other' as const,
    }));
    this.symbols.add(name, { symbols, lines });
    this.#renamed();
  }

  /** Names are others now, also those of breakpoints. */
  #renamed(): void {
    this.events.publish({ kind: 'symbols' });
    // Before it is opened there is nobody who listens, and opening is what may be under way.
    if (this.#isOpen) void this.#announceBreakpoints();
  }

  removeSymbols(name: string): void {
    if (this.symbols.remove(name)) this.#renamed();
  }

  /** Says whether two addresses belong to one line; undefined where no line is known. */
  private lineKey(address: number): string | undefined {
    const found = this.symbols.lineAt(address);
    return found && `${found.file}:${found.line}`;
  }

  /** "name+0x12" of an address. */
  symbolAt(address: number): string | null {
    const found = this.symbols.at(address);
    if (found === undefined) return null;
    return found.offset === 0 ? found.name : `${found.name}+0x${found.offset.toString(16)}`;
  }

  /** The value of an expression at this moment, or of one without registers and memory while the machine is off. */
  async resolve(cpu: number, text: string): Promise<number> {
    try {
      const expression = parseExpression(text, knownNames, (name) => this.symbols.find(name));
      const machine = this.#machine;
      if (machine === undefined)
        return evaluate(expression, { name: () => undefined, segmentBase: () => 0, memory: () => undefined });
      const { registers, cpl, pc, stack } = await machine.debug('registers', { cpu });
      const value = (name: string): number | undefined => {
        const part = registerParts.get(name);
        const found = registers.find((each) => each.name === (part?.of ?? name));
        if (found === undefined) return new Map(Object.entries({ cpl, pc, stack, cpu })).get(name);
        const whole = Number(BigInt.asUintN(32, found.value));
        return part === undefined ? whole : (whole >>> part.shift) & part.mask;
      };
      return await evaluateWithMemory(
        expression,
        { name: value, segmentBase: (segment) => value(`${segment}_base`) ?? 0 },
        async (address, size, physical) => {
          const space = physical ? ({ kind: 'physical' } as const) : ({ kind: 'linear', cpu } as const);
          const { bytes, readable } = await machine.debug('readMemory', { space, address, length: size });
          return readable.includes(0) ? undefined : bytes.reduceRight((all, byte) => all * 256 + byte, 0);
        },
      );
    } catch (error) {
      throw refused(error);
    }
  }

  // gdb

  get gdb(): GdbServerMessage | undefined {
    const listener = this.#listener;
    if (listener === undefined) return undefined;
    const { host, port, attached } = listener;
    return { host, port, attached, lines: attachLines(host, port) };
  }

  /** Lets gdb attach; where it can already, that stays unless another port or host is named. */
  async startGdb(port = 0, host?: string): Promise<GdbServerMessage> {
    const now = this.gdb;
    if (now !== undefined && (port === 0 || port === now.port) && (host === undefined || host === now.host)) return now;
    const { machine, store, warn } = this;
    // A port that cannot be had must not cost the one that is served.
    const listener = await listenForGdb({
      machine,
      store,
      port,
      host,
      warn,
      changed: () => this.events.publish({ kind: 'gdb' }),
    });
    await this.stopGdb();
    this.#listener = listener;
    this.events.publish({ kind: 'gdb' });
    return { host: listener.host, port: listener.port, attached: false, lines: attachLines(listener.host, listener.port) };
  }

  async stopGdb(): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    await listener.close();
    this.events.publish({ kind: 'gdb' });
  }
}

function settingsOf({ watched, source, cpu, condition, ignore, log, temporary, enabled }: BreakpointSettings) {
  return {
    watched: watchedOf(watched),
    source: source ?? undefined,
    cpu: cpu ?? undefined,
    condition: condition ?? undefined,
    ignore,
    log: log ?? undefined,
    temporary,
    enabled,
  };
}

function causeMessage(cause: StopCause): StopCauseMessage {
  if (cause.kind !== 'breakpoint') return cause;
  return {
    kind: 'breakpoint',
    cpu: cause.cpu,
    hits: cause.hits.map((hit) => ({ id: hit.id, text: describeHit(hit), at: hit.at })),
  };
}
