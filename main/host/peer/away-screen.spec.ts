import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { AwaySide } from '../pair/away-side.ts';
import { PairFolder } from '../pair/folder.ts';
import { listenForLinks } from '../pair/link.ts';
import { serveAwayScreen } from './away-screen.ts';
import { hostIdentity } from './identity.ts';
import { KnownPeers } from './known-peers.ts';
import { PeerServer } from './peer-server.ts';
import { connectSecurely } from './secure.ts';
import { SidesHere, sidesFolder } from './sides-here.ts';

const id = '0123456789abcdef01234567';
const settings = { machine: 'clerk', deadAfter: 1000, lateAfter: 200, stormAfter: 10, verify: false, lease: { kind: 'etcd', endpoints: ['http://127.0.0.1:2379'], validity: 400, credentials: {} } };
const configuration = { name: 'Clerk', cpus: 1, memoryBytes: 1 << 24, clock: 'wall', boot: { kind: 'boot-sector', image: new Uint8Array(512) } };

describe('the screen and the journal of a side on another host', { timeout: 60_000 }, () => {
  let folder: string;
  const closing: (() => unknown)[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vitrine-away-'));
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
  });

  const library = (name: string) => join(folder, name);
  const identity = (name: string) => hostIdentity(library(name));

  /** `north` runs side b of a pair of `home`, and knows `other` as well. What its display gets and says is the test's. */
  async function open() {
    const display = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    closing.push(() => {
      for (const client of display.clients) client.terminate();
      display.close();
    });
    const sides = new SidesHere(library('north'), '127.0.0.1', () => undefined);
    const known = new KnownPeers(library('north'));
    const owner = await known.add('home', identity('home').fingerprint, null);
    await known.add('other', identity('other').fingerprint, null);
    await sides.handle(owner, { kind: 'prepare', id, settings, configuration, drives: [] });
    const side = new PairFolder(join(sidesFolder(library('north')), id));
    const process = await listenForLinks(side.socket('b'), (link) => {
      link.onMessage = () => link.send({ url: `ws://127.0.0.1:${(display.address() as AddressInfo).port}/secret` });
    });
    closing.push(() => process.close());
    const server = await PeerServer.start(library('north'), { host: '127.0.0.1', port: 0 }, (peer, request) => sides.handle(peer, request), () => undefined);
    closing.push(() => server.close());
    await new KnownPeers(library('home')).add('north', identity('north').fingerprint, server.address);
    await new KnownPeers(library('other')).add('north', identity('north').fingerprint, server.address);
    const away = (who: string) => new AwaySide(library(who), identity('north').fingerprint, id);
    const screen = async (who: string) => {
      const served = await serveAwayScreen((take) => away(who).view(take));
      closing.push(() => served.close());
      return served;
    };
    return { display, side, server, away, screen };
  }

  const opened = (socket: WebSocket) =>
    new Promise<string>((resolve) => {
      socket.once('open', () => resolve('open'));
      socket.once('error', ({ message }) => resolve(message));
    });

  it('come over the link: what either end says is what the other gets, whoever is slow', async () => {
    const { display, screen } = await open();
    const { url } = await screen('home');
    expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/[\w-]{32}$/);
    const much = randomBytes(24 << 20);
    const piece = 1 << 16;
    const heard = createHash('sha256');
    let length = 0;
    const isWhole = new Promise<string>((resolve) => {
      display.on('connection', (socket, request) => {
        expect([request.url, request.headers['x-vitrine-link']]).toEqual(['/secret', 'network']);
        // The display speaks first.
        for (let at = 0; at < much.length; at += piece) socket.send(much.subarray(at, at + piece));
        socket.on('message', (bytes: Buffer) => {
          heard.update(bytes);
          if ((length += bytes.length) === much.length) resolve(heard.digest('hex'));
        });
      });
    });
    const viewer = new WebSocket(url);
    const got = createHash('sha256');
    let bytes = 0;
    const all = new Promise<string>((resolve) => {
      viewer.on('message', (data: Buffer) => {
        got.update(data);
        bytes += data.length;
        if (bytes === much.length) resolve(got.digest('hex'));
      });
    });
    expect(await opened(viewer)).toBe('open');
    viewer.pause();
    await delay(500);
    // Held, not gathered here: a viewer that does not read stops the display.
    const [server] = display.clients;
    expect(server?.bufferedAmount).toBeGreaterThan(1 << 20);
    viewer.resume();
    const whole = createHash('sha256').update(much).digest('hex');
    expect(await all).toBe(whole);
    for (let at = 0; at < much.length; at += piece) viewer.send(much.subarray(at, at + piece));
    expect(await isWhole).toBe(whole);
    const ended = new Promise((resolve) => viewer.once('close', resolve));
    for (const client of display.clients) client.close();
    await ended;
  });

  it('end where the viewer goes, and where the other host goes', async () => {
    const { display, screen, server } = await open();
    const { url } = await screen('home');
    const gone = new Promise((resolve) => display.once('connection', (socket) => socket.once('close', resolve)));
    const first = new WebSocket(url);
    await opened(first);
    first.close();
    await gone;
    const second = new WebSocket(url);
    await opened(second);
    const ended = new Promise((resolve) => second.once('close', resolve));
    await server.close();
    await ended;
    expect(await opened(new WebSocket(url))).toContain('502');
  });

  it('are for nobody without the address, and for no host but the pair’s', async () => {
    const { display, screen, side, server, away } = await open();
    let looked = 0;
    display.on('connection', () => looked++);
    side.journal.append({ at: 1, by: 'b', kind: 'note', text: 'one' });
    const { url } = await screen('home');
    expect(await opened(new WebSocket(`${url.slice(0, -1)}${url.endsWith('A') ? 'B' : 'A'}`))).toContain('404');
    expect(await opened(new WebSocket(url, { origin: 'https://example.org' }))).toContain('403');
    expect(await opened(new WebSocket(url, { headers: { Host: 'example.org' } }))).toContain('403');
    const status = await new Promise((resolve) => get(url.replace('ws:', 'http:'), (response) => resolve(response.statusCode)));
    expect(status).toBe(426);
    // One that north knows, and that has no business with this pair.
    const refusal = 'There is no side of such a pair here.';
    await expect(away('other').journal(undefined)).rejects.toThrow(refusal);
    await expect(away('other').view(() => undefined)).rejects.toThrow(refusal);
    expect(await opened(new WebSocket((await screen('other')).url))).toContain('502');
    // One that it does not know hears nothing at all.
    for (const request of [{ kind: 'view', id }, { kind: 'journal', id, from: null }]) {
      const { link } = await connectSecurely(identity('stranger'), server.address, () => true);
      const heard = await new Promise((resolve) => {
        link.onMessage = resolve;
        link.onClose = () => resolve('closed');
        link.send(request);
      });
      expect(heard).toBe('closed');
    }
    expect(looked).toBe(0);
    // The one that they are for.
    expect((await away('home').journal(undefined)).entries).toMatchObject([{ text: 'one' }]);
    expect(await opened(new WebSocket(url))).toBe('open');
    expect(looked).toBe(1);
  });
});
