/** What a client of etcd shows, and whom it trusts. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { explain, HostError } from '../errors.ts';

/** Texts in PEM, as they are in a pair's description: both hosts of a pair have them, and neither names files of the other. */
export const etcdCredentials = z
  .strictObject({
    /** Authorities of which one has to have signed etcd's certificate; without them, those that Node has. */
    ca: z.string().max(1 << 20).optional(),
    /** This client's, with those between it and its authority, and its key. */
    certificate: z.string().max(1 << 20).optional(),
    key: z.string().max(1 << 16).optional(),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), 'A certificate goes with its key.');

export type EtcdCredentials = z.infer<typeof etcdCredentials>;

/** Paths. */
export interface EtcdFiles {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** Reads them. Throws HostError, with a sentence, for a file that cannot be read or is not what it should be, for a pair that does not belong together, and for http. */
export function readEtcdCredentials({ ca, certificate, key }: EtcdFiles, endpoints: readonly string[]): EtcdCredentials {
  if (ca === undefined && certificate === undefined && key === undefined) return {};
  if (!endpoints.every((address) => address.startsWith('https:'))) throw new HostError('BAD_INPUT', 'Certificates for etcd need https addresses.');
  if (certificate !== undefined && key === undefined) throw new HostError('BAD_INPUT', 'A client certificate for etcd needs its key.');
  if (certificate === undefined && key !== undefined) throw new HostError('BAD_INPUT', 'A key for etcd needs its certificate.');
  const credentials: { -readonly [Name in keyof EtcdFiles]: string } = {};
  if (ca !== undefined) {
    credentials.ca = read(ca);
    parse(ca, 'certificate', credentials.ca, (text) => new X509Certificate(text));
  }
  if (certificate !== undefined && key !== undefined) {
    credentials.certificate = read(certificate);
    credentials.key = read(key);
    const shown = parse(certificate, 'certificate', credentials.certificate, (text) => new X509Certificate(text));
    if (!shown.checkPrivateKey(keyOf(key, credentials.key))) throw new HostError('BAD_INPUT', `The key in ${key} is not that of the certificate in ${certificate}.`);
  }
  return credentials;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw explain(error, path);
  }
}

function parse<T>(path: string, what: string, text: string, as: (text: string) => T): T {
  try {
    return as(text);
  } catch (error) {
    throw new HostError('BAD_INPUT', `${path} holds no ${what} in PEM.`, { cause: error });
  }
}

function keyOf(path: string, text: string): KeyObject {
  if (text.includes('ENCRYPTED')) throw new HostError('BAD_INPUT', `The key in ${path} is encrypted; nobody is there to type its password when etcd is asked.`);
  return parse(path, 'private key', text, createPrivateKey);
}
