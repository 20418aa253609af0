import type { MachineInputMessage } from '../../../main/contract/machine.ts';

/** The most bytes of one scancode message (main/contract/machine.ts). */
const MOST_SCANCODES = 4096;

/**
 * Sends input in order, one request at a time; what gathers meanwhile goes with the next one. The host may answer requests in any
 * order, a keyboard may not.
 */
export class InputQueue {
  #waiting: MachineInputMessage[] = [];
  #sending = false;

  constructor(
    private readonly send: (input: MachineInputMessage) => Promise<void>,
    private readonly failed: (error: unknown) => void,
  ) {}

  push(input: MachineInputMessage): void {
    const last = this.#waiting.at(-1);
    if (input.kind === 'scancodes' && last?.kind === 'scancodes' && last.bytes.length + input.bytes.length <= MOST_SCANCODES) {
      this.#waiting[this.#waiting.length - 1] = { kind: 'scancodes', bytes: [...last.bytes, ...input.bytes] };
    } else {
      this.#waiting.push(input);
    }
    if (!this.#sending) void this.drain();
  }

  private async drain(): Promise<void> {
    this.#sending = true;
    for (let input = this.#waiting.shift(); input !== undefined; input = this.#waiting.shift()) {
      try {
        await this.send(input);
      } catch (error) {
        // What waits was meant for the machine as it was.
        this.#waiting = [];
        this.failed(error);
      }
    }
    this.#sending = false;
  }
}
