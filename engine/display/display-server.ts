/**
 * Shows one scanout to viewers that connect by WebSocket and speak RFB. Runs inside the machine's service worker: the pixels never
 * cross a thread. All viewers share one rendering; nothing runs while nobody waits for a picture.
 */
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import type { MachineInput } from '../machine/machine.ts';
import { refusalOf } from './access.ts';
import type { FrameSource } from './frame.ts';
import { FrameLoop, mostViewers, type ViewerConnection } from './frame-loop.ts';
import { linkHeader, linkOf } from './link.ts';

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

/** No message that a viewer may send is larger, but for clipboard text, which comes in pieces. */
const largestMessage = 1 << 20;
/** WebSocket close codes (RFC 6455, 7.4.1). */
const closeGoingAway = 1001;
const closePolicy = 1008;

/** Starts listening on a free loopback port. Rejects with a TypeError when the token is not fit for a URL, and when no port can be had. */
export async function startDisplayServer(options: DisplayServerOptions): Promise<DisplayServer> {
  if (!/^[\w-]{16,128}$/.test(options.token)) {
    throw new TypeError('a display token has 16 to 128 characters of A-Z, a-z, 0-9, "-" and "_"');
  }
  const { source, onInput, onClients, onRefusal } = options;
  const loop = new FrameLoop(source, { input: onInput, clients: onClients, refusal: onRefusal });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: largestMessage, perMessageDeflate: false });
  const server = createServer((_request, response) => {
    response.writeHead(426, { connection: 'close' }).end('This is a display; connect by WebSocket.\n');
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const refusal = refusalOf(request, options.token) ?? (loop.viewers.size >= mostViewers ? '503 Service Unavailable' : undefined);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      const link = linkOf(request.headers[linkHeader]);
      loop.admit(connectionOf(accepted), { name: options.name ?? 'Vitrine', security: { kind: 'none' }, link });
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

function connectionOf(socket: WebSocket): ViewerConnection {
  socket.binaryType = 'nodebuffer';
  socket.on('error', () => {
    socket.terminate();
  });
  return {
    get open() {
      return socket.readyState === socket.OPEN;
    },
    get buffered() {
      return socket.bufferedAmount;
    },
    send: (bytes) => {
      socket.send(bytes);
    },
    refuse: (reason) => {
      socket.close(closePolicy, reason.slice(0, 120));
    },
    end: () => {
      socket.close(closeGoingAway);
      socket.terminate();
    },
    onData(take) {
      // RFB has bytes only.
      socket.on('message', (data: RawData, binary: boolean) => {
        take(binary && Buffer.isBuffer(data) ? data : undefined);
      });
    },
    onClose: (gone) => void socket.once('close', gone),
  };
}
