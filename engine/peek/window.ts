/**
 * Read windows: what happens to a fault is settled before the first read. However a window ends (close, an error of a handler, a body
 * that throws) it is closed then; faults of the guest itself never pass through here.
 */
import { operationProblem, restOf, type Operation, type Outcome, type ReadAccess, type ReadFault } from './operation.ts';

/** A fault with how far the operation had come. */
export interface FaultReport {
  readonly fault: ReadFault;
  readonly operation: Operation;
  /** Bytes read before it. */
  readonly count: number;
}

export type Disposition =
  /** The operation ends; its outcome says why. */
  | { readonly kind: 'report' }
  /** The operation ends, and the error handler runs once. */
  | { readonly kind: 'handle'; readonly handler: (report: FaultReport) => void }
  /** The fault handler decides: it may have mapped the page and want the read to go on, or end it. */
  | { readonly kind: 'forward'; readonly handler: (report: FaultReport) => 'retry' | 'end' };

/** A handler that asks for the same address over and over does not get it fixed: it is asked this often. */
export const mostRetries = 16;

/** A misuse of windows: a defect of the tool, not of the guest. */
export class WindowError extends Error {
  constructor(
    readonly code: 'closed' | 'busy' | 'bad-operation',
    message: string,
  ) {
    super(message);
    this.name = 'WindowError';
  }
}

export class ReadWindow {
  #open = true;
  #busy = false;

  constructor(
    private readonly access: ReadAccess,
    private readonly disposition: Disposition,
  ) {}

  get isOpen(): boolean {
    return this.#open;
  }

  /** Carries out one operation; after a fault nothing more of it is read, unless a forward handler has it retried. */
  read(operation: Operation): Outcome {
    if (!this.#open) throw new WindowError('closed', 'This read window is closed.');
    if (this.#busy) throw new WindowError('busy', 'A handler cannot read through the window whose fault it handles.');
    const problem = operationProblem(operation);
    if (problem !== undefined) throw new WindowError('bad-operation', problem);
    this.#busy = true;
    try {
      return this.#read(operation);
    } catch (error) {
      this.#open = false;
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  #read(operation: Operation): Outcome {
    let outcome = this.access.perform(operation);
    let retries = 0;
    let address = -1;
    while (outcome.ending?.kind === 'fault') {
      const fault = outcome.ending;
      const report: FaultReport = { fault, operation, count: outcome.bytes.length };
      if (this.disposition.kind === 'handle') this.disposition.handler(report);
      if (this.disposition.kind !== 'forward') break;
      retries = fault.address === address ? retries + 1 : 0;
      address = fault.address;
      if (retries >= mostRetries || this.disposition.handler(report) === 'end') break;
      outcome = joined(outcome, this.access.perform(restOf(operation, outcome)));
    }
    return outcome;
  }

  /** Idempotent. */
  close(): void {
    this.#open = false;
  }
}

export function joined(first: Outcome, second: Outcome): Outcome {
  const bytes = new Uint8Array(first.bytes.length + second.bytes.length);
  bytes.set(first.bytes);
  bytes.set(second.bytes, first.bytes.length);
  return { ...second, bytes, pointers: [...first.pointers, ...second.pointers] };
}

/** Opens a window for as long as `body` runs. */
export function withWindow<Result>(access: ReadAccess, disposition: Disposition, body: (window: ReadWindow) => Result): Result {
  const window = new ReadWindow(access, disposition);
  try {
    return body(window);
  } finally {
    window.close();
  }
}
