import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from './certificate.ts';
import { hostIdentity, peerFolder, peerNameFrom } from './identity.ts';
import { KnownPeers } from './known-peers.ts';

let library: string;
beforeEach(() => {
  library = mkdtempSync(join(tmpdir(), 'vitrine-peers-'));
});
afterEach(() => rmSync(library, { recursive: true, force: true }));

describe('a host’s certificate', () => {
  it('is one that Node reads, signed by its own key', () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = new X509Certificate(selfSignedCertificate(keys, 'höst', Buffer.of(0x41, 2, 3), new Date('2026-01-02T03:04:05.678Z')));
    expect(certificate.subject).toBe('CN=höst');
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.serialNumber).toBe('410203');
    expect(new Date(certificate.validFrom).toISOString()).toBe('2026-01-02T03:04:05.000Z');
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(9999);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(keys.publicKey)).toBe(true);
    expect(certificate.verify(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)).toBe(false);
  });

  it('is one that OpenSSL takes, by its own strict rules', () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const file = join(library, 'c.pem');
    // Serial numbers with their highest bit set are positive all the same.
    writeFileSync(file, selfSignedCertificate(keys, 'host', Buffer.concat([Buffer.of(0xff), randomBytes(15)]), new Date()));
    const text = execFileSync('openssl', ['x509', '-in', file, '-noout', '-text', '-certopt', 'ext_error'], { encoding: 'utf8' });
    expect(text).toMatch(/Version: 3/);
    expect(text).toMatch(/CA:FALSE/);
    expect(text).toMatch(/Serial Number:\s+ff:/i);
    expect(execFileSync('openssl', ['verify', '-check_ss_sig', '-CAfile', file, '-partial_chain', file], { encoding: 'utf8' })).toMatch(/OK/);
  });
});

describe('a host’s identity', () => {
  it('is made once, for its owner alone, and refused when it is damaged', () => {
    const first = hostIdentity(library);
    expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(hostIdentity(library)).toEqual(first);
    const file = join(peerFolder(library), 'identity.pem');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(peerFolder(library)).mode & 0o777).toBe(0o700);
    writeFileSync(file, readFileSync(file, 'utf8').replace('CERTIFICATE-----\nM', 'CERTIFICATE-----\nQ'));
    expect(() => hostIdentity(library)).toThrow(/damaged/);
  });

  it('is named as peers have names', () => {
    expect(['My Host.local', '', '--', 'a'.repeat(100)].map(peerNameFrom)).toEqual(['my-host-local', 'host', 'host', 'a'.repeat(63)]);
  });
});

describe('the hosts that are known', () => {
  const one = 'a'.repeat(64);
  const two = 'b'.repeat(64);

  it('keep their names, and two of one name are told apart', async () => {
    const known = new KnownPeers(library);
    expect(known.list()).toEqual([]);
    await known.add('north', one, { host: '10.0.0.1', port: 5 });
    expect((await known.add('north', two, null)).name).toBe('north-2');
    // Paired again: the address that was known stays.
    expect(await known.add('other', one, null)).toMatchObject({ name: 'north', address: { host: '10.0.0.1', port: 5 } });
    expect(known.list().map(({ name }) => name)).toEqual(['north', 'north-2']);
    known.remove('north');
    expect(known.get(one)).toBeUndefined();
    expect(() => known.named('north')).toThrow(/no peer named north/);
  });

  it('are trusted by no damaged file', async () => {
    const known = new KnownPeers(library);
    await known.add('north', one, null);
    const file = join(peerFolder(library), 'known', `${one}.json`);
    for (const text of ['', '{}', readFileSync(file, 'utf8').replace(one, two), readFileSync(file, 'utf8').replace('"version"', '"more": 1, "version"')]) {
      writeFileSync(file, text);
      expect(() => known.get(one)).toThrow(/damaged/);
    }
    expect(() => known.get('../identity')).toThrow();
  });
});
