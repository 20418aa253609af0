/** VNC authentication (RFC 6143, 7.2.2): the viewer encrypts 16 random bytes with DES, the password as key. */
import { createCipheriv, timingSafeEqual } from 'node:crypto';

export const challengeSize = 16;
const keySize = 8;
const blockSize = 8;

/** The right response to a challenge. Only the first eight characters of the password count (a limit of the method). */
export function vncResponse(password: string, challenge: Uint8Array): Uint8Array {
  const key = new Uint8Array(keySize);
  for (const [i, byte] of new TextEncoder().encode(password).subarray(0, keySize).entries()) {
    // The method takes each byte's bits in reverse.
    let reversed = 0;
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) reversed |= 0x80 >> bit;
    key[i] = reversed;
  }
  // Triple DES with one key three times is DES, and is there where plain DES is not.
  const tripleKey = Buffer.concat([key, key, key]);
  const response = new Uint8Array(challengeSize);
  for (let at = 0; at < challengeSize; at += blockSize) {
    const cipher = createCipheriv('des-ede3-cbc', tripleKey, new Uint8Array(blockSize));
    cipher.setAutoPadding(false);
    response.set(cipher.update(challenge.subarray(at, at + blockSize)), at);
  }
  return response;
}

export function vncResponseMatches(password: string, challenge: Uint8Array, response: Uint8Array): boolean {
  return timingSafeEqual(vncResponse(password, challenge), response);
}
