/**
 * The screen of a machine on another host, as if it were here: a loopback WebSocket with a secret in its address, as machines of this host have. Each viewer gets a
 * link of its own.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { refusalOf } from '../../../engine/display/access.ts';
import type { Link } from '../pair/link.ts';
import { relay } from './relay.ts';

export interface AwayScreen {
  /** ws://127.0.0.1:PORT/TOKEN; not to be logged. */
  readonly url: string;
  close(): void;
}

/** No message that a viewer may send is larger. */
const largestMessage = 1 << 20;
const mostViewers = 16;

/** `view` gets a link to the display and gives it at once, before anything comes over it. Rejects when it cannot be had. */
export async function serveAwayScreen(view: (take: (link: Link) => void) => Promise<void>): Promise<AwayScreen> {
  const token = randomBytes(24).toString('base64url');
  const sockets = new WebSocketServer({ noServer: true, maxPayload: largestMessage, perMessageDeflate: false });
  const opening = new Set<Duplex>();
  const server = createServer((_request, response) => {
    response.writeHead(426, { connection: 'close' }).end('This is a display; connect by WebSocket.\n');
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refuse = (status: string) => socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    const refusal = refusalOf(request, token) ?? (sockets.clients.size + opening.size >= mostViewers ? '503 Service Unavailable' : undefined);
    if (refusal !== undefined) return refuse(refusal);
    opening.add(socket);
    view((link) => {
      // A viewer that went away meanwhile is never heard of here.
      link.onClose = () => socket.destroy();
      if (!socket.writable) return link.close();
      sockets.handleUpgrade(request, socket, head, (accepted) => relay(accepted, link));
    })
      .catch(() => refuse('502 Bad Gateway'))
      .finally(() => opening.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the screen has no port');
  return {
    url: `ws://127.0.0.1:${address.port}/${token}`,
    close() {
      for (const socket of opening) socket.destroy();
      for (const client of sockets.clients) client.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}
