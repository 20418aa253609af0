/** Draws a scanout for its viewers: when somebody waits and something changed. All viewers share one rendering. */
import type { MachineInput } from '../machine/machine.ts';
import type { FrameSource } from './frame.ts';
import { FrameStore } from './frame-store.ts';
import { RfbError } from './rfb/protocol.ts';
import { RfbSession, type RfbSessionEvents, type RfbSessionOptions } from './rfb/session.ts';

/** The shortest time between two frames, in milliseconds: 60 a second. */
const frameInterval = 1000 / 60;
/** A viewer whose connection holds more bytes than this has to catch up before it gets another frame. */
const mostBuffered = 4 << 20;
export const mostViewers = 16;

/** A connection to a viewer, whatever carries it. */
export interface ViewerConnection {
  readonly open: boolean;
  /** Bytes that are still on their way out. */
  readonly buffered: number;
  send(bytes: Uint8Array): void;
  /** Ends it since the viewer broke the protocol: a sentence. */
  refuse(reason: string): void;
  end(): void;
  /** Undefined: something that is no bytes. */
  onData(take: (bytes: Uint8Array | undefined) => void): void;
  onClose(gone: () => void): void;
}

export interface Viewer {
  readonly connection: ViewerConnection;
  readonly session: RfbSession;
}

export interface FrameLoopEvents {
  input(input: MachineInput): void;
  /** Number of viewers, after each change. */
  clients?: ((count: number) => void) | undefined;
  /** Why a viewer's connection was ended by us. */
  refusal?: ((reason: string) => void) | undefined;
}

export class FrameLoop {
  readonly viewers = new Set<Viewer>();
  readonly store = new FrameStore();
  private timer: NodeJS.Timeout | undefined;
  private lastTick = 0;
  private lastCounter: number | undefined;

  constructor(
    private readonly source: FrameSource,
    private readonly events: FrameLoopEvents,
  ) {}

  /** `more`: what only some viewers may. */
  admit(connection: ViewerConnection, options: RfbSessionOptions, more: Partial<RfbSessionEvents> = {}): Viewer {
    // The size in ServerInit must be today's.
    this.draw();
    const session = new RfbSession(options, this.store, {
      ...more,
      send: (bytes) => {
        connection.send(bytes);
      },
      scancodes: (bytes) => {
        this.events.input({ kind: 'scancodes', bytes });
      },
      mouse: (motion) => {
        this.events.input({ kind: 'mouse', ...motion });
      },
      wanted: () => {
        this.schedule();
      },
    });
    const viewer = { connection, session };
    this.viewers.add(viewer);
    connection.onData((bytes) => {
      this.receive(viewer, bytes);
    });
    connection.onClose(() => {
      this.viewers.delete(viewer);
      session.end();
      this.events.clients?.(this.viewers.size);
    });
    this.events.clients?.(this.viewers.size);
    return viewer;
  }

  /** Something is to be said to viewers that wait, though the picture may be the same. */
  wake(): void {
    this.schedule();
  }

  /** Resolves when the last viewer is gone and its keys are released. */
  async close(): Promise<void> {
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.timer = undefined;
    await Promise.all(
      [...this.viewers].map(
        ({ connection }) =>
          new Promise<void>((resolve) => {
            connection.onClose(resolve);
            connection.end();
          }),
      ),
    );
  }

  private receive(viewer: Viewer, bytes: Uint8Array | undefined): void {
    if (!this.viewers.has(viewer) || !viewer.connection.open) return;
    try {
      if (bytes === undefined) throw new RfbError('the viewer sent text where RFB has bytes');
      viewer.session.receive(bytes);
    } catch (error) {
      if (!(error instanceof RfbError)) throw error;
      this.events.refusal?.(error.message);
      viewer.connection.refuse(error.message);
    }
  }

  private schedule(): void {
    if (this.timer !== undefined || this.viewers.size === 0) return;
    const wait = Math.max(0, this.lastTick + frameInterval - performance.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // Timers are late by up to a millisecond or more; what is lost so is made up for by the next, but no more than one frame.
      this.lastTick = Math.max(this.lastTick + frameInterval, performance.now() - frameInterval);
      this.tick();
    }, wait);
  }

  private tick(): void {
    let waiting = false;
    this.draw();
    for (const { session, connection } of this.viewers) {
      if (session.waiting && connection.buffered <= mostBuffered) session.update();
      waiting ||= session.waiting;
    }
    if (waiting) this.schedule();
  }

  private draw(): void {
    const counter = this.source.changeCounter();
    if (counter === this.lastCounter) return;
    // Read before drawing: what changes meanwhile is drawn next time.
    this.lastCounter = counter;
    this.store.take(this.source.render());
  }
}
