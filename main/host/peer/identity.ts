/** Who this host is to its peers: a key and its certificate, made once per library and readable by its owner only. */
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { HostError, isSystemError } from '../errors.ts';
import { fingerprintOf, selfSignedCertificate } from './certificate.ts';

export interface HostIdentity {
  /** What peers call this host unless they are told otherwise. */
  readonly name: string;
  /** PEM. */
  readonly key: string;
  readonly certificate: string;
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly fingerprint: string;
}

/** Where a library keeps what it knows of other hosts. */
export function peerFolder(library: string): string {
  return join(library, '.peers');
}

const longestName = 63;

/** A name as peers have them: lower-case letters, digits, hyphens. */
export function peerNameFrom(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '-')
    .slice(0, longestName)
    .replace(/^-+|-+$/gu, '');
  return plain === '' ? 'host' : plain;
}

/** Reads it; makes it the first time. Of two programs that make one at the same time both get the same. Throws HostError. */
export function hostIdentity(library: string): HostIdentity {
  const folder = peerFolder(library);
  const file = join(folder, 'identity.pem');
  return readIdentity(file) ?? makeIdentity(folder, file);
}

function makeIdentity(folder: string, file: string): HostIdentity {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serial = randomBytes(16);
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
  const dayAgo = new Date(Date.now() - 86_400_000);
  const text = `${keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()}${selfSignedCertificate(keys, peerNameFrom(hostname()), serial, dayAgo)}`;
  const part = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(part, text, { flag: 'wx', mode: 0o600, flush: true });
  try {
    linkSync(part, file);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  } finally {
    rmSync(part);
  }
  const made = readIdentity(file);
  if (made === undefined) throw new HostError('BROKEN', `${file} vanished.`);
  return made;
}

function readIdentity(file: string): HostIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
  const at = text.indexOf('-----BEGIN CERTIFICATE-----');
  try {
    const certificate = new X509Certificate(text.slice(at));
    return { name: peerNameFrom(hostname()), key: text.slice(0, at), certificate: text.slice(at), fingerprint: fingerprintOf(certificate.raw) };
  } catch (error) {
    throw new HostError('BROKEN', `${file} is damaged. Without it this host is a stranger to its peers; remove it to get a new one, and pair again.`, { cause: error });
  }
}
