import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { MachineInput } from '../machine/machine.ts';
import { linkHeader } from './link.ts';
import { startDisplayServer } from './display-server.ts';
import type { DisplayServer } from './display-server.ts';
import type { Frame } from './frame.ts';
import { RfbViewer, encodings } from './testing/rfb-viewer.ts';

const token = 'test-token_0123456789';

/** A scanout that the test paints. */
class Scanout {
  width = 160;
  height = 96;
  pixels = new Uint32Array(160 * 96).fill(0xff000000);
  changes = 0;
  renderings = 0;

  changeCounter(): number {
    return this.changes;
  }

  paint(x: number, y: number, width: number, height: number, colour: number): void {
    for (let row = y; row < y + height; row++)
      this.pixels.fill((colour | 0xff000000) >>> 0, row * this.width + x, row * this.width + x + width);
    this.changes++;
  }

  render(): Frame {
    this.renderings++;
    const { width, height } = this;
    return { width, height, rgba: new Uint8Array(this.pixels.buffer), changed: [{ x: 0, y: 0, width, height }] };
  }
}

let scanout: Scanout;
let server: DisplayServer;
let inputs: MachineInput[];
let clients: number[];
let refusals: string[];
const sockets: WebSocket[] = [];

beforeEach(async () => {
  scanout = new Scanout();
  inputs = [];
  clients = [];
  refusals = [];
  server = await startDisplayServer({
    source: scanout,
    token,
    name: 'Test',
    onInput: (input) => inputs.push(input),
    onClients: (count) => clients.push(count),
    onRefusal: (reason) => refusals.push(reason),
  });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await server.close();
});

function open(url = server.url, headers: Record<string, string> = {}): Promise<{ socket: WebSocket; viewer: RfbViewer }> {
  const socket = new WebSocket(url, { headers });
  sockets.push(socket);
  const viewer = new RfbViewer((bytes) => {
    socket.send(bytes);
  });
  socket.on('message', (data) => {
    if (Buffer.isBuffer(data)) viewer.feed(data);
  });
  socket.on('close', () => {
    viewer.end();
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      resolve({ socket, viewer });
    });
    socket.once('error', reject);
  });
}

async function watching(headers: Record<string, string> = {}): Promise<RfbViewer> {
  const { viewer } = await open(server.url, headers);
  await viewer.connect();
  viewer.setEncodings(encodings.zrle, encodings.extendedDesktopSize);
  viewer.request(false);
  await viewer.update();
  return viewer;
}

const closed = (socket: WebSocket): Promise<number> =>
  new Promise((resolve) => {
    socket.once('close', resolve);
  });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the display server', () => {
  it('listens on loopback, and its URL carries the token', () => {
    expect(server.url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/test-token_0123456789$/);
  });

  it('shows the scanout, and sends only tiles that changed', async () => {
    scanout.paint(0, 0, 160, 96, 0x112233);
    const viewer = await watching();
    expect(viewer.name).toBe('Test');
    expect(viewer.picture.readUIntLE(0, 3)).toBe(0x112233);
    viewer.request(true);
    scanout.paint(33, 17, 3, 3, 0x445566);
    expect(await viewer.update()).toEqual([{ x: 32, y: 16, width: 16, height: 16, encoding: encodings.raw }]);
    expect(viewer.picture.readUIntLE(4 * (17 * 160 + 33), 3)).toBe(0x445566);
  });

  it('compresses for a viewer behind a proxy, and not for one on its own host', async () => {
    for (const [headers, encoding] of [
      [{ [linkHeader]: 'network' }, encodings.zrle],
      [{}, encodings.raw],
    ] as const) {
      const viewer = await watching(headers);
      viewer.request(true);
      scanout.paint(33, 17, 3, 3, encoding + 1);
      expect(await viewer.update()).toMatchObject([{ encoding }]);
    }
  });

  it('draws once for several viewers, and each gets what it lacks', async () => {
    const first = await watching();
    const second = await watching();
    await until(() => clients.at(-1) === 2);
    const before = scanout.renderings;
    first.request(true);
    second.request(true);
    scanout.paint(0, 0, 16, 16, 0x00ff00);
    expect(await first.update()).toEqual(await second.update());
    expect(scanout.renderings).toBe(before + 1);
  });

  it('draws nothing while nobody looks', async () => {
    scanout.paint(0, 0, 1, 1, 1);
    const { socket } = await open();
    const before = scanout.renderings;
    const gone = closed(socket);
    socket.close();
    await gone;
    await until(() => clients.at(-1) === 0);
    scanout.paint(0, 0, 1, 1, 2);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(scanout.renderings).toBe(before);
  });

  it('announces another size', async () => {
    const viewer = await watching();
    viewer.request(true);
    scanout.width = 200;
    scanout.height = 50;
    scanout.pixels = new Uint32Array(200 * 50).fill(0xff0000ff);
    scanout.changes++;
    await viewer.update();
    viewer.request(true);
    await viewer.update();
    expect([viewer.width, viewer.height]).toEqual([200, 50]);
    expect(viewer.picture.readUIntLE(4 * 9999, 3)).toBe(0x0000ff);
  });

  it('hands on keys and pointer, and lets go of them when the viewer leaves', async () => {
    const { socket, viewer } = await open();
    await viewer.connect();
    viewer.send(4, 1, 0, 0, 0, 0, 0, 0x61, 5, 0, 0, 1, 0, 1, 5, 0, 0, 4, 0, 1);
    await until(() => inputs.length === 2);
    const gone = closed(socket);
    socket.close();
    await gone;
    await until(() => inputs.length === 3);
    expect(inputs).toEqual([
      { kind: 'scancodes', bytes: [0x1e] },
      { kind: 'mouse', dx: 3, dy: 0, wheel: 0, buttons: 0 },
      { kind: 'scancodes', bytes: [0x9e] },
    ]);
  });

  it('ends the connection of a viewer that breaks the protocol, with the reason, and keeps the others', async () => {
    const good = await watching();
    const { socket, viewer } = await open();
    await viewer.connect();
    viewer.send(99);
    expect(await closed(socket)).toBe(1008);
    expect(refusals).toEqual(['the viewer sent a message of type 99, which was not offered']);
    good.request(false);
    await good.update();
  });

  it('refuses text frames', async () => {
    const { socket } = await open();
    socket.send('RFB 003.008\n');
    expect(await closed(socket)).toBe(1008);
  });

  it.each([
    ['another token', (url: string) => url.replace('0123', '3210'), {}, 404],
    ['no token', (url: string) => url.replace(/\/[^/]*$/, '/'), {}, 404],
    ['the token with more behind it', (url: string) => `${url}?x`, {}, 404],
    ['the page of a site', (url: string) => url, { origin: 'https://example.org' }, 403],
    ['a page without origin', (url: string) => url, { origin: 'null' }, 403],
    ['a name that only resolves to loopback', (url: string) => url, { host: 'rebound.example.org' }, 403],
    ['a site that begins like loopback', (url: string) => url, { origin: 'http://localhost.example.org' }, 403],
  ])('refuses %s', async (_name, change, headers, status) => {
    await expect(open(change(server.url), headers)).rejects.toThrow(`Unexpected server response: ${status}`);
    expect(clients).toEqual([]);
  });

  it.each(['app://vitrine', 'http://localhost:5173', 'http://127.0.0.1', 'https://[::1]:8443'])(
    'takes the origin %s',
    async (origin) => {
      const { viewer } = await open(server.url, { origin });
      await viewer.connect();
    },
  );

  it('answers plain HTTP with 426 and no picture', async () => {
    const response = await fetch(server.url.replace('ws:', 'http:'));
    expect(response.status).toBe(426);
    await response.text();
  });

  it('refuses a seventeenth viewer', async () => {
    for (let i = 0; i < 16; i++) await open();
    await expect(open()).rejects.toThrow('503');
  });

  it('disconnects everybody when it closes, and can be closed twice', async () => {
    const { socket } = await open();
    const gone = closed(socket);
    await server.close();
    await gone;
    await server.close();
    await expect(open()).rejects.toThrow('ECONNREFUSED');
  });

  it('refuses a token that is short or no part of a URL', async () => {
    for (const bad of ['short', 'with/slash-and-more-characters']) {
      await expect(startDisplayServer({ source: scanout, token: bad, onInput: () => undefined })).rejects.toThrow(
        '16 to 128 characters',
      );
    }
  });
});

const gvnccapture = spawnSync('gvnccapture', ['--version']).error === undefined;

describe('a VNC viewer of others', () => {
  it.skipIf(!gvnccapture)(
    `gvnccapture sees the same picture${gvnccapture ? '' : ' (not installed: Debian package gvncviewer)'}`,
    async () => {
      for (let y = 0; y < 96; y += 8)
        for (let x = 0; x < 160; x += 8) scanout.paint(x, y, 8, 8, Math.imul(x * 31 + y, 0x9e3779b1) & 0xffffff);
      // It speaks RFB over TCP: a bridge to the WebSocket.
      const bridge = createServer((tcp) => {
        const socket = new WebSocket(server.url);
        sockets.push(socket);
        tcp.on('data', (data) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(data);
        });
        socket.on('message', (data) => {
          if (Buffer.isBuffer(data)) tcp.write(data);
        });
        tcp.on('close', () => {
          socket.close();
        });
        tcp.on('error', () => {
          socket.terminate();
        });
        socket.on('close', () => tcp.destroy());
      });
      await new Promise<void>((resolve) => bridge.listen(0, '127.0.0.1', resolve));
      const address = bridge.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      const folder = mkdtempSync(join(tmpdir(), 'vitrine-viewer-'));
      try {
        const file = join(folder, 'seen.png');
        // Display numbers count from port 5900.
        const child = spawn('gvnccapture', [`127.0.0.1:${address.port - 5900}`, file], { stdio: ['ignore', 'ignore', 'pipe'] });
        let said = '';
        child.stderr.on('data', (text: Buffer) => (said += text.toString()));
        const status = await new Promise((resolve) => {
          child.once('exit', resolve);
        });
        expect(said).toBe('');
        expect(status).toBe(0);
        const seen = PNG.sync.read(readFileSync(file));
        expect([seen.width, seen.height]).toEqual([160, 96]);
        expect(Buffer.compare(seen.data, Buffer.from(scanout.pixels.buffer))).toBe(0);
      } finally {
        rmSync(folder, { recursive: true });
        bridge.close();
      }
    },
  );
});
