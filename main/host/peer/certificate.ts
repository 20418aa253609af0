/**
 * A host's self-signed certificate: X.509 version 3 (RFC 5280) in DER (X.690), over an ECDSA key on P-256, signed with SHA-256 (RFC 5758). Peers pin its
 * fingerprint, so nothing in it but the key is believed; docs/decisions/0027.
 */
import { createHash, sign, type KeyObject } from 'node:crypto';

const tags = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, objectIdentifier: 0x06, utf8String: 0x0c, generalizedTime: 0x18, sequence: 0x30, set: 0x31, version: 0xa0, extensions: 0xa3 };

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  // Short form up to 127, else the number of length bytes and these (X.690, 8.1.3).
  const head = body.length < 128 ? [tag, body.length] : [tag, 0x80 | length.length, ...length];
  return Buffer.concat([Buffer.from(head), body]);
}

const sequence = (...contents: readonly Uint8Array[]) => der(tags.sequence, ...contents);

/** A positive number, the most significant byte first. */
function integer(bytes: Uint8Array): Buffer {
  return der(tags.integer, ((bytes[0] ?? 0) & 0x80) === 0 ? bytes : Buffer.concat([Buffer.of(0), bytes]));
}

function objectIdentifier(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let high = part >>> 7; high > 0; high >>>= 7) groups.unshift(0x80 | (high & 0x7f));
    bytes.push(...groups);
  }
  return der(tags.objectIdentifier, Uint8Array.from(bytes));
}

/** GeneralizedTime in seconds, as RFC 5280 wants it. */
const time = (at: Date) => der(tags.generalizedTime, Buffer.from(`${at.toISOString().replace(/\.\d+Z$/u, 'Z').replace(/[-:T]/gu, '')}`));

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const commonName = objectIdentifier('2.5.4.3');
const basicConstraints = objectIdentifier('2.5.29.19');
/** RFC 5280, 4.1.2.5: no well-defined end. */
const endless = der(tags.generalizedTime, Buffer.from('99991231235959Z'));

/** PEM. `serial`: up to 19 bytes that do not begin with zero. */
export function selfSignedCertificate(keys: { publicKey: KeyObject; privateKey: KeyObject }, name: string, serial: Uint8Array, from: Date): string {
  const who = sequence(der(tags.set, sequence(commonName, der(tags.utf8String, Buffer.from(name)))));
  const isNoAuthority = sequence(basicConstraints, der(tags.boolean, Buffer.of(0xff)), der(tags.octetString, sequence()));
  const body = sequence(
    der(tags.version, integer(Buffer.of(2))),
    integer(serial),
    ecdsaWithSha256,
    who,
    sequence(time(from), endless),
    who,
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der(tags.extensions, sequence(isNoAuthority)),
  );
  const signature = sign('sha256', body, { key: keys.privateKey, dsaEncoding: 'der' });
  const whole = sequence(body, ecdsaWithSha256, der(tags.bitString, Buffer.of(0), signature));
  const lines = whole.toString('base64').match(/.{1,64}/gu) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** SHA-256 of a certificate in DER, in hexadecimal: how a peer is known. */
export function fingerprintOf(certificate: Uint8Array): string {
  return createHash('sha256').update(certificate).digest('hex');
}
