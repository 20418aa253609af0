import { usage } from './exit.ts';

/** A port as people write it; 0 is any that is free. */
export function parsePort(option: string, text: string): number {
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65535)) throw usage(`${option} takes a port from 0 (any that is free) to 65535, not ${text}.`);
  return port;
}
