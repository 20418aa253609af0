/**
 * Requests of drives on their way to the host and back: one saved block per drive. The chip fills in the request under the device lock; the
 * service worker (disk-service.ts) carries it out outside of the lock and marks it finished under the lock; then the drive's `completed` runs:
 *
 * wall clock     at once on the service worker's thread, or when the machine goes on if it is paused;
 * virtual clock  at a fixed time after the request, from a timer on the vCPU's thread, which waits for the host if that is late.
 */
import { defineBlock, scalar } from '../layout/block.ts';
import type { Clock, DiskOptions, DiskPort, DiskRequest, DiskStatus, Timer } from './bus.ts';
import type { ClockMode } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import type { TimerSet } from './timers.ts';

export const enum DiskState {
  idle = 0,
  submitted = 1,
  finished = 2,
}

const kinds = ['read', 'write', 'flush'] as const;
const statuses: readonly DiskStatus[] = ['done', 'full', 'failed'];

export const diskBlock = defineBlock('disk', 1, {
  state: scalar('i32'),
  kind: scalar('u32'),
  status: scalar('u32'),
  offset: scalar('f64'),
  bytes: scalar('u32'),
  readOnly: scalar('u32'),
  /** Bytes of the medium; 0: none. */
  mediumBytes: scalar('f64'),
});

/** Transient: about the host's side of this run. */
const exchangeBlock = defineBlock('disk-exchange', 1, {
  /** Raised by each request and each cancellation: an answer to another number is void. */
  sequence: scalar('u32'),
});

/** Guest nanoseconds that each request takes under the virtual clock. */
const virtualLatency = 50_000;

/** A word to wait on, and its value while there is something to wait for. */
export interface LateDisk {
  readonly word: number;
  readonly value: number;
}

/** What the service worker has to carry out. */
export interface PendingRequest {
  readonly sequence: number;
  readonly request: DiskRequest;
}

export class DiskEntry implements DiskPort {
  readonly #state;
  readonly #exchange;
  readonly #word: number;
  readonly #timer: Timer;

  constructor(
    readonly name: string,
    private readonly memory: MachineMemory,
    private readonly clock: Clock & { readonly mode: ClockMode },
    timers: TimerSet,
    private readonly options: DiskOptions,
    private readonly onSubmitted: () => void,
  ) {
    this.#state = memory.block(diskBlock, name);
    this.#exchange = memory.transientBlock(exchangeBlock, name);
    this.#word = (memory.directory.open(diskBlock, name) + diskBlock.offset.state) >>> 2;
    this.#timer = timers.add(`disk.${name}`, () => this.complete());
  }

  get bytes(): number {
    return this.#state.mediumBytes;
  }

  get readOnly(): boolean {
    return this.#state.readOnly !== 0;
  }

  get busy(): boolean {
    return this.#state.state !== DiskState.idle;
  }

  submit(request: DiskRequest): void {
    const state = this.#state;
    if (this.busy) throw new Error(`The drive ${this.name} was given a request before the last one was done.`);
    const { offset, bytes } = request.kind === 'flush' ? { offset: 0, bytes: 0 } : request;
    if (bytes > this.options.buffer.length || offset < 0 || offset + bytes > state.mediumBytes) {
      throw new RangeError(`The drive ${this.name} was asked for ${bytes} bytes at ${offset}.`);
    }
    this.#exchange.sequence += 1;
    state.kind = kinds.indexOf(request.kind);
    state.offset = offset;
    state.bytes = bytes;
    this.#setState(DiskState.submitted);
    if (this.clock.mode === 'virtual') this.#timer.arm(this.clock.now() + virtualLatency);
    this.onSubmitted();
  }

  cancel(): void {
    this.#exchange.sequence += 1;
    this.#timer.cancel();
    // What is left of a request that is over is nobody's state.
    this.#state.kind = 0;
    this.#state.offset = 0;
    this.#state.bytes = 0;
    this.#state.status = 0;
    this.#setState(DiskState.idle);
  }

  #setState(value: DiskState): void {
    Atomics.store(this.memory.words, this.#word, value);
    Atomics.notify(this.memory.words, this.#word);
  }

  /** A request that is to be carried out. Under the device lock. */
  get pending(): PendingRequest | undefined {
    const { state, kind, offset, bytes } = this.#state;
    if (state !== DiskState.submitted) return undefined;
    const name = kinds[kind] ?? 'flush';
    return { sequence: this.#exchange.sequence, request: name === 'flush' ? { kind: name } : { kind: name, offset, bytes } };
  }

  /** The bytes to be written; a copy. Under the device lock. */
  outgoing(bytes: number): Uint8Array {
    return Uint8Array.from(this.options.buffer.subarray(0, bytes));
  }

  /** The service worker is done with request `sequence`; `data` is what was read. False when nobody waits for it any more. Under the lock. */
  finish(sequence: number, status: DiskStatus, data: Uint8Array | undefined): boolean {
    const state = this.#state;
    if (state.state !== DiskState.submitted || this.#exchange.sequence !== sequence) return false;
    if (data !== undefined) this.options.buffer.set(data);
    state.status = statuses.indexOf(status);
    this.#setState(DiskState.finished);
    return true;
  }

  /** Tells the drive of a finished request. Under the lock. */
  complete(): void {
    if (this.#state.state !== DiskState.finished) return;
    this.#timer.cancel();
    this.#setState(DiskState.idle);
    this.options.completed(statuses[this.#state.status] ?? 'failed');
  }

  /** Virtual clock: the time at which the request is done, and what to wait on if the host is not. */
  late(now: number): LateDisk | undefined {
    if (Atomics.load(this.memory.words, this.#word) !== (DiskState.submitted as number)) return undefined;
    return this.#timer.deadline <= now ? { word: this.#word, value: DiskState.submitted } : undefined;
  }

  /** The image in the drive; 0 bytes: none. The service worker, while no vCPU runs. */
  setMedium(bytes: number, readOnly: boolean): void {
    this.#state.mediumBytes = bytes;
    this.#state.readOnly = readOnly ? 1 : 0;
  }
}

/** The drives of one machine as one thread sees them. */
export class DiskSet {
  readonly entries = new Map<string, DiskEntry>();

  constructor(
    private readonly memory: MachineMemory,
    private readonly clock: Clock & { readonly mode: ClockMode },
    private readonly timers: TimerSet,
    private readonly onSubmitted: () => void,
  ) {}

  add(name: string, options: DiskOptions): DiskPort {
    if (this.entries.has(name)) throw new RangeError(`The drive ${name} exists already.`);
    const entry = new DiskEntry(name, this.memory, this.clock, this.timers, options, this.onSubmitted);
    this.entries.set(name, entry);
    return entry;
  }

  /** Virtual clock, the vCPU's thread: a drive whose host is late. */
  late(): LateDisk | undefined {
    if (this.clock.mode !== 'virtual') return undefined;
    const now = this.clock.now();
    for (const entry of this.entries.values()) {
      const late = entry.late(now);
      if (late !== undefined) return late;
    }
    return undefined;
  }
}
