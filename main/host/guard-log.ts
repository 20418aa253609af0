import { join } from 'node:path';
import type { GuardAlert } from '../../engine/machine/guard-types.ts';
import type { GuardAlertMessage } from '../contract/guard.ts';
import type { Disk } from './disk.ts';
import { EventChannel } from './event-channel.ts';
import { RunLog } from './serial-log.ts';

/** Alerts that late readers still get, and that wait for a slow one. */
const KEPT = 1000;
const WAITING = 1000;
/** Milliseconds between two batches: what a storm of alerts costs the host's thread is bounded by this and by what waits. */
const GATHERED = 250;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The alerts of a machine: for readers now, for those that come later, and a line of JSON each in the machine's folder. */
export class GuardLog {
  readonly #events = new EventChannel<GuardAlertMessage[]>((last, next) => [...last, ...next].slice(-WAITING));
  #kept: GuardAlertMessage[] = [];
  #log: RunLog | undefined;
  #gathered: GuardAlertMessage[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** A run begins: a log of its own, if there is a folder. */
  async begin(
    disk: Disk,
    folder: string | undefined,
    names: { log: string; previous: string },
    warn: (sentence: string) => void,
  ): Promise<void> {
    clearTimeout(this.#timer);
    this.#publish();
    this.#kept = [];
    this.#log =
      folder === undefined
        ? undefined
        : await RunLog.open(disk, join(folder, names.log), join(folder, names.previous), warn, 'alert log');
  }

  /** `symbolAt` names the writer's code. */
  receive(alerts: readonly GuardAlert[], symbolAt: (linear: number) => string | null): void {
    const heard = Date.now();
    const messages = alerts.map((alert) => alertMessage(alert, heard, symbolAt));
    for (const message of messages) {
      this.#kept.push(message);
      this.#gathered.push(message);
      if (this.#log === undefined || this.#log.ended) continue;
      const line = {
        ...message,
        heard: new Date(heard).toISOString(),
        before: hex(message.before),
        after: message.after === null ? null : hex(message.after),
      };
      this.#log.append(Buffer.from(`${JSON.stringify(line)}\n`));
    }
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(-KEPT);
    if (this.#gathered.length > WAITING) this.#gathered = this.#gathered.slice(-WAITING);
    if (this.#timer === undefined) this.#publish();
  }

  /** The first one at once, later ones together. */
  #publish(): void {
    this.#timer = undefined;
    if (this.#gathered.length === 0) return;
    this.#events.publish(this.#gathered);
    this.#gathered = [];
    this.#timer = setTimeout(() => this.#publish(), GATHERED);
    this.#timer.unref();
  }

  /** Alerts of this run or, while the machine is off, of the last one; the oldest are forgotten. */
  get kept(): readonly GuardAlertMessage[] {
    return this.#kept;
  }

  watch(history: boolean, signal?: AbortSignal): AsyncGenerator<GuardAlertMessage[], void, void> {
    // What is still gathered comes with the next batch.
    const past = history ? this.#kept.slice(0, this.#kept.length - this.#gathered.length) : [];
    return this.#events.subscribe(past.length > 0 ? [past] : [], signal);
  }

  async flush(): Promise<void> {
    await this.#log?.flush();
  }

  close(): void {
    clearTimeout(this.#timer);
    if (this.#gathered.length > 0) this.#events.publish(this.#gathered);
    this.#events.close();
  }
}

export function alertMessage(alert: GuardAlert, heard: number, symbolAt: (linear: number) => string | null): GuardAlertMessage {
  const { linear, node, level, writer, after } = alert;
  return {
    ...alert,
    heard,
    linear: linear ?? null,
    node: node ?? null,
    level: level ?? null,
    writer: writer === undefined ? null : { ...writer, symbol: symbolAt(writer.linear) },
    after: after ?? null,
  };
}

/** What a person is told of an alert. */
export function alertSentence({ physical, size, writer, before, after }: GuardAlert): string {
  const address = (value: number): string => value.toString(16).padStart(8, '0');
  const who = writer === undefined ? 'A device' : `vCPU ${writer.cpu} at ${address(writer.linear)}`;
  return `${who} wrote ${size} ${size === 1 ? 'byte' : 'bytes'} of guarded memory at ${address(physical)}: ${hex(before)} became ${hex(after ?? before)}.`;
}
