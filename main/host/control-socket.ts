import { createHash, randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as setTimer } from 'node:timers/promises';
import { RPCHandler } from '@orpc/server/ws';
import { WebSocketServer } from 'ws';
import { serializers } from '../contract/contract.ts';
import { UPLOAD_LIMIT } from '../contract/bytes.ts';
import { explain } from './errors.ts';
import type { FrontContext } from './router.ts';
import { router } from './router.ts';

/** sun_path has 108 bytes on Linux and 104 on macOS (unix(7), unix(4)), with the ending zero. */
const SOCKET_PATH_LIMIT = 103;

/** A message holds one upload in base64, and its frame. */
export const MESSAGE_LIMIT = Math.ceil((UPLOAD_LIMIT * 4) / 3) + 1024 * 1024;

/** How long clients that are still connected at the end are waited for, in milliseconds. */
const LAST_ANSWERS = 1000;

/**
 * Where the holder of a library listens for the command line. In the library's own folder; a library with a long path gets a
 * place among the temporary files, which is then found by the lock.
 */
export function controlPath(library: string): string {
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\vitrine-${createHash('sha256').update(library).digest('hex').slice(0, 32)}`;
  }
  const inside = join(library, '.control');
  if (Buffer.byteLength(inside) <= SOCKET_PATH_LIMIT) return inside;
  return join(tmpdir(), `vitrine-${randomBytes(8).toString('hex')}`);
}

/**
 * Serves the contract on a local socket that only this person can open (mode 0600); that is its authentication. Call only
 * while holding the library's lock: what stands at `path` is then nobody's.
 */
export async function serveControl(path: string, context: FrontContext): Promise<{ close(): Promise<void> }> {
  if (process.platform !== 'win32') await rm(path, { force: true });
  const http = createServer((_request, response) => {
    response.writeHead(404).end();
  });
  const sockets = new WebSocketServer({ server: http, maxPayload: MESSAGE_LIMIT });
  const handler = new RPCHandler(router, { customJsonSerializers: serializers });
  sockets.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    void handler.upgrade(socket, { context });
  });
  // The socket must never be open to others, not even for a moment.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject);
      http.listen(path, () => resolve());
    });
  } catch (error) {
    throw explain(error, path);
  } finally {
    process.umask(mask);
  }
  if (process.platform !== 'win32') chmodSync(path, 0o600);
  return {
    async close() {
      const ended = new Promise<void>((resolve) => {
        http.close(() => resolve());
      });
      // Who asked for what ends us shall still hear the answer.
      const all = [...sockets.clients].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
      const patience = new AbortController();
      const late = setTimer(LAST_ANSWERS, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([Promise.all(all), late]);
      patience.abort();
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.closeAllConnections();
      await ended;
    },
  };
}
