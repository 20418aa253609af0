/** TLS 1.3 between hosts: both show certificates, and who is at the other end is who has the pinned fingerprint. No authority has a say. */
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { Server } from 'node:net';
import { HostError } from '../errors.ts';
import { Link } from '../pair/link.ts';
import type { Address } from './address.ts';
import { formatAddress } from './address.ts';
import { fingerprintOf } from './certificate.ts';
import type { HostIdentity } from './identity.ts';

/** Bytes of a message from a host that is not known (yet). */
export const strangerLimit = 4096;
const handshakeTimeout = 10_000;
/** Connections at a time; strangers cannot take more. */
const mostConnections = 256;

function options({ key, certificate }: HostIdentity) {
  // Fingerprints are looked at by who asks for the connection, on both sides; the handshake has proved who has the key.
  return { key, cert: certificate, minVersion: 'TLSv1.3' as const, rejectUnauthorized: false };
}

/** The fingerprint of whoever is at the other end; undefined when it has shown no certificate. */
function otherEnd(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : fingerprintOf(certificate.raw);
}

export class StrangerError extends HostError {
  constructor(where: Address) {
    super('WRONG_STATE', `Who listens at ${formatAddress(where)} is not the host that was meant. Nothing was sent to it.`);
  }
}

/** Connects to who `isMeant`; anybody else is told nothing. Throws HostError. */
export function connectSecurely(identity: HostIdentity, where: Address, isMeant: (fingerprint: string) => boolean, patience = handshakeTimeout): Promise<{ link: Link; fingerprint: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options(identity), host: where.host, port: where.port, checkServerIdentity: () => undefined });
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error instanceof HostError ? error : new HostError('WRONG_STATE', `${formatAddress(where)} cannot be reached: ${error.message}.`, { cause: error }));
    };
    const timer = setTimeout(() => fail(new Error('no answer')), patience);
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('the connection was closed')));
    socket.once('secureConnect', () => {
      const fingerprint = otherEnd(socket);
      if (fingerprint === undefined || !isMeant(fingerprint)) return fail(new StrangerError(where));
      clearTimeout(timer);
      socket.removeAllListeners('close');
      const link = new Link(socket);
      socket.off('error', fail);
      resolve({ link, fingerprint });
    });
  });
}

export interface SecureServer {
  readonly server: Server;
  readonly address: Address;
  close(): Promise<void>;
}

/** Listens. Whoever shows a certificate is given to `onLink`, which has to look at the fingerprint; its messages are short until the link's limit is raised. */
export async function listenSecurely(identity: HostIdentity, where: Address, onLink: (link: Link, fingerprint: string) => void): Promise<SecureServer> {
  const links = new Set<Link>();
  const server = createServer({ ...options(identity), requestCert: true, handshakeTimeout }, (socket) => {
    const fingerprint = otherEnd(socket);
    if (fingerprint === undefined) {
      socket.destroy();
      return;
    }
    const link = new Link(socket, strangerLimit);
    links.add(link);
    socket.once('close', () => links.delete(link));
    onLink(link, fingerprint);
  });
  server.maxConnections = mostConnections;
  // A handshake that fails is the other end's.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new HostError('WRONG_STATE', `${formatAddress(where)} cannot be listened on: ${error.message}.`, { cause: error })));
    server.listen(where.port, where.host, () => resolve());
  });
  const bound = server.address();
  return {
    server,
    address: { host: where.host, port: typeof bound === 'object' && bound !== null ? bound.port : where.port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const link of links) link.close();
      }),
  };
}
