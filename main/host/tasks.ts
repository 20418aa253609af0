import type { Task } from '../contract/tasks.ts';
import { HostError } from './errors.ts';
import { EventChannel } from './event-channel.ts';

/** What long work is given: it tells how far it is, and looks whether it is still wanted. */
export interface Progress {
  /** Bytes that there will be in all. */
  expect(bytes: number): void;
  /** Bytes done since the last call. Throws when the task was cancelled. */
  advance(bytes: number): void;
}

/** Ended tasks that are kept. */
const KEPT = 20;
/** Between two reports of progress, in milliseconds. */
const REPORT_INTERVAL = 200;

/** The host's long work, in one list for all fronts. Main thread. */
export class TaskList {
  #tasks: Task[] = [];
  #next = 1;
  readonly #running = new Map<string, { abort: AbortController; ended: Promise<void> }>();
  readonly #changes = new EventChannel<Task[]>((_last, next) => next);

  /**
   * Runs `work` as a task. Its result and its error are the work's own; `outcome` says in one sentence what was made of it,
   * `cancelSays` what Cancel does. `signal` is another way to cancel it.
   */
  async run<Result>(title: string, cancelSays: string, work: (progress: Progress) => Promise<Result>, outcome: (result: Result) => string, signal?: AbortSignal): Promise<Result> {
    const id = String(this.#next++);
    const abort = new AbortController();
    const cancel = (): void => abort.abort();
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    let settle = (): void => undefined;
    const ended = new Promise<void>((resolve) => (settle = resolve));
    this.#running.set(id, { abort, ended });
    let task: Task = { id, title, state: 'running', done: 0, total: 0, started: Date.now(), ended: null, sentence: cancelSays };
    let reported = 0;
    const put = (part: Partial<Task>): void => {
      task = { ...task, ...part };
      this.#tasks = [task, ...this.#tasks.filter((one) => one.id !== id)].sort((a, b) => Number(b.id) - Number(a.id));
    };
    const end = (state: Task['state'], sentence: string): void => {
      signal?.removeEventListener('abort', cancel);
      this.#running.delete(id);
      put({ state, sentence, ended: Date.now() });
      const surplus = this.#tasks.filter((one) => one.ended !== null).slice(KEPT);
      this.#tasks = this.#tasks.filter((one) => !surplus.includes(one));
      settle();
      this.#publish();
    };
    put({});
    this.#publish();
    try {
      const result = await work({
        expect: (total) => put({ total }),
        advance: (bytes) => {
          if (abort.signal.aborted) throw new HostError('BAD_INPUT', `${title} was cancelled.`);
          put({ done: task.done + bytes });
          if (Date.now() - reported < REPORT_INTERVAL) return;
          reported = Date.now();
          this.#publish();
        },
      });
      end('done', outcome(result));
      return result;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      end(abort.signal.aborted ? 'cancelled' : 'failed', abort.signal.aborted ? 'Cancelled; nothing of it is left.' : why);
      throw error;
    }
  }

  cancel(id: string): void {
    const running = this.#running.get(id);
    if (!running) throw new HostError('NOT_FOUND', 'This task has ended already.');
    running.abort.abort();
  }

  clear(): void {
    this.#tasks = this.#tasks.filter(({ ended }) => ended === null);
    this.#publish();
  }

  watch(signal?: AbortSignal): AsyncGenerator<Task[], void, void> {
    return this.#changes.subscribe([this.#tasks], signal);
  }

  /** Cancels what runs, waits until it has cleaned up, and ends every reader. */
  async close(): Promise<void> {
    for (const { abort } of this.#running.values()) abort.abort();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    this.#changes.close();
  }

  #publish(): void {
    this.#changes.publish(this.#tasks);
  }
}
