import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, connectLink, listenForLinks, type Link } from './link.ts';

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-link-'));
});
afterEach(() => {
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});
const socket = () => join(folder, 'x.sock');

async function eventually(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition() && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a link between processes of a pair', () => {
  it('brings messages whole and in order, large ones too', async () => {
    const heard: unknown[] = [];
    let done: () => void = () => {};
    const all = new Promise<void>((resolve) => (done = resolve));
    server = await listenForLinks(socket(), (link) => {
      link.onMessage = (message) => {
        heard.push(message);
        if (heard.length === 4) done();
      };
    });
    const link = await connectLink(socket(), 1000);
    const large = new Uint8Array(3 << 20).fill(7);
    for (const message of [{ kind: 'a' }, large, 'b', { nested: { bytes: Uint8Array.of(1, 2) } }]) link.send(message);
    await all;
    expect(heard[0]).toEqual({ kind: 'a' });
    expect(Buffer.compare(heard[1] as Uint8Array, large)).toBe(0);
    expect(heard.slice(2)).toEqual(['b', { nested: { bytes: Uint8Array.of(1, 2) } }]);
    link.close();
  });

  it('keeps the order when a delay, which is a fault on purpose, gets shorter', async () => {
    const heard: unknown[] = [];
    server = await listenForLinks(socket(), (link) => (link.onMessage = (message) => heard.push(message)));
    const link = await connectLink(socket(), 1000);
    for (const [at, delay] of [40, 20, 0, 5, 0].entries()) {
      link.delay = delay;
      link.send(at);
      link.flush();
    }
    await eventually(() => heard.length >= 5);
    expect(heard).toEqual([0, 1, 2, 3, 4]);
    link.close();
  });

  it('sends what belongs together at once, and of what only tells how far something has come the newest', async () => {
    const heard: unknown[] = [];
    server = await listenForLinks(socket(), (link) => (link.onMessage = (message) => heard.push(message)));
    const link = await connectLink(socket(), 1000);
    for (let at = 1; at <= 5; at++) link.sendLazily('progress', { at });
    link.sendLazily('other', 'x');
    link.send('first');
    link.send('second');
    await eventually(() => heard.length >= 4);
    expect(heard).toEqual(['first', 'second', { at: 5 }, 'x']);
    // Without company it goes by itself.
    link.sendLazily('progress', { at: 6 });
    await eventually(() => heard.length >= 5);
    expect(heard[4]).toEqual({ at: 6 });
    link.close();
  });

  it('has brought on its way what was sent before it is closed', async () => {
    const heard: unknown[] = [];
    server = await listenForLinks(socket(), (link) => (link.onMessage = (message) => heard.push(message)));
    const link = await connectLink(socket(), 1000);
    link.send('the last word');
    link.close();
    await eventually(() => heard.length > 0);
    expect(heard).toEqual(['the last word']);
  });

  it('says that it is closed once, and swallows what is sent then', async () => {
    let far: Link | undefined;
    server = await listenForLinks(socket(), (link) => (far = link));
    const link = await connectLink(socket(), 1000);
    let closed = 0;
    const end = new Promise<void>((resolve) => {
      link.onClose = () => {
        closed++;
        resolve();
      };
    });
    await eventually(() => far !== undefined);
    far?.close();
    await end;
    link.send('nobody hears this');
    expect([closed, link.isOpen]).toEqual([1, false]);
  });

  it('answers a question, and refuses when nobody is there or it ends without an answer', async () => {
    await expect(ask(socket(), {}, 0)).rejects.toThrow();
    server = await listenForLinks(socket(), (link) => {
      link.onMessage = (message) => {
        if (JSON.stringify(message).includes('end')) link.close();
        else link.send({ heard: message });
      };
    });
    expect(await ask(socket(), 'how?')).toEqual({ heard: { kind: 'control', question: 'how?' } });
    await expect(ask(socket(), 'end')).rejects.toThrow(/ended before/);
  });

  it('counts no time as silence for which this process stood still, and what it could ask in as much', async () => {
    let far: Link | undefined;
    server = await listenForLinks(socket(), (link) => (far = link));
    const link = await connectLink(socket(), 1000);
    await eventually(() => far !== undefined);
    const now = vi.spyOn(performance, 'now');
    onTestFinished(() => now.mockRestore());
    let time = 5000;
    now.mockImplementation(() => time);
    const heard = () => far?.send('x');
    link.listen(20);
    const pass = (milliseconds: number) => {
      time += milliseconds;
      return link.look();
    };
    expect([pass(20), pass(20), pass(90)]).toEqual([20, 40, 130]);
    // The host was paused for a minute: as much as one turn of it may have been silence.
    time += 60_000;
    expect(link.silence).toBe(150);
    expect(link.look()).toBe(150);
    expect(Array.from({ length: 50 }, () => pass(20)).at(-1)).toBe(1150);
    // What came during another minute is read before anybody looks: the silence behind it is a new one.
    time += 60_000;
    const before = link.heardAt;
    heard();
    await eventually(() => link.heardAt !== before);
    expect([link.silence, pass(20), pass(20)]).toEqual([0, 20, 40]);
    expect(Array.from({ length: 50 }, () => pass(20)).at(-1)).toBe(1040);
    link.close();
  });

  it('ends what sends no message of ours', async () => {
    server = await listenForLinks(socket(), () => undefined);
    const raw = connect(socket());
    const closed = new Promise<void>((resolve) => raw.once('close', () => resolve()));
    raw.on('error', () => undefined);
    raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    await closed;
  });
});
