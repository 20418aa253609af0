/**
 * The pairing code: by it two hosts that have never met know each other's certificates. It is read from one screen and typed at another, is good for
 * one pairing, for a while and for few tries. It holds 80 bits of the listening host's fingerprint, so that nobody in between can be taken for it,
 * and 60 secret bits, which never cross the network: each side proves that it has them by an HMAC over both certificates.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { HostError } from '../errors.ts';

/** Crockford's base 32: no I, L, O, U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const fingerprintCharacters = 16;
const secretCharacters = 12;
const codeCharacters = fingerprintCharacters + secretCharacters;
const groupOf = 4;

/** How long a code is good, in milliseconds, and how many wrong proofs it bears. */
export const codeLife = 600_000;
export const codeTries = 5;

export interface PairingCode {
  /** The first 80 bits of the fingerprint, in hexadecimal. */
  readonly fingerprintStart: string;
  readonly secret: string;
}

function base32(hex: string): string {
  let bits = BigInt(`0x${hex}`);
  let text = '';
  for (let left = (hex.length * 4) / 5; left > 0; left--) {
    text = `${alphabet[Number(bits & 31n)] ?? ''}${text}`;
    bits >>= 5n;
  }
  return text;
}

export function formatPairingCode({ fingerprintStart, secret }: PairingCode): string {
  const all = `${base32(fingerprintStart)}${secret}`;
  return (all.match(new RegExp(`.{${groupOf}}`, 'gu')) ?? []).join('-');
}

/** As a person has typed it: small letters, spaces, and I, L and O for 1 and 0 are taken. Throws HostError. */
export function parsePairingCode(text: string): PairingCode {
  const plain = text.toUpperCase().replace(/[\s-]/gu, '').replace(/O/gu, '0').replace(/[IL]/gu, '1');
  if (plain.length !== codeCharacters || [...plain].some((letter) => !alphabet.includes(letter)))
    throw new HostError('BAD_INPUT', `A pairing code has ${codeCharacters / groupOf} groups of ${groupOf} letters and digits, as "vitrine serve --peer" prints it.`);
  let bits = 0n;
  for (const letter of plain.slice(0, fingerprintCharacters)) bits = (bits << 5n) | BigInt(alphabet.indexOf(letter));
  return { fingerprintStart: bits.toString(16).padStart((fingerprintCharacters * 5) / 4, '0'), secret: plain.slice(fingerprintCharacters) };
}

export type Prover = 'who adds' | 'who listens';

/** What shows the other that this side has the secret, for these two certificates and this direction only. */
export function pairingProof(secret: string, prover: Prover, adding: string, listening: string): Uint8Array {
  return createHmac('sha256', secret).update(`vitrine pairing 1\n${prover}\n${adding}\n${listening}\n`).digest();
}

export function isProof(proof: Uint8Array, expected: Uint8Array): boolean {
  return proof.length === expected.length && timingSafeEqual(proof, expected);
}

/** The one code of a listening host. `now`: milliseconds of a clock that is never set. */
export class PairingCodes {
  #open: { readonly secret: string; readonly until: number; tries: number } | undefined;

  constructor(
    private readonly fingerprint: string,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** A new code; the one before is void. */
  next(): string {
    const secret = [...randomBytes(secretCharacters)].map((byte) => alphabet[byte % alphabet.length] ?? '').join('');
    this.#open = { secret, until: this.now() + codeLife, tries: codeTries };
    return formatPairingCode({ fingerprintStart: this.fingerprint.slice(0, (fingerprintCharacters * 5) / 4), secret });
  }

  /** The answer's proof for who has proved to have the code, which is used then; else a sentence. */
  use(proof: Uint8Array, adding: string): { proof: Uint8Array } | { refused: string } {
    const open = this.#open;
    if (open === undefined || this.now() >= open.until) {
      this.#open = undefined;
      return { refused: 'No pairing code is good now: it was used, has expired, or was tried too often. "vitrine peer code" gives a new one on the other host.' };
    }
    if (!isProof(proof, pairingProof(open.secret, 'who adds', adding, this.fingerprint))) {
      open.tries -= 1;
      if (open.tries === 0) this.#open = undefined;
      return { refused: 'The pairing code is wrong.' };
    }
    this.#open = undefined;
    return { proof: pairingProof(open.secret, 'who listens', adding, this.fingerprint) };
  }
}
