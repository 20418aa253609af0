/** Who may look at a display: programs and our own pages on this host that have its token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const loopbackNames = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** The HTTP status with which to refuse a request, or undefined. */
export function refusalOf(request: IncomingMessage, token: string): string | undefined {
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
