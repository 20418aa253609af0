/** Calls of etcd (version 3): its JSON gateway, over HTTP or HTTPS. Node's fetch shows no certificates of a client, so these are Node's own requests. */
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { HostError } from '../errors.ts';
import type { EtcdCredentials } from './etcd-credentials.ts';

/** One call of the gateway: a path below `/v3` and its body. Rejects with a HostError whose sentence says why there is no answer. */
export type EtcdCall = (path: string, body: unknown) => Promise<unknown>;

/** Calls the endpoints in turn: one that does not answer for `patience` milliseconds is left for the next. */
export function etcdOver(endpoints: readonly string[], patience: number, credentials: EtcdCredentials = {}): EtcdCall {
  let current = 0;
  // Free connections are kept, and keep no process alive.
  const plain = new PlainAgent({ keepAlive: true });
  const secure = new SecureAgent({ keepAlive: true, ca: credentials.ca, cert: credentials.certificate, key: credentials.key });
  const post = (url: URL, body: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const isSecure = url.protocol === 'https:';
      const options = { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }, signal: AbortSignal.timeout(Math.ceil(patience)) };
      const request = isSecure ? secureRequest(url, { ...options, agent: secure }) : plainRequest(url, { ...options, agent: plain });
      request.on('error', reject);
      request.on('response', (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }));
      });
      request.end(body);
    });
  return async (path, body) => {
    const asked = current;
    const endpoint = endpoints[asked % endpoints.length] ?? '';
    try {
      const { status, text } = await post(new URL(`/v3${path}`, endpoint), JSON.stringify(body));
      if (status !== 200) throw new HostError('WRONG_STATE', `etcd at ${endpoint} refuses ${path}: ${text.trim()}`);
      return JSON.parse(text) as unknown;
    } catch (error) {
      // Several calls may be under way, and fail together.
      if (current === asked) current += 1;
      throw error instanceof HostError ? error : new HostError('WRONG_STATE', whyNot(endpoint, error, patience, credentials), { cause: error });
    }
  };
}

/** One question to whichever of the endpoints answers. Throws what the last of them failed with. */
export async function anyEtcd<T>(endpoints: readonly string[], ask: (call: EtcdCall) => Promise<T>, patience: number, credentials: EtcdCredentials = {}): Promise<T> {
  const call = etcdOver(endpoints, patience, credentials);
  for (let tries = 1; ; tries++) {
    try {
      return await ask(call);
    } catch (error) {
      if (tries >= endpoints.length) throw error;
    }
  }
}

function whyNot(endpoint: string, error: unknown, patience: number, { certificate }: EtcdCredentials): string {
  const { code = '', name, message } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || name === 'TimeoutError') return `etcd at ${endpoint} does not answer within ${Math.ceil(patience)} ms.`;
  // OpenSSL: what the other end says of us, and what we say of its certificate (X509_V_ERR_*, and the name in it).
  if (code.startsWith('ERR_SSL_') && code.includes('ALERT'))
    return certificate === undefined
      ? `etcd at ${endpoint} takes only clients with a certificate: vitrine pair create --etcd-cert FILE --etcd-key FILE.`
      : `etcd at ${endpoint} refuses this client's certificate: ${message}`;
  if (/CERT|CRL|SIGNATURE|ISSUER/u.test(code)) return `The certificate of etcd at ${endpoint} is not trusted: ${message}. Its authority is named by vitrine pair create --etcd-ca FILE.`;
  if (error instanceof SyntaxError) return `What answers at ${endpoint} is no etcd: it says no JSON.`;
  return `etcd at ${endpoint} does not answer: ${message || code}`;
}
