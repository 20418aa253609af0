import fc from 'fast-check';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAddress, formatAddress } from './address.ts';
import { hostIdentity, type HostIdentity } from './identity.ts';
import { KnownPeers } from './known-peers.ts';
import { addPeer, pairingRequest } from './pairing.ts';
import { codeLife, codeTries, formatPairingCode, PairingCodes, pairingProof, parsePairingCode } from './pairing-code.ts';
import { askForCode, PeerServer } from './peer-server.ts';
import { connectSecurely, listenSecurely, type SecureServer } from './secure.ts';
import { ask } from '../pair/link.ts';
import { encode } from '../pair/wire.ts';

let folder: string;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-pairing-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** A host: its library, who it is, and whom it knows. */
function host(name: string) {
  const library = join(folder, name);
  return { library, identity: hostIdentity(library), known: new KnownPeers(library) };
}

const loopback = { host: '127.0.0.1', port: 0 };

async function listening(name: string) {
  const said: string[] = [];
  const requests: unknown[] = [];
  const one = host(name);
  const server = await PeerServer.start(
    one.library,
    loopback,
    (peer, request) => {
      requests.push([peer.name, request]);
      return Promise.resolve({ heard: request });
    },
    (sentence) => said.push(sentence),
  );
  closing.push(() => server.close());
  return { ...one, server, said, requests };
}

/** Whoever is at the other end, for a test. */
async function askAt(identity: HostIdentity, server: PeerServer | SecureServer, message: unknown): Promise<unknown> {
  const { link } = await connectSecurely(identity, server.address, () => true);
  try {
    return await new Promise((resolve) => {
      link.onMessage = resolve;
      link.onClose = () => resolve('closed');
      link.send(message);
    });
  } finally {
    link.close();
  }
}

describe('a pairing code', { timeout: 60_000 }, () => {
  it('is read as it was written, however a person types it', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{20}$/), fc.stringMatching(/^[0-9A-HJKMNP-TV-Z]{12}$/), (fingerprintStart, secret) => {
        const text = formatPairingCode({ fingerprintStart, secret });
        expect(text).toMatch(/^(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}$/);
        for (const typed of [text, text.toLowerCase(), text.replaceAll('-', ' '), text.replaceAll('0', 'o').replaceAll('1', 'l')]) expect(parsePairingCode(typed)).toEqual({ fingerprintStart, secret });
      }),
    );
  });

  it('is refused with a sentence whatever else it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        try {
          parsePairingCode(text);
        } catch (error) {
          expect((error as Error).message).toMatch(/^A pairing code has 7 groups/);
        }
      }),
    );
    for (const text of ['', 'ABCD', 'U'.repeat(28), '0'.repeat(27), '0'.repeat(29)]) expect(() => parsePairingCode(text)).toThrow(/7 groups/);
  });

  it('is good once, for a while, and for few tries', () => {
    let now = 0;
    const listener = 'f'.repeat(64);
    const adding = 'a'.repeat(64);
    const codes = new PairingCodes(listener, () => now);
    const proofFor = (code: string, by = adding) => pairingProof(parsePairingCode(code).secret, 'who adds', by, listener);
    expect(codes.use(proofFor(codes.next()), adding)).toHaveProperty('proof');

    const used = codes.next();
    expect(codes.use(proofFor(used), adding)).toHaveProperty('proof');
    expect(codes.use(proofFor(used), adding)).toHaveProperty('refused');

    const old = codes.next();
    now += codeLife;
    expect(codes.use(proofFor(old), adding)).toHaveProperty('refused');

    const tried = codes.next();
    for (let count = 0; count < codeTries; count++) expect(codes.use(new Uint8Array(32), adding)).toEqual({ refused: 'The pairing code is wrong.' });
    expect(codes.use(proofFor(tried), adding)).toHaveProperty('refused');

    const replaced = codes.next();
    codes.next();
    expect(codes.use(proofFor(replaced), adding)).toHaveProperty('refused');

    // A proof is for one certificate and one direction.
    const code = codes.next();
    expect(codes.use(proofFor(code, 'b'.repeat(64)), adding)).toHaveProperty('refused');
    expect(codes.use(pairingProof(parsePairingCode(code).secret, 'who listens', adding, listener), adding)).toHaveProperty('refused');
  });
});

describe('two hosts', { timeout: 60_000 }, () => {
  it('know each other after one has typed the other’s code, and ask what strangers may not', async () => {
    const north = await listening('north');
    const south = host('south');
    expect(await askAt(south.identity, north.server, { kind: 'status' })).toBe('closed');
    const added = await addPeer(south.identity, south.known, north.server.address, north.server.code(), 'north');
    expect(added).toMatchObject({ name: 'north', fingerprint: north.identity.fingerprint, address: north.server.address });
    expect(north.known.get(south.identity.fingerprint)).toMatchObject({ address: null });
    expect(north.said).toEqual([expect.stringMatching(/is a peer now\.$/)]);
    expect(await askAt(south.identity, north.server, { kind: 'status' })).toEqual({ kind: 'answer', answer: { heard: { kind: 'status' } } });
    // A message of a known host may be long.
    expect(await askAt(south.identity, north.server, new Uint8Array(1 << 20))).toMatchObject({ kind: 'answer' });

    north.known.remove(north.known.list()[0]?.name ?? '');
    expect(await askAt(south.identity, north.server, { kind: 'status' })).toBe('closed');
    expect(north.requests).toHaveLength(2);
  });

  it('do not pair by a wrong, used or replaced code', async () => {
    const north = await listening('north');
    const south = host('south');
    const east = host('east');
    const first = north.server.code();
    const { code } = await askForCode(north.library);
    await expect(addPeer(south.identity, south.known, north.server.address, first)).rejects.toThrow('The pairing code is wrong.');
    await addPeer(south.identity, south.known, north.server.address, code);
    await expect(addPeer(east.identity, east.known, north.server.address, code)).rejects.toThrow(/used, has expired/);
    await expect(addPeer(north.identity, north.known, north.server.address, north.server.code())).rejects.toThrow(/own/);
    expect([east.known.list(), north.known.list().length]).toEqual([[], 1]);
    await expect(askForCode(east.library)).rejects.toThrow(/Nothing listens/);
  });

  it('send nothing to somebody in between, who has another certificate', async () => {
    const north = await listening('north');
    const south = host('south');
    const middle = host('middle');
    const heard: unknown[] = [];
    // It passes on whatever it is told.
    const between = await listenSecurely(middle.identity, loopback, (link) => {
      link.onMessage = (message) => {
        heard.push(message);
        void askAt(middle.identity, north.server, message).then((answer) => link.send(answer));
      };
    });
    closing.push(() => between.close());
    const code = north.server.code();
    await expect(addPeer(south.identity, south.known, between.address, code)).rejects.toThrow(/not the host that was meant/);
    expect([heard, south.known.list(), north.known.list()]).toEqual([[], [], []]);

    // Negative control: a host that does not look at who is there is heard, and even then the proof is for another certificate.
    const proof = pairingProof(parsePairingCode(code).secret, 'who adds', south.identity.fingerprint, north.identity.fingerprint);
    expect(await askAt(south.identity, between, { kind: 'pair', version: 1, name: 'south', proof })).toEqual({ kind: 'refused', reason: 'The pairing code is wrong.' });
    expect(heard).toHaveLength(1);
    expect(north.known.list()).toEqual([]);
  });

  it('do not believe a listener that has the fingerprint and not the code', async () => {
    const north = host('north');
    const south = host('south');
    const code = new PairingCodes(north.identity.fingerprint).next();
    const server = await listenSecurely(north.identity, loopback, (link) => {
      link.onMessage = () => link.send({ kind: 'paired', name: 'north', proof: new Uint8Array(32) });
    });
    closing.push(() => server.close());
    await expect(addPeer(south.identity, south.known, server.address, code)).rejects.toThrow(/does not know the code/);
    expect(south.known.list()).toEqual([]);
  });

  it('speak TLS 1.3 with certificates on both sides or not at all', async () => {
    const north = await listening('north');
    const ended = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()).on('error', () => undefined));
    const { host: address, port } = north.server.address;
    const old = connectTls({ host: address, port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await ended(old);
    expect(old.authorized).toBe(false);
    const nameless = connectTls({ host: address, port, rejectUnauthorized: false });
    nameless.resume();
    await ended(nameless);
    const plain = connect(port, address);
    plain.write('GET / HTTP/1.0\r\n\r\n');
    plain.resume();
    await ended(plain);
    expect(north.requests).toEqual([]);
  });

  it('take no harm from what strangers say', async () => {
    const north = await listening('north');
    const stranger = host('stranger');
    north.server.code();
    expect(await askAt(stranger.identity, north.server, new Uint8Array(5000))).toBe('closed');
    await fc.assert(
      fc.asyncProperty(fc.anything({ maxDepth: 2 }), async (value) => {
        let message: unknown = value;
        try {
          encode(value);
        } catch {
          message = String(typeof value);
        }
        expect(pairingRequest.safeParse(message).success).toBe(false);
        expect(await askAt(stranger.identity, north.server, message)).toBe('closed');
      }),
      { numRuns: 40 },
    );
    expect(north.known.list()).toEqual([]);
  });

  it('are reached only where somebody listens', async () => {
    const south = host('south');
    const server: Server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(connectSecurely(south.identity, { host: '127.0.0.1', port }, () => true)).rejects.toThrow(/cannot be reached/);
    await new Promise((resolve) => server.close(resolve));
    await expect(connectSecurely(south.identity, { host: '127.0.0.1', port }, () => true)).rejects.toThrow(/cannot be reached/);
    await expect(ask(join(folder, 'nobody'), {}, 0)).rejects.toThrow();
  });
});

describe('an address', () => {
  it('is read as it is written, or refused', () => {
    for (const text of ['10.0.0.1:80', 'north.example:65535', '[::1]:1']) expect(formatAddress(parseAddress(text))).toBe(text);
    for (const text of ['', ':1', 'a', '1.2.3.4', 'a:b', 'a:70000', '::1:1', '[x]:1', 'a b:1', 'user@a:1']) expect(() => parseAddress(text)).toThrow(/is no address/);
  });
});
