import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { protocol } from 'electron';

/** The app's own pages: a standard, secure origin, so that the web's own rules (CSP, isolation, storage) apply. */
export const SCHEME = 'app';
export const ORIGIN = 'app://vitrine';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.map': 'application/json; charset=utf-8',
};

/**
 * Nothing but our own files, and the display sockets of our own machines, which are on loopback. Styles may be inline, since the
 * terminal writes style elements; scripts may not.
 */
const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self' ws://127.0.0.1:*",
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/** To be called before the app is ready: Chromium reads the privileges once. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } }]);
}

/** The file of a request, or undefined: another host, a kind the UI has not, or a way out of the folder. */
export async function fileOf(root: string, url: string): Promise<string | undefined> {
  try {
    const { protocol: scheme, host, pathname } = new URL(url);
    if (scheme !== `${SCHEME}:` || host !== 'vitrine') return undefined;
    const name = decodeURIComponent(pathname === '/' ? '/index.html' : pathname);
    if (name.includes('\0') || TYPES[path.extname(name)] === undefined) return undefined;
    const base = await realpath(root);
    const file = await realpath(path.join(base, name));
    return file.startsWith(base + path.sep) ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Serves the built user interface, and `failure` when there is one (see failure.ts). */
export function serveScheme(root: string, failurePage: () => string | undefined): void {
  protocol.handle(SCHEME, async (request) => {
    const { pathname } = new URL(request.url);
    const failure = pathname === '/failure.html' ? failurePage() : undefined;
    if (failure !== undefined) return new Response(failure, { headers: { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' } });
    const file = request.method === 'GET' ? await fileOf(root, request.url) : undefined;
    if (file === undefined) return new Response('There is no such file.\n', { status: 404, headers: { ...HEADERS, 'Content-Type': 'text/plain' } });
    return new Response(new Uint8Array(await readFile(file)), { headers: { ...HEADERS, 'Content-Type': TYPES[path.extname(file)] ?? 'text/plain' } });
  });
}
