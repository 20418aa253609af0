/**
 * Shows one scanout to viewers that connect by WebSocket and speak RFB. Runs inside the machine's service worker: the pixels never
 * cross a thread. All viewers share one rendering; nothing runs while nobody waits for a picture.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import type { MachineInput } from '../machine/machine.ts';
import type { FrameSource } from './frame.ts';
import { FrameStore } from './frame-store.ts';
import { linkHeader, linkOf, type Link } from './link.ts';
import { RfbError } from './rfb/protocol.ts';
import { RfbSession } from './rfb/session.ts';

export interface DisplayServerOptions {
  source: FrameSource;
  /** The secret part of the URL: 16 to 128 characters of A-Z a-z 0-9 - _. */
  token: string;
  /** What viewers type and move. Called on the server's thread. */
  onInput: (input: MachineInput) => void;
  /** Number of viewers connected, after each change. */
  onClients?: (count: number) => void;
  /** Why a viewer's connection was ended by us: a sentence. */
  onRefusal?: (reason: string) => void;
  /** Title that viewers show. */
  name?: string;
}

export interface DisplayServer {
  /** ws://127.0.0.1:PORT/TOKEN; not to be logged. */
  readonly url: string;
  /** Disconnects all viewers and frees the port; nothing is called back once it has resolved. Idempotent. */
  close(): Promise<void>;
}

/** The shortest time between two frames, in milliseconds: 60 a second. */
const frameInterval = 1000 / 60;
/** A viewer whose connection holds more bytes than this has to catch up before it gets another frame. */
const mostBuffered = 4 << 20;
/** No message that a viewer may send is larger, but for clipboard text, which comes in pieces. */
const largestMessage = 1 << 20;
const mostViewers = 16;
/** WebSocket close codes (RFC 6455, 7.4.1). */
const closeGoingAway = 1001;
const closePolicy = 1008;

interface Viewer {
  socket: WebSocket;
  session: RfbSession;
}

/** Starts listening on a free loopback port. Rejects with a TypeError when the token is not fit for a URL, and when no port can be had. */
export async function startDisplayServer(options: DisplayServerOptions): Promise<DisplayServer> {
  if (!/^[\w-]{16,128}$/.test(options.token)) {
    throw new TypeError('a display token has 16 to 128 characters of A-Z, a-z, 0-9, "-" and "_"');
  }
  const loop = new FrameLoop(options);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: largestMessage, perMessageDeflate: false });
  const server = createServer((_request, response) => {
    response.writeHead(426, { connection: 'close' }).end('This is a display; connect by WebSocket.\n');
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const refusal = refuse(request, options.token) ?? (loop.viewers.size >= mostViewers ? '503 Service Unavailable' : undefined);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      loop.admit(accepted, linkOf(request.headers[linkHeader]));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the display server has no port');
  let closing: Promise<void> | undefined;
  return {
    url: `ws://127.0.0.1:${address.port}/${options.token}`,
    close() {
      closing ??= Promise.all([
        loop.close(),
        new Promise<void>((resolve) => {
          sockets.close();
          server.close(() => {
            resolve();
          });
          server.closeAllConnections();
        }),
      ]).then(() => undefined);
      return closing;
    },
  };
}

const loopbackNames = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** The HTTP status with which to refuse a request, or undefined. */
function refuse(request: IncomingMessage, token: string): string | undefined {
  // A page of some other site may reach loopback by name; it cannot choose the Host that its browser sends.
  const host = /^(\[[^\]]*\]|[^:]*)/.exec(request.headers.host ?? '')?.[1] ?? '';
  if (!loopbackNames.has(host) || !originAllowed(request.headers.origin)) return '403 Forbidden';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(digest(request.url ?? ''), digest(`/${token}`))) return '404 Not Found';
  return undefined;
}

function originAllowed(origin: string | undefined): boolean {
  // Programs that are no browsers send none.
  if (origin === undefined) return true;
  const match = /^(app|https?):\/\/(\[[^\]]*\]|[^:/]*)(:\d+)?$/.exec(origin);
  return match !== null && (match[1] === 'app' || loopbackNames.has(match[2] ?? ''));
}

/** Draws when somebody waits and something changed. */
class FrameLoop {
  readonly viewers = new Set<Viewer>();
  private readonly store = new FrameStore();
  private timer: NodeJS.Timeout | undefined;
  private lastTick = 0;
  private lastCounter: number | undefined;

  constructor(private readonly options: DisplayServerOptions) {}

  admit(socket: WebSocket, link: Link): void {
    // The size in ServerInit must be today's.
    this.draw();
    const session = new RfbSession({ name: this.options.name ?? 'Vitrine', security: { kind: 'none' }, link }, this.store, {
      send: (bytes) => {
        socket.send(bytes);
      },
      scancodes: (bytes) => {
        this.options.onInput({ kind: 'scancodes', bytes });
      },
      mouse: (motion) => {
        this.options.onInput({ kind: 'mouse', ...motion });
      },
      wanted: () => {
        this.schedule();
      },
    });
    const viewer = { socket, session };
    this.viewers.add(viewer);
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data: RawData, binary: boolean) => {
      this.receive(viewer, data, binary);
    });
    socket.on('error', () => {
      socket.terminate();
    });
    socket.on('close', () => {
      this.viewers.delete(viewer);
      session.end();
      this.options.onClients?.(this.viewers.size);
    });
    this.options.onClients?.(this.viewers.size);
  }

  /** Resolves when the last viewer is gone and its keys are released. */
  async close(): Promise<void> {
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.timer = undefined;
    await Promise.all(
      [...this.viewers].map(
        ({ socket }) =>
          new Promise<void>((resolve) => {
            socket.once('close', () => {
              resolve();
            });
            socket.close(closeGoingAway);
            socket.terminate();
          }),
      ),
    );
  }

  private receive(viewer: Viewer, data: RawData, binary: boolean): void {
    if (!this.viewers.has(viewer) || viewer.socket.readyState !== viewer.socket.OPEN) return;
    try {
      if (!binary || !Buffer.isBuffer(data)) throw new RfbError('the viewer sent text where RFB has bytes');
      viewer.session.receive(data);
    } catch (error) {
      if (!(error instanceof RfbError)) throw error;
      this.options.onRefusal?.(error.message);
      viewer.socket.close(closePolicy, error.message.slice(0, 120));
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
    for (const { session, socket } of this.viewers) {
      if (session.waiting && socket.bufferedAmount <= mostBuffered) session.update();
      waiting ||= session.waiting;
    }
    if (waiting) this.schedule();
  }

  private draw(): void {
    const counter = this.options.source.changeCounter();
    if (counter === this.lastCounter) return;
    // Read before drawing: what changes meanwhile is drawn next time.
    this.lastCounter = counter;
    this.store.take(this.options.source.render());
  }
}
