/** The latest alerts in a declared block: written under the device lock, read by the agent's hypercall and by tools. */
import type { MachineMemory } from '../machine/memory.ts';
import { alertBytes, alertRecord, alertsBlock, keptAlerts } from './alert.ts';

export class AlertRing {
  readonly #bytes: Uint8Array;
  /** One record that is filled in and read out: views cost more than the bytes. */
  readonly #scratch = new SharedArrayBuffer(alertBytes);
  readonly #scratchBytes = new Uint8Array(this.#scratch);
  readonly #record = alertRecord.at(this.#scratch, 0);

  constructor(
    memory: MachineMemory,
    private readonly state: { alerts: number },
  ) {
    this.#bytes = memory.block(alertsBlock).bytes;
  }

  /** Adds a record; its bytes are valid until the next call. */
  put(fill: (record: ReturnType<typeof alertRecord.at>) => void): Uint8Array {
    const sequence = this.state.alerts;
    fill(this.#record);
    this.#record.sequence = sequence;
    this.#bytes.set(this.#scratchBytes, (sequence % keptAlerts) * alertBytes);
    this.state.alerts = sequence + 1;
    return this.#scratchBytes;
  }

  /** The first alert from `sequence` on that is still there, valid until the next call; undefined: there is none yet. */
  read(sequence: number): ReturnType<typeof alertRecord.at> | undefined {
    const { alerts } = this.state;
    const first = Math.max(sequence, alerts - keptAlerts, 0);
    if (first >= alerts) return undefined;
    const at = (first % keptAlerts) * alertBytes;
    this.#scratchBytes.set(this.#bytes.subarray(at, at + alertBytes));
    return this.#record;
  }

  clear(): void {
    this.#bytes.fill(0);
  }
}
