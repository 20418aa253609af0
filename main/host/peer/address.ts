import { isIPv6 } from 'node:net';
import { HostError } from '../errors.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `ADDR:PORT`, `[ADDR]:PORT` (IPv6). Throws HostError. */
export function parseAddress(text: string): Address {
  const [, six, four, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/@]{1,253})):(\d{1,5})$/iu.exec(text) ?? [];
  const host = six ?? four;
  const port = Number(digits);
  if (host === undefined || (six !== undefined && !isIPv6(six)) || port > 65535)
    throw new HostError('BAD_INPUT', `${text} is no address: ADDRESS:PORT, or [ADDRESS]:PORT for IPv6.`);
  return { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
