import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Live browsers at most; the oldest is let go. */
const SESSION_LIMIT = 64;

const SECRET_BYTES = 32;

function secret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Addresses that the system reaches by this machine's own loopback. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address);
}

/** The authority part of a URL for an address and a port. */
export function authority(address: string, port: number): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/**
 * Who may speak to the headless front. A request must name this server in `Host` (against DNS rebinding); one that does
 * something must come from a page of this server (`Origin`), and carry the session cookie that was given for the token.
 */
export class Access {
  /** Printed once, in the fragment of the address, which browsers send to nobody. */
  readonly token = secret();
  readonly #sessions: string[] = [];
  readonly #hosts = new Set<string>();
  #cookie = '';

  /** `names`: further names by which clients may reach the server. */
  allow(address: string, port: number, names: readonly string[]): void {
    // Browsers keep cookies by host without port; two servers must not overwrite each other's.
    this.#cookie = `vitrine-session-${port}`;
    const known = isLoopback(address) ? ['127.0.0.1', 'localhost', '::1'] : [address];
    const all = address === '0.0.0.0' || address === '::';
    if (all) {
      known.push('localhost');
      for (const entries of Object.values(networkInterfaces())) known.push(...(entries ?? []).map((entry) => entry.address));
    }
    for (const name of [...known, ...names]) this.#hosts.add(authority(name.toLowerCase(), port));
  }

  hostAllowed(request: IncomingMessage): boolean {
    return this.#hosts.has((request.headers.host ?? '').toLowerCase());
  }

  /** Browsers always send an origin with a WebSocket and a POST; who sends none is no page of ours. */
  originAllowed(request: IncomingMessage): boolean {
    const { origin } = request.headers;
    if (origin === undefined || !URL.canParse(origin)) return false;
    const { protocol, host } = new URL(origin);
    // Default ports are not written in an origin.
    return protocol === 'http:' && (this.#hosts.has(host) || this.#hosts.has(`${host}:80`));
  }

  /** The cookie for the token, as a `Set-Cookie` value; undefined if it is not the token. */
  open(token: string): string | undefined {
    if (!equal(token, this.token)) return undefined;
    const session = secret();
    this.#sessions.push(session);
    if (this.#sessions.length > SESSION_LIMIT) this.#sessions.shift();
    return `${this.#cookie}=${session}; Path=/; HttpOnly; SameSite=Strict`;
  }

  sessionValid(request: IncomingMessage): boolean {
    for (const part of (request.headers.cookie ?? '').split(';')) {
      const at = part.indexOf('=');
      if (part.slice(0, at).trim() !== this.#cookie) continue;
      const value = part.slice(at + 1).trim();
      if (this.#sessions.some((session) => equal(session, value))) return true;
    }
    return false;
  }
}
