import { usage } from './exit.ts';

/** A port as people write it; 0 is any that is free. */
export function parsePort(option: string, text: string): number {
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65535)) throw usage(`${option} takes a port from 0 (any that is free) to 65535, not ${text}.`);
  return port;
}

/** `[ADDRESS:]PORT`; an IPv6 address in brackets. Without an address: only this computer. */
export function parsePlace(option: string, text: string): { address: string; port: number } {
  const [, bracketed, plain, port = ''] = /^(?:\[([0-9a-f:.]+)\]:|([0-9.]+):)?(.*)$/iu.exec(text) ?? [];
  return { address: bracketed ?? plain ?? '127.0.0.1', port: parsePort(option, port) };
}

/** The password for VNC viewers: from the environment, where no list of processes shows it. */
export function rfbPassword(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const password = environment['VITRINE_RFB_PASSWORD'];
  return password === undefined || password === '' ? undefined : password;
}
