import { z } from 'zod';

/** Most bytes of one file that may come over the contract itself. Larger files are named by path, which only local fronts may do. */
export const UPLOAD_LIMIT = 64 * 1024 * 1024;

/** A byte array of at most `maximum` bytes. */
export function byteArray(maximum: number = UPLOAD_LIMIT) {
  return z
    .custom<Uint8Array>((value) => value instanceof Uint8Array, 'Expected bytes.')
    .refine((value) => value.byteLength <= maximum, `At most ${maximum} bytes fit here.`);
}

/** Characters turned into one argument list at a time: `String.fromCharCode` takes its input on the stack. */
const CHUNK = 0x8000;

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/**
 * How the two ends write what JSON cannot say. Both the RPC handler of a front's server side and the RPC link of its client
 * must be given this as `customJsonSerializers`, or byte arrays arrive as objects and are refused.
 */
export const serializers = [
  {
    type: 21,
    condition: (value: unknown): boolean => value instanceof Uint8Array,
    serialize: (value: Uint8Array): string => toBase64(value),
    deserialize: (value: unknown): Uint8Array => {
      if (typeof value !== 'string') throw new TypeError('Bytes must come as base64 text.');
      return fromBase64(value);
    },
  },
];
