import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Machine, MachineConfiguration, MachineEvent, MachineStatistics, Picture } from '../../engine/machine/machine.ts';
import type { DisplaySize, MachineEventMessage, RunStateName } from '../contract/machine.ts';
import { TEMPORARY_PREFIX, writeAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import type { WhenSessionEnds } from '../contract/display.ts';
import { MachineDebug, type OwnSymbols } from './debug/machine-debug.ts';
import { DisplaySessions } from './display-sessions.ts';
import { explain, HostError } from './errors.ts';
import { EventChannel } from './event-channel.ts';
import type { GuardAlert } from '../../engine/machine/guard-types.ts';
import { alertSentence, GuardLog } from './guard-log.ts';
import { HistoryRing } from './history-ring.ts';
import { joinBytes } from './joined-bytes.ts';
import { HOST_FILES } from './library.ts';
import { accountName } from './person.ts';
import { encodePng, shrink } from './picture.ts';
import { RunLog } from './serial-log.ts';

/** Makes an engine machine; the engine's own in the product, a fake in tests. */
export type MachineFactory = (configuration: MachineConfiguration) => Promise<Machine>;

/** What COM1 and port 0xE9 said is kept this far back. */
const HISTORY_BYTES = 256 * 1024;

/** A slow reader's waiting bytes are joined up to this; beyond it the older ones are dropped and counted as lost. */
const WAITING_BYTES = 4 * 1024 * 1024;

/** How often a running machine's thumbnail is looked at, in milliseconds. */
const THUMBNAIL_INTERVAL = 5000;

/** What a machine leaves behind when it goes off. */
export interface Remains {
  statistics: MachineStatistics | undefined;
  picture: Picture | undefined;
  screenText: string[] | undefined;
}

/** Joins neighbouring events of one stream, so that what waits for a slow reader stays bounded. */
function merge(last: MachineEventMessage, next: MachineEventMessage): MachineEventMessage | undefined {
  if (last.kind === 'display' && next.kind === 'display') return next;
  if (last.kind === 'guard' && next.kind === 'guard') return { ...next, count: last.count + next.count };
  if ((last.kind === 'serial' && next.kind === 'serial') || (last.kind === 'debugConsole' && next.kind === 'debugConsole')) {
    return { kind: next.kind, ...joinBytes(last, next, WAITING_BYTES) };
  }
  return undefined;
}

/**
 * A machine's life in this host: the engine machine while it is on, and what outlives it (event readers, the serial
 * history, the thumbnail). All methods are called on the main thread. One change of state at a time: they queue.
 */
export class Session {
  state: RunStateName = 'off';
  reason = 'Has not been started since Vitrine was opened.';
  since: number | null = null;
  display: DisplaySize | null = null;
  /** Of the last run; undefined before its end. */
  remains: Remains | undefined;

  readonly events = new EventChannel<MachineEventMessage>(merge);
  readonly debug: MachineDebug;
  readonly guard = new GuardLog();
  /** Who has its displays. */
  readonly displays = new DisplaySessions({
    user: accountName(),
    whenEnds: () => this.whenSessionEnds,
    handOver: 150,
    write: (entry) => this.#displayLog?.append(Buffer.from(`${JSON.stringify({ ...entry, at: new Date(entry.at).toISOString() })}\n`)),
  });
  /** As the machine's file says. */
  whenSessionEnds: WhenSessionEnds = 'run';
  readonly #serial = new HistoryRing(HISTORY_BYTES);
  readonly #debugConsole = new HistoryRing(HISTORY_BYTES);
  #machine: Machine | undefined;
  #starting = false;
  #unsubscribe: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pictureDigest = '';
  #log: RunLog | undefined;
  #displayLog: RunLog | undefined;
  #ending: Promise<void> = Promise.resolve();

  /**
   * `folder`: where the log and the thumbnail go; undefined for a machine outside of any library, which keeps neither.
   * `changed` is called after anything that the library shows of this machine changed. `warn` takes what went wrong beside
   * the machine's own work (a log that could not be written): it does not stop the machine, but somebody should read it.
   */
  constructor(
    readonly folder: string | undefined,
    private readonly disk: Disk,
    private readonly changed: () => void,
    private readonly warn: (sentence: string) => void,
    ownSymbols?: OwnSymbols,
  ) {
    this.debug = new MachineDebug(folder, disk, warn, ownSymbols);
  }

  /** True from the moment a start begins until the machine is off and its engine gone. */
  get on(): boolean {
    return this.#starting || this.#machine !== undefined;
  }

  /** The engine machine while there is one. */
  get running(): Machine | undefined {
    return this.#machine;
  }

  /** The engine machine, or WRONG_STATE with the way out. */
  get machine(): Machine {
    if (!this.#machine) throw new HostError('WRONG_STATE', 'The machine is off; start it first.');
    return this.#machine;
  }

  /** `restore`: the state of a suspended machine, which goes on from there. */
  async start(factory: MachineFactory, configure: () => Promise<MachineConfiguration>, paused: boolean, restore?: string): Promise<void> {
    if (this.on) throw new HostError('WRONG_STATE', 'The machine is on already.');
    this.#starting = true;
    try {
      await this.#ending;
      const machine = await factory(await configure());
      this.#serial.clear();
      this.#debugConsole.clear();
      this.remains = undefined;
      this.#log = await this.openLog();
      this.#displayLog = await this.openDisplayLog();
      const { guardLog: log, previousGuardLog: previous } = HOST_FILES;
      await this.guard.begin(this.disk, this.folder, { log, previous }, this.warn);
      this.#machine = machine;
      this.#unsubscribe = machine.on((event) => this.receive(event));
      try {
        await this.debug.attach(machine);
        await machine.start({ paused, restore });
        this.displays.begin(machine);
      } catch (error) {
        await this.end();
        throw error;
      }
      this.#timer = setInterval(() => void this.keepPicture(), THUMBNAIL_INTERVAL);
      this.#timer.unref();
    } finally {
      this.#starting = false;
    }
  }

  /**
   * Keeps the machine's whole state as `suspended.vst`, and ends it. When it fails, or `progress` throws, the machine goes on, and a
   * state that was kept before is what it was.
   */
  async suspend(progress: (done: number, total: number) => void): Promise<number> {
    const machine = this.machine;
    const { folder } = this;
    if (folder === undefined) throw new HostError('NOT_SUPPORTED', 'Only a machine of a library can be suspended.');
    await this.keepPicture();
    const wasRunning = machine.state === 'running';
    const temporary = join(folder, `${TEMPORARY_PREFIX}${HOST_FILES.suspended}-${randomBytes(6).toString('hex')}`);
    const unfollow = machine.on((event) => {
      if (event.kind !== 'progress' || event.activity !== 'suspend') return;
      try {
        progress(event.done, event.total);
      } catch {
        // It was cancelled; the machine says so itself.
        void machine.cancelSuspend();
      }
    });
    try {
      const { bytes } = await machine.suspend(temporary);
      try {
        await this.disk.rename(temporary, join(folder, HOST_FILES.suspended));
      } catch (error) {
        await this.disk.removeFile(temporary);
        if (wasRunning) await machine.resume();
        throw error;
      }
      await this.disk.syncFolder(folder);
      await this.end({ state: 'suspended', reason: 'Suspended.' });
      return bytes;
    } finally {
      unfollow();
    }
  }

  /** The state is gone, by the person's wish. */
  discarded(): void {
    if (!this.on && this.state === 'suspended') this.setState('off', 'Its suspended state was discarded.');
  }

  /** It runs as before a short stop: since when it does is what it was. */
  wentOn(since: number | null): void {
    if (this.state !== 'running') return;
    this.since = since;
    this.events.publish({ kind: 'state', state: this.state, reason: this.reason, since });
    this.changed();
  }

  /** Pulls the plug; the last picture is taken first. */
  async powerOff(): Promise<void> {
    const machine = this.machine;
    // A machine that is off may show nothing any more.
    await this.keepPicture();
    try {
      await machine.powerOff();
    } catch (error) {
      // Of one that crashed nothing may be left that could do it.
      if (machine.state !== 'crashed') throw error;
      this.warn(`${machine.configuration.name} was not switched off cleanly. ${explain(error, 'Its engine').message}`);
    }
    await this.#ending;
    await this.end();
  }

  /** When the machine is off, its engine is gone and everything about it is written. */
  async settled(): Promise<void> {
    await this.#ending;
  }

  /** The first events of a reader that comes now. */
  present(history: boolean): MachineEventMessage[] {
    const events: MachineEventMessage[] = [
      { kind: 'state', state: this.state, reason: this.reason, since: this.since },
      { kind: 'display', display: this.display },
    ];
    if (!history) return events;
    const serial = this.#serial.read();
    const debugConsole = this.#debugConsole.read();
    if (serial.bytes.length > 0) events.push({ kind: 'serial', ...serial });
    if (debugConsole.bytes.length > 0) events.push({ kind: 'debugConsole', ...debugConsole });
    return events;
  }

  /** The last that the guest said on COM1, and how many bytes came before. */
  get serialHistory(): { bytes: Uint8Array; lost: number } {
    return this.#serial.read();
  }

  private receive(event: MachineEvent): void {
    switch (event.kind) {
      case 'state':
        this.setState(event.state, event.reason);
        if (event.state === 'paused' || event.state === 'crashed') void this.keepPicture();
        if (event.state === 'off') this.#ending = this.end();
        return;
      case 'serial':
        this.#serial.push(event.bytes);
        this.#log?.append(event.bytes);
        this.events.publish({ kind: 'serial', bytes: event.bytes, lost: 0 });
        return;
      case 'debugConsole':
        this.#debugConsole.push(event.bytes);
        this.events.publish({ kind: 'debugConsole', bytes: event.bytes, lost: 0 });
        return;
      case 'display':
        this.display = { width: event.width, height: event.height, text: event.text ?? null };
        this.events.publish({ kind: 'display', display: this.display });
        this.changed();
        return;
      case 'guard':
        this.guard.receive(event.alerts, (linear) => this.debug.symbolAt(linear));
        this.notify(event.alerts.filter(({ action }) => action === 'notify'));
        return;
      case 'debug':
      case 'outputs':
      case 'rfb':
        return;
      case 'debugExit':
      case 'reset':
      case 'diskError':
      case 'tripleFault':
        this.events.publish(event);
    }
  }

  /** People are told of a write to a page with that action. */
  private notify(alerts: readonly GuardAlert[]): void {
    const last = alerts.at(-1);
    if (last !== undefined) this.events.publish({ kind: 'guard', count: alerts.length, sentence: alertSentence(last) });
  }

  private setState(state: RunStateName, reason: string): void {
    this.state = state;
    this.reason = reason;
    this.since = Date.now();
    const ended = state === 'off' || state === 'suspended';
    if (ended) this.display = null;
    this.events.publish({ kind: 'state', state, reason, since: this.since });
    if (ended) this.events.publish({ kind: 'display', display: null });
    this.changed();
  }

  private openLog(): Promise<RunLog> | undefined {
    if (this.folder === undefined) return undefined;
    const { serialLog, previousSerialLog } = HOST_FILES;
    return RunLog.open(this.disk, join(this.folder, serialLog), join(this.folder, previousSerialLog), this.warn);
  }

  private openDisplayLog(): Promise<RunLog> | undefined {
    if (this.folder === undefined) return undefined;
    const { displayLog, previousDisplayLog } = HOST_FILES;
    return RunLog.open(this.disk, join(this.folder, displayLog), join(this.folder, previousDisplayLog), this.warn, 'log of display sessions');
  }

  /** Takes what is left to take, and ends the engine machine; idempotent. */
  private async end(final: { state: RunStateName; reason: string } = { state: 'off', reason: 'Powered off.' }): Promise<void> {
    const machine = this.#machine;
    if (!machine) return;
    this.#machine = undefined;
    this.displays.end();
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    const ask = async <Answer>(question: () => Promise<Answer>): Promise<Answer | undefined> => {
      try {
        return await question();
      } catch {
        // A machine that failed answers nothing any more.
        return undefined;
      }
    };
    this.remains = {
      statistics: await ask(() => machine.statistics()),
      picture: await ask(() => machine.screenshot()),
      screenText: await ask(() => machine.screenText()),
    };
    if (this.remains.picture) await this.storePicture(this.remains.picture);
    await this.debug.detach();
    try {
      await machine.dispose();
    } catch (error) {
      this.warn(`${machine.configuration.name} did not end cleanly. ${explain(error, 'Its engine').message}`);
    }
    await this.#log?.flush();
    await this.#displayLog?.flush();
    await this.guard.flush();
    if (this.state !== 'off') this.setState(final.state, final.reason);
  }

  /** Keeps what the guest shows as the thumbnail, if it is another picture than the one kept. */
  private async keepPicture(): Promise<void> {
    const machine = this.#machine;
    if (!machine || this.folder === undefined) return;
    let picture: Picture;
    try {
      picture = await machine.screenshot();
    } catch (error) {
      // A machine that has just gone off has no picture; the last one kept stays.
      if (this.#machine === machine) this.warn(`No picture of ${machine.configuration.name}: ${explain(error, 'Its screen').message}`);
      return;
    }
    await this.storePicture(picture);
  }

  private async storePicture(picture: Picture): Promise<void> {
    if (this.folder === undefined) return;
    if (picture.width === 0 || picture.height === 0) return;
    const digest = createHash('sha1').update(`${picture.width}x${picture.height}`).update(picture.rgba).digest('hex');
    if (digest === this.#pictureDigest) return;
    try {
      await writeAtomically(this.disk, join(this.folder, HOST_FILES.thumbnail), encodePng(shrink(picture)));
    } catch (error) {
      this.warn(`The thumbnail was not written. ${explain(error, this.folder).message}`);
      return;
    }
    this.#pictureDigest = digest;
    this.changed();
  }

  /** Ends everything; the readers' streams end too. */
  async dispose(): Promise<void> {
    if (this.#machine) await this.powerOff();
    await this.#ending;
    await this.debug.dispose();
    this.events.close();
    this.displays.close();
    this.guard.close();
  }
}
