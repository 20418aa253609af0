/**
 * Fans events out to any number of readers, each at its own pace. A slow reader holds up neither the others nor the machine:
 * events wait for it, and `merge` keeps what waits small by joining neighbours (bytes of one stream, a newer size for an older).
 */
export class EventChannel<Event> {
  readonly #readers = new Set<Reader<Event>>();

  /** `merge(last, next)`: both as one event, or undefined if they must stay apart. */
  constructor(private readonly merge?: (last: Event, next: Event) => Event | undefined) {}

  publish(event: Event): void {
    for (const reader of this.#readers) reader.push(event);
  }

  /** Ends every reader after what waits for it. */
  close(): void {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  get readers(): number {
    return this.#readers.size;
  }

  /**
   * A reader that begins now: first `present`, then everything that is published from this call on. Ends when `signal` is
   * aborted, the channel is closed, or the caller stops iterating.
   */
  subscribe(present: readonly Event[], signal?: AbortSignal): AsyncGenerator<Event, void, void> {
    const reader = new Reader<Event>(present, this.merge);
    this.#readers.add(reader);
    const end = (): void => {
      this.#readers.delete(reader);
      reader.end();
    };
    if (signal?.aborted) end();
    signal?.addEventListener('abort', end, { once: true });
    return iterate(reader, () => {
      signal?.removeEventListener('abort', end);
      end();
    });
  }
}

/** Not a generator function: the end of one that was never begun would run no `finally`, and the reader would stay. */
function iterate<Event>(reader: Reader<Event>, end: () => void): AsyncGenerator<Event, void, void> {
  const done: IteratorResult<Event, void> = { done: true, value: undefined };
  const finish = (): Promise<IteratorResult<Event, void>> => {
    end();
    return Promise.resolve(done);
  };
  return {
    async next() {
      const next = await reader.next();
      if (next) return { done: false, value: next.event };
      return finish();
    },
    return: finish,
    throw(error: unknown) {
      end();
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

class Reader<Event> {
  readonly #waiting: Event[];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(
    present: readonly Event[],
    private readonly merge: ((last: Event, next: Event) => Event | undefined) | undefined,
  ) {
    this.#waiting = [...present];
  }

  push(event: Event): void {
    if (this.#ended) return;
    const last = this.#waiting.at(-1);
    const joined = last === undefined ? undefined : this.merge?.(last, event);
    if (joined === undefined) this.#waiting.push(event);
    else this.#waiting[this.#waiting.length - 1] = joined;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async next(): Promise<{ event: Event } | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const [event] = this.#waiting.splice(0, 1);
    return event === undefined ? undefined : { event };
  }
}
