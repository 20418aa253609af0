import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createORPCClient, ORPCError } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { serializers, type HostClient } from '../contract/contract.ts';
import { fakeEngine, fakeHost, temporaryFolder } from '../host/testing/fake-engine.ts';
import { startServer } from './server.ts';

async function serve() {
  const folder = await temporaryFolder(onTestFinished);
  const engine = fakeEngine();
  const { host } = await fakeHost(folder, { engine });
  onTestFinished(() => host.close());
  const files = join(folder, 'renderer');
  await mkdir(join(files, 'assets'), { recursive: true });
  await writeFile(join(files, 'index.html'), '<p>the real page</p>');
  await writeFile(join(files, 'assets', 'index.js'), 'void 0;');
  await writeFile(join(folder, 'secret.html'), 'secret');
  await symlink(join(folder, 'secret.html'), join(files, 'link.html'));
  const logged: string[] = [];
  const server = await startServer({ context: { host, doctor: () => Promise.resolve([]), log: (text) => logged.push(text) }, files });
  onTestFinished(() => server.close());
  const token = new URLSearchParams(new URL(server.url).hash.slice(1)).get('token') ?? '';
  return { host, engine, server, token, logged, origin: `http://127.0.0.1:${server.port}` };
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** A request with exactly these headers and this path, as no browser would normalize it. */
function ask(port: number, path: string, headers: Record<string, string> = {}, method = 'GET', body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

async function logIn(port: number, token: string, origin: string): Promise<string> {
  const answer = await ask(port, '/session', { Origin: origin }, 'POST', token);
  expect(answer.status).toBe(204);
  return String(answer.headers['set-cookie']).split(';')[0] ?? '';
}

/** The status with which a WebSocket is refused; 101 if it is not. */
function upgradeStatus(port: number, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const { Origin: origin, ...rest } = headers;
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: rest, ...(origin === undefined ? {} : { origin }) });
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('unexpected-response', (_request, response) => {
      socket.terminate();
      resolve(response.statusCode ?? 0);
    });
    socket.on('error', (error) => {
      if (!/Unexpected server response|closed before/.test(error.message)) reject(error);
    });
  });
}

function client(port: number, cookie: string): { client: HostClient; socket: WebSocket } {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/rpc`, { origin: `http://127.0.0.1:${port}`, headers: { Cookie: cookie } });
  socket.binaryType = 'arraybuffer';
  onTestFinished(() => socket.terminate());
  return { client: createORPCClient(new RPCLink({ websocket: socket, customJsonSerializers: serializers })), socket };
}

describe('the headless front', () => {
  it('shows nothing but the opening page without a session', async () => {
    const { server } = await serve();
    const page = await ask(server.port, '/');
    expect(page.status).toBe(200);
    expect(page.body).not.toContain('the real page');
    expect((await ask(server.port, '/index.html')).status).toBe(401);
    expect((await ask(server.port, '/assets/index.js')).status).toBe(401);
  });

  it('exchanges the token for a cookie that scripts and other sites cannot use', async () => {
    const { server, token, origin } = await serve();
    const answer = await ask(server.port, '/session', { Origin: origin }, 'POST', token);
    const cookie = String(answer.headers['set-cookie']);
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(token);
    const page = await ask(server.port, '/', { Cookie: cookie.split(';')[0] ?? '' });
    expect(page.body).toBe('<p>the real page</p>');
    expect((await ask(server.port, '/assets/index.js', { Cookie: cookie.split(';')[0] ?? '' })).headers['content-type']).toContain('text/javascript');
  });

  it('keeps the key out of what is sent: it stands in the fragment', async () => {
    const { server, token } = await serve();
    const url = new URL(server.url);
    expect(token).toHaveLength(43);
    expect(url.href.slice(0, url.href.indexOf('#'))).not.toContain(token);
  });

  it.each(['', 'x', 'x'.repeat(43), 'x'.repeat(100_000)])('refuses a wrong token (%#)', async (wrong) => {
    const { server, origin } = await serve();
    const answer = await ask(server.port, '/session', { Origin: origin }, 'POST', wrong);
    expect(answer.status).toBe(403);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('refuses the token from a page of another site', async () => {
    const { server, token } = await serve();
    for (const origin of ['http://evil.example', 'null', `http://evil.example:${server.port}`, `https://127.0.0.1:${server.port}`]) {
      expect((await ask(server.port, '/session', { Origin: origin }, 'POST', token)).status).toBe(403);
    }
    expect((await ask(server.port, '/session', {}, 'POST', token)).status).toBe(403);
  });

  it('answers to its own names only, so that a rebound name reaches nothing', async () => {
    const { server, token, origin } = await serve();
    const cookie = await logIn(server.port, token, origin);
    for (const host of ['evil.example', `evil.example:${server.port}`, '127.0.0.1', `127.0.0.1.evil.example:${server.port}`]) {
      expect((await ask(server.port, '/', { Host: host, Cookie: cookie })).status, host).not.toBe(200);
    }
    expect((await ask(server.port, '/', { Host: `localhost:${server.port}`, Cookie: cookie })).status).toBe(200);
  });

  it('serves no file outside of the UI’s folder', async () => {
    const { server, token, origin } = await serve();
    const Cookie = await logIn(server.port, token, origin);
    for (const path of [
      '/../secret.html',
      '/%2e%2e/secret.html',
      '/..%2fsecret.html',
      '/assets/../../secret.html',
      '/assets/..%5c..%5csecret.html',
      '/link.html',
      '//secret.html',
      '/%00/index.html',
      '/%',
      '/.hidden.html',
      '/assets',
    ]) {
      const answer = await ask(server.port, path, { Cookie });
      expect(answer.status, path).toBe(404);
      expect(answer.body, path).not.toContain('secret');
    }
  });

  it('isolates the page and lets no foreign or inline script run', async () => {
    const { server } = await serve();
    const { headers } = await ask(server.port, '/');
    expect(headers['cross-origin-opener-policy']).toBe('same-origin');
    expect(headers['cross-origin-embedder-policy']).toBe('require-corp');
    expect(headers['x-content-type-options']).toBe('nosniff');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'self';/);
    expect(policy).toContain("frame-ancestors 'none'");
  });

  it('takes no other methods', async () => {
    const { server } = await serve();
    for (const method of ['PUT', 'DELETE', 'POST', 'OPTIONS']) expect((await ask(server.port, '/', {}, method)).status).toBe(405);
  });
});

describe('its sockets', () => {
  it('open only with the cookie, from our own page, under our own name', async () => {
    const { server, token, origin, host } = await serve();
    const Cookie = await logIn(server.port, token, origin);
    await host.start('hello', false);
    for (const path of ['/rpc', '/display/hello']) {
      expect(await upgradeStatus(server.port, path, { Origin: origin })).toBe(401);
      expect(await upgradeStatus(server.port, path, { Origin: origin, Cookie: `vitrine-session-${server.port}=${token}` })).toBe(401);
      expect(await upgradeStatus(server.port, path, { Cookie })).toBe(403);
      expect(await upgradeStatus(server.port, path, { Origin: 'http://evil.example', Cookie })).toBe(403);
      expect(await upgradeStatus(server.port, path, { Origin: origin, Cookie, Host: 'evil.example' })).toBe(421);
      expect(await upgradeStatus(server.port, path, { Origin: origin, Cookie })).toBe(101);
    }
    expect(await upgradeStatus(server.port, '/display/a%2fb', { Origin: origin, Cookie })).toBe(404);
    expect(await upgradeStatus(server.port, '/elsewhere', { Origin: origin, Cookie })).toBe(404);
  });

  it('carry the contract: calls, bytes, refusals and streams', async () => {
    const { server, token, origin, engine } = await serve();
    const { client: host, socket } = client(server.port, await logIn(server.port, token, origin));
    expect(await host.library.list()).toMatchObject([{ id: 'hello', state: 'off' }]);
    expect(await host.application.about()).toMatchObject({ front: 'browser', desktop: false });
    const events = await host.machines.events({ id: 'hello' });
    await host.machines.start({ id: 'hello' });
    engine.machines[0]?.say('hi');
    for await (const event of events) {
      if (event.kind !== 'serial') continue;
      expect(event.bytes).toEqual(new TextEncoder().encode('hi'));
      break;
    }
    expect((await host.machines.screenshot({ id: 'hello' })).png).toBeInstanceOf(Uint8Array);
    expect(await host.machines.input({ id: 'hello', input: { kind: 'serial', bytes: new Uint8Array([1, 2]) } })).toBeUndefined();
    expect(engine.machines[0]?.inputs).toEqual([{ kind: 'serial', bytes: new Uint8Array([1, 2]) }]);
    expect(await host.machines.display({ id: 'hello' })).toEqual({ url: '/display/hello' });
    socket.close();
  });

  it('let a page type for the session that has the machine, and no other', async () => {
    const { engine, server, token, origin } = await serve();
    const { client: host, socket } = client(server.port, await logIn(server.port, token, origin));
    await host.machines.start({ id: 'hello' });
    const key = (bytes: number[], as?: string) => host.machines.input({ id: 'hello', input: { kind: 'scancodes', bytes }, client: as });
    await key([1]);
    const attached = await host.display.attach({ id: 'hello', client: { id: 'desk', name: 'Desk' }, outputs: [{ output: 0, width: 640, height: 480 }] });
    expect((await attached.next()).value).toMatchObject({ kind: 'attached', role: 'holder' });
    await host.display.attach({ id: 'hello', client: { id: 'phone', name: 'Phone' }, outputs: [{ output: 0, width: 400, height: 600 }], role: 'viewer' });
    await key([2], 'desk');
    for (const as of ['phone', undefined]) await expect(key([3], as)).rejects.toMatchObject({ code: 'CONFLICT', message: 'Desk has the machine, and only who has it types. Take it over first.' });
    await expect(host.machines.typeText({ id: 'hello', text: 'x' })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(engine.machines[0]?.inputs).toEqual([1, 2].map((byte) => ({ kind: 'scancodes', bytes: [byte] })));
    socket.close();
  });

  it('turn every failure into a code and a sentence', async () => {
    const { server, token, origin, logged, host: real } = await serve();
    const { client: host } = client(server.port, await logIn(server.port, token, origin));
    const failure = async (work: Promise<unknown>): Promise<{ code: unknown; message: string }> => {
      const error: unknown = await work.then(() => undefined, (reason: unknown) => reason);
      if (!(error instanceof ORPCError)) throw new Error(`Expected an error of the contract, got ${String(error)}`);
      return { code: error.code, message: error.message };
    };
    expect(await failure(host.machines.pause({ id: 'none' }))).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('no machine named none') });
    expect(await failure(host.machines.pause({ id: '../x' }))).toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(/^id: A machine is named by/) });
    expect(await failure(host.desktop.openConsole({ id: 'hello' }))).toMatchObject({ code: 'NOT_SUPPORTED' });
    const path = { kind: 'path' as const, path: '/etc/passwd' };
    expect(await failure(host.library.inspectImage({ file: path }))).toMatchObject({ code: 'NOT_SUPPORTED', message: expect.stringContaining('browser cannot name files') });
    expect(await failure(host.library.create({ source: { kind: 'assembly', file: path } }))).toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(logged).toEqual([]);
    real.list = () => Promise.reject(new TypeError('inside /secret/path'));
    expect(await failure(host.library.list())).toEqual({ code: 'INTERNAL_SERVER_ERROR', message: 'Vitrine failed inside; its log says where.' });
    expect(logged[0]).toContain('inside /secret/path');
  });

  it('end their streams when the browser goes', async () => {
    const { server, token, origin, host } = await serve();
    const { client: remote, socket } = client(server.port, await logIn(server.port, token, origin));
    const events = await remote.machines.events({ id: 'hello' });
    await events.next();
    const readers = (): Promise<number> => host.withSession('hello', (session) => Promise.resolve(session.events.readers));
    expect(await readers()).toBe(1);
    socket.terminate();
    await expect.poll(readers).toBe(0);
  });

  it('join a browser to the machine’s own display', async () => {
    const { server, token, origin, host, engine } = await serve();
    const display = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => void display.close());
    display.on('connection', (socket) => {
      socket.send(Buffer.from('RFB 003.008\n'));
      socket.on('message', (data) => socket.send(data));
    });
    await new Promise((resolve) => display.once('listening', resolve));
    const Cookie = await logIn(server.port, token, origin);
    await host.start('hello', false);
    const machine = engine.machines[0];
    if (!machine) throw new Error('No machine was made.');
    machine.displayUrl = `ws://127.0.0.1:${(display.address() as AddressInfo).port}/`;
    const browser = new WebSocket(`ws://127.0.0.1:${server.port}/display/hello`, ['binary'], { origin, headers: { Cookie } });
    const received: string[] = [];
    browser.on('message', (data: Buffer, binary) => {
      expect(binary).toBe(true);
      received.push(data.toString());
    });
    browser.on('open', () => browser.send(Buffer.from('echo')));
    await expect.poll(() => received).toEqual(['RFB 003.008\n', 'echo']);
    const closed = new Promise((resolve) => browser.once('close', resolve));
    for (const socket of display.clients) socket.close();
    await closed;
  });

  it('have no display for a machine that is off', async () => {
    const { server, token, origin } = await serve();
    const Cookie = await logIn(server.port, token, origin);
    expect(await upgradeStatus(server.port, '/display/hello', { Origin: origin, Cookie })).toBe(409);
  });
});
