import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { RPCHandler } from '@orpc/server/ws';
import { WebSocketServer } from 'ws';
import { serializers } from '../contract/contract.ts';
import { machineId } from '../contract/machine.ts';
import { pairSide } from '../contract/pairs.ts';
import { DISPLAY_PATH, RPC_PATH } from '../contract/web.ts';
import { MESSAGE_LIMIT } from '../host/control-socket.ts';
import { explain, HostError } from '../host/errors.ts';
import type { FrontContext } from '../host/router.ts';
import { router } from '../host/router.ts';
import { Access, authority, isLoopback } from './access.ts';
import { proxyDisplay } from './display-proxy.ts';
import { OPENING_PAGE, OPENING_SCRIPT } from './opening-page.ts';
import { securityHeaders } from './security-headers.ts';
import { staticFile } from './static-files.ts';

export interface ServerOptions {
  /** Everything but the front and the display's address, which are this server's affair. */
  context: Omit<FrontContext, 'front' | 'displayUrl' | 'desktop'>;
  /** The built UI (out/renderer). */
  files: string;
  /** Default 127.0.0.1. */
  address?: string;
  /** Default 0: any free one. */
  port?: number;
  /** Further host names by which browsers may reach the server. */
  hostNames?: readonly string[];
}

export interface RunningServer {
  /** With the token in the fragment: print it, do not log it. */
  url: string;
  port: number;
  /** A warning to be shown if others than this computer can reach the server. */
  exposed: string | undefined;
  close(): Promise<void>;
}

/** A token and its padding; nothing else is ever posted. */
const TOKEN_LIMIT = 256;

async function readToken(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > TOKEN_LIMIT) return '';
  }
  return text;
}

function answer(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

const PLAIN = 'text/plain; charset=utf-8';

/** The headless front: the built UI, the contract and the displays, for browsers that hold the token. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const access = new Access();
  const address = options.address ?? '127.0.0.1';
  const context: FrontContext = { ...options.context, front: 'browser', displayUrl: (id, _url, screen) => `${DISPLAY_PATH}${id}${screen === 0 ? '' : `/${screen}`}` };
  const handler = new RPCHandler(router, { customJsonSerializers: serializers });
  const calls = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_LIMIT, perMessageDeflate: false });
  const displays = new WebSocketServer({
    noServer: true,
    maxPayload: 1024 * 1024,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  });

  const http = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => {
      context.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
      if (!response.headersSent) answer(response, 500, PLAIN, 'Vitrine failed inside; its log says where.\n');
    });
  });
  http.requestTimeout = 30_000;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!access.hostAllowed(request)) {
      answer(response, 421, PLAIN, 'This server is not known by that name.\n');
      return;
    }
    for (const [name, value] of Object.entries(securityHeaders(request.headers.host ?? ''))) response.setHeader(name, value);
    // The request's own text, not a URL's normal form: what was sent is what is judged.
    const path = (request.url ?? '/').split(/[?#]/)[0] ?? '/';
    if (request.method === 'POST' && path === '/session') return openSession(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, PLAIN, 'Only GET is served here.\n');
    if (path === '/open.js') return answer(response, 200, 'text/javascript; charset=utf-8', OPENING_SCRIPT);
    if (!access.sessionValid(request)) {
      if (path === '/') return answer(response, 200, 'text/html; charset=utf-8', OPENING_PAGE);
      return answer(response, 401, PLAIN, 'Open the address that "vitrine serve" printed.\n');
    }
    const file = await staticFile(options.files, path === '/' ? '/index.html' : path);
    if (!file) return answer(response, 404, PLAIN, 'There is no such file.\n');
    answer(response, 200, file.type, file.bytes);
  }

  async function openSession(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!access.originAllowed(request)) return answer(response, 403, PLAIN, 'Only this server’s own page may do that.\n');
    const cookie = access.open(await readToken(request));
    if (cookie === undefined) return answer(response, 403, PLAIN, 'That is not the token.\n');
    response.setHeader('Set-Cookie', cookie);
    answer(response, 204, PLAIN, '');
  }

  http.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (!access.hostAllowed(request)) return refuse(socket, '421 Misdirected Request');
    if (!access.originAllowed(request)) return refuse(socket, '403 Forbidden');
    if (!access.sessionValid(request)) return refuse(socket, '401 Unauthorized');
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path === RPC_PATH) {
      calls.handleUpgrade(request, socket, head, (client) => {
        client.on('error', () => client.terminate());
        void handler.upgrade(client, { context });
      });
      return;
    }
    const [, id, screen = '0'] = path.startsWith(DISPLAY_PATH) ? (/^([^/]+)(?:\/([0-7ab]))?$/.exec(path.slice(DISPLAY_PATH.length)) ?? []) : [];
    if (!machineId.safeParse(id).success || id === undefined) return refuse(socket, '404 Not Found');
    void openDisplay(id, screen, request, socket, head);
  });

  async function openDisplay(id: string, screen: string, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const side = pairSide.safeParse(screen).data;
      const { url } = side === undefined ? await context.host.ask(id, ({ machine }) => machine.display(Number(screen))) : await context.host.pairs.display(id, side);
      displays.handleUpgrade(request, socket, head, (client) => {
        proxyDisplay(client, url);
      });
    } catch (error) {
      if (!(error instanceof HostError)) context.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
      refuse(socket, '409 Conflict');
    }
  }

  try {
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject);
      http.listen(options.port ?? 0, address, () => resolve());
    });
  } catch (error) {
    throw listenError(error, address, options.port ?? 0);
  }
  const bound = http.address();
  if (bound === null || typeof bound === 'string') throw new Error('The server has no port.');
  access.allow(address, bound.port, options.hostNames ?? []);

  return {
    url: `http://${authority(address === '0.0.0.0' || address === '::' ? 'localhost' : address, bound.port)}/#token=${access.token}`,
    port: bound.port,
    exposed: isLoopback(address)
      ? undefined
      : `Others on the network can reach ${authority(address, bound.port)}, and nothing on the way is encrypted. Use a tunnel (ssh -L) where you can.`,
    async close() {
      for (const client of [...calls.clients, ...displays.clients]) client.terminate();
      await new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      });
    },
  };
}

function listenError(error: unknown, address: string, port: number): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return new HostError('CONFLICT', `Port ${port} of ${address} is in use; choose another with --port.`, { cause: error });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return new HostError('BAD_INPUT', `${address} is not an address of this computer.`, { cause: error });
  if (code === 'EACCES') return new HostError('UNREADABLE', `Port ${port} needs more rights; choose one above 1023.`, { cause: error });
  return explain(error, `${address}:${port}`);
}
