import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RfbViewerEvent } from '../machine/display-face.ts';
import type { MachineInput } from '../machine/machine.ts';
import { isLoopbackAddress, startRfbServer, type RfbServer } from './rfb-server.ts';
import { vncResponse } from './rfb/vnc-authentication.ts';
import { encodings, RfbViewer } from './testing/rfb-viewer.ts';

class Screen {
  width = 64;
  height = 32;
  count = 0;
  changeCounter = () => this.count;
  render = () => ({
    width: this.width,
    height: this.height,
    rgba: new Uint8Array(this.width * this.height * 4).fill(0x55),
    changed: [{ x: 0, y: 0, width: this.width, height: this.height }],
  });
  become(width: number, height: number): void {
    [this.width, this.height] = [width, height];
    this.count++;
  }
}

const opened: { server: RfbServer; sockets: Socket[] }[] = [];
afterEach(async () => {
  for (const { server, sockets } of opened.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await server.close();
  }
});

async function start(password?: string, takesPositions = false) {
  const screen = new Screen();
  const events: RfbViewerEvent[] = [];
  const inputs: MachineInput[] = [];
  const places: unknown[] = [];
  const server = await startRfbServer({
    source: screen,
    address: '127.0.0.1',
    port: 0,
    password,
    name: 'Lantern',
    onInput: (input) => inputs.push(input),
    onPosition: (place) => {
      places.push(place);
      return takesPositions;
    },
    onViewer: (event) => events.push(event),
  });
  const sockets: Socket[] = [];
  opened.push({ server, sockets });
  const view = () => {
    const socket = connect(server.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    const viewer = new RfbViewer((bytes) => socket.write(bytes));
    socket.on('data', (bytes) => viewer.feed(bytes));
    socket.on('close', () => viewer.end());
    return { viewer, socket, closed: new Promise((resolve) => socket.on('close', resolve)) };
  };
  return { screen, events, inputs, places, server, view };
}

async function until(good: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!good()) {
    if (Date.now() > end) throw new Error('never');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** SetDesktopSize with the screens given. */
function setSize(width: number, height: number, screens = [[0, 0, width, height]]): Buffer {
  const message = Buffer.alloc(8 + 16 * screens.length);
  message.writeUInt8(251, 0);
  message.writeUInt16BE(width, 2);
  message.writeUInt16BE(height, 4);
  message.writeUInt8(screens.length, 6);
  screens.forEach((screen, index) => screen.forEach((value, field) => message.writeUInt16BE(value, 8 + 16 * index + 4 + 2 * field)));
  return message;
}

describe('a server for VNC viewers', () => {
  it('is for this computer only, unless there is a password', async () => {
    const options = { source: new Screen(), port: 0, name: 'x', onInput: () => undefined, onPosition: () => false, onViewer: () => undefined };
    await expect(startRfbServer({ ...options, address: '0.0.0.0' })).rejects.toThrow('give a password');
    await expect(startRfbServer({ ...options, address: '::' })).rejects.toThrow('give a password');
    await expect(startRfbServer({ ...options, address: 'localhost' })).rejects.toThrow('not a numeric address');
    await expect(startRfbServer({ ...options, address: '127.0.0.1', password: 'short' })).rejects.toThrow('at least 6');
    expect(['127.0.0.1', '127.8.8.8', '::1', '10.0.0.1', '0.0.0.0', '::'].map(isLoopbackAddress)).toEqual([true, true, true, false, false, false]);
    const open = await startRfbServer({ ...options, address: '0.0.0.0', password: 'secret' });
    await open.close();
  });

  it('takes keys only from whom its owner lets in, and lets go what is held when that ends', async () => {
    const { view, events, inputs, server } = await start();
    const { viewer, socket } = view();
    await viewer.connect();
    await until(() => events.length > 0);
    expect(events).toEqual([{ viewer: 1, kind: 'joined', address: expect.stringContaining('127.0.0.1'), shared: true }]);
    const key = Buffer.from([4, 1, 0, 0, 0, 0, 0, 0x61]);
    socket.write(key);
    viewer.request(false);
    await viewer.update();
    expect(inputs).toEqual([]);
    server.answer(1, { kind: 'input', allowed: true });
    socket.write(key);
    await until(() => inputs.length > 0);
    server.answer(1, { kind: 'input', allowed: false });
    await until(() => inputs.length > 1);
    expect(inputs).toEqual([
      { kind: 'scancodes', bytes: [0x1e] },
      { kind: 'scancodes', bytes: [0x9e] },
    ]);
  });

  it('gives absolute positions to a guest that takes them, and moves the mouse of any other', async () => {
    for (const takes of [true, false]) {
      const { view, events, inputs, places, server } = await start(undefined, takes);
      const { viewer, socket } = view();
      await viewer.connect();
      await until(() => events.length > 0);
      server.answer(1, { kind: 'input', allowed: true });
      socket.write(Buffer.from([5, 0, 0, 10, 0, 10]));
      socket.write(Buffer.from([5, 1, 0, 12, 0, 10]));
      await until(() => places.length > 0);
      expect(places.at(-1)).toEqual({ x: 12, y: 10, buttons: 1, wheel: 0, width: 64, height: 32 });
      expect(inputs).toEqual(takes ? [] : [{ kind: 'mouse', dx: 2, dy: 0, wheel: 0, buttons: 1 }]);
    }
  });

  it('tells a viewer of its new size when the guest has drawn it', async () => {
    const { view, events, screen, server } = await start();
    const { viewer, socket } = view();
    await viewer.connect();
    viewer.setEncodings(encodings.extendedDesktopSize, encodings.raw);
    viewer.request(false);
    await viewer.update();
    socket.write(setSize(80, 40));
    await until(() => events.some(({ kind }) => kind === 'resize'));
    expect(events.at(-1)).toEqual({ viewer: 1, kind: 'resize', width: 80, height: 40 });
    viewer.request(true);
    const answer = viewer.update();
    server.answer(1, { kind: 'resized', width: 80, height: 40 });
    await new Promise((resolve) => setTimeout(resolve, 60));
    screen.become(80, 40);
    await answer;
    expect([viewer.width, viewer.height]).toEqual([80, 40]);
    // Reason: this client; outcome: done.
    expect(viewer.rectangles.at(-1)).toMatchObject({ x: 1, y: 0, width: 80, height: 40, encoding: encodings.extendedDesktopSize });
  });

  it('refuses what the owner refuses, several screens, and a size that the guest never draws', async () => {
    const { view, events, server } = await start();
    const { viewer, socket } = view();
    await viewer.connect();
    viewer.setEncodings(encodings.extendedDesktopSize, encodings.raw);
    viewer.request(false);
    await viewer.update();
    const outcome = async () => {
      viewer.request(true);
      await viewer.update();
      return [viewer.rectangles.at(-1)?.x, viewer.rectangles.at(-1)?.y];
    };
    socket.write(setSize(80, 40));
    await until(() => events.some(({ kind }) => kind === 'resize'));
    server.answer(1, { kind: 'not-resized', why: 'too-large' });
    expect(await outcome()).toEqual([1, 2]);
    socket.write(
      setSize(80, 40, [
        [0, 0, 40, 40],
        [40, 0, 40, 40],
      ]),
    );
    expect(await outcome()).toEqual([1, 3]);
    socket.write(setSize(100, 40));
    await until(() => events.filter(({ kind }) => kind === 'resize').length === 2);
    server.answer(1, { kind: 'resized', width: 100, height: 40 });
    expect(await outcome()).toEqual([1, 1]);
  });

  it('asks for the password, and makes a guesser wait', async () => {
    const { view, events } = await start('correct horse');
    const right = view();
    await right.viewer.connect((challenge) => vncResponse('correct horse', challenge));
    await until(() => events.some(({ kind }) => kind === 'joined'));
    for (let guess = 0; guess < 5; guess++) {
      const wrong = view();
      await expect(wrong.viewer.connect((challenge) => vncResponse(`guess ${guess}`, challenge))).rejects.toThrow();
      await wrong.closed;
    }
    expect(events.filter(({ kind }) => kind === 'refused')).toHaveLength(5);
    const late = view();
    await expect(late.viewer.connect((challenge) => vncResponse('correct horse', challenge))).rejects.toThrow();
    expect(events.filter(({ kind }) => kind === 'joined')).toHaveLength(1);
  });

  it('says when a viewer is gone, and ends one that its owner sends away', async () => {
    const { view, events, server } = await start();
    const first = view();
    await first.viewer.connect();
    await until(() => events.length === 1);
    first.socket.destroy();
    await until(() => events.some(({ kind }) => kind === 'left'));
    const second = view();
    await second.viewer.connect();
    await until(() => events.filter(({ kind }) => kind === 'joined').length === 2);
    server.answer(2, { kind: 'end' });
    await second.closed;
  });

  it('stays as it is whatever comes', async () => {
    const { view, server } = await start();
    let seed = 7;
    const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8;
    for (let round = 0; round < 20; round++) {
      const { socket, closed } = view();
      if (round % 2 === 0) socket.write('RFB 003.008\n\x01\x01');
      socket.write(Buffer.from(Array.from({ length: 400 }, () => random() & 0xff)));
      socket.end();
      await closed;
    }
    const { viewer } = view();
    await viewer.connect();
    expect([viewer.name, server.port > 0]).toEqual(['Lantern', true]);
  });
});
