/** The gdb that runs for a machine in this window: it outlives its panel while another view is shown, and ends when the panel is closed. */
import { ref, type Ref } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import { sentence } from '../../host/failure.ts';

export interface TerminalSize {
  columns: number;
  rows: number;
}
type Listener = (bytes: Uint8Array, lost: number) => void;

/** Bytes of output that a panel gets that comes back. */
const KEPT = 256 * 1024;
/** Bytes of one message. */
const MOST_TYPED = 32 * 1024;

export class GdbTerminal {
  readonly state: Ref<'none' | 'opening' | 'open'> = ref('none');
  /** What runs, as people would type it. */
  readonly line = ref('');
  /** Why it ended, or did not begin. */
  readonly said = ref('');
  /** Requests to open it that were followed. */
  readonly followed = new WeakSet<object>();
  #number: number | undefined;
  #stop: AbortController | undefined;
  #kept: Uint8Array[] = [];
  #lost = 0;
  #listener: Listener | undefined;
  #typed: Promise<void> = Promise.resolve();

  constructor(
    private readonly host: HostClient,
    private readonly id: string,
  ) {}

  async open(size: TerminalSize): Promise<void> {
    if (this.state.value !== 'none') return;
    const stop = (this.#stop = new AbortController());
    this.state.value = 'opening';
    this.said.value = '';
    this.#kept = [];
    this.#lost = 0;
    try {
      for await (const event of await this.host.desktop.terminals.gdb({ id: this.id, ...size }, { signal: stop.signal })) {
        if (event.kind === 'opened') {
          this.#number = event.terminal;
          this.line.value = event.line;
          this.state.value = 'open';
        } else if (event.kind === 'output') this.#take(event.bytes, event.lost);
        else this.said.value = event.status === 0 ? 'gdb has ended.' : `gdb has ended with status ${event.status}.`;
      }
    } catch (error) {
      if (!stop.signal.aborted) this.said.value = sentence(error);
    } finally {
      if (this.#stop === stop) {
        this.#number = undefined;
        this.state.value = 'none';
      }
    }
  }

  #take(bytes: Uint8Array, lost: number): void {
    this.#kept.push(bytes);
    this.#lost += lost;
    let size = this.#kept.reduce((sum, each) => sum + each.length, 0);
    while (size > KEPT && this.#kept.length > 1) {
      const gone = this.#kept.shift()?.length ?? 0;
      size -= gone;
      this.#lost += gone;
    }
    this.#listener?.(bytes, lost);
  }

  /** One panel at a time hears it: what is kept first. */
  listen(listener: Listener): () => void {
    this.#listener = listener;
    this.#kept.forEach((bytes, at) => listener(bytes, at === 0 ? this.#lost : 0));
    return () => {
      if (this.#listener === listener) this.#listener = undefined;
    };
  }

  /** In order, whatever the host answers. */
  type(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MOST_TYPED) {
      const part = bytes.slice(at, at + MOST_TYPED);
      this.#send((terminal) => this.host.desktop.terminals.write({ terminal, bytes: part }));
    }
  }

  resize(size: TerminalSize): void {
    this.#send((terminal) => this.host.desktop.terminals.resize({ terminal, ...size }));
  }

  #send(work: (terminal: number) => Promise<void>): void {
    const terminal = this.#number;
    if (terminal === undefined) return;
    this.#typed = this.#typed
      .then(() => work(terminal))
      // It ended meanwhile: its own last event says so.
      .catch((error: unknown) => {
        if (this.#number === terminal) this.said.value = sentence(error);
      });
  }

  end(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#number = undefined;
    this.state.value = 'none';
    this.said.value = '';
  }
}

const terminals = new Map<string, GdbTerminal>();

/** The terminal of a machine in this window. */
export function gdbTerminalOf(host: HostClient, id: string): GdbTerminal {
  let terminal = terminals.get(id);
  if (terminal === undefined) {
    terminal = new GdbTerminal(host, id);
    terminals.set(id, terminal);
  }
  return terminal;
}
