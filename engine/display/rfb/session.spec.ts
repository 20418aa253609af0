import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameStore } from '../frame-store.ts';
import { RfbViewer, encodings } from '../testing/rfb-viewer.ts';
import type { MouseMotion } from './pointer.ts';
import { RfbError } from './protocol.ts';
import { RfbSession } from './session.ts';
import type { RfbSessionOptions } from './session.ts';
import { vncResponse } from './vnc-authentication.ts';

/** A store that shows a picture; every pixel a function of its place. */
function storeOf(width: number, height: number, colour: (x: number, y: number) => number): FrameStore {
  const store = new FrameStore();
  show(store, width, height, colour);
  return store;
}

function show(store: FrameStore, width: number, height: number, colour: (x: number, y: number) => number): void {
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels[y * width + x] = (colour(x, y) | 0xff000000) >>> 0;
  store.take({ width, height, rgba: new Uint8Array(pixels.buffer), changed: [{ x: 0, y: 0, width, height }] });
}

const few = (x: number, y: number): number => [0x000000, 0xaaaaaa, 0x0000aa][(x * 7 + y * 3) % 3] ?? 0;
const many = (x: number, y: number): number => (x * 2) | (y << 9) | ((x ^ y) << 16);

interface Wired {
  session: RfbSession;
  viewer: RfbViewer;
  scancodes: number[];
  motions: MouseMotion[];
}

function wire(store: FrameStore, options: Partial<RfbSessionOptions> = {}): Wired {
  const scancodes: number[] = [];
  const motions: MouseMotion[] = [];
  const early: Uint8Array[] = [];
  let toViewer = (bytes: Uint8Array): void => void early.push(bytes);
  const session = new RfbSession({ name: 'Prüfling', security: { kind: 'none' }, ...options }, store, {
    send: (bytes) => {
      toViewer(bytes);
    },
    scancodes: (bytes) => scancodes.push(...bytes),
    mouse: (motion) => motions.push(motion),
    wanted: () => undefined,
  });
  const viewer = new RfbViewer((bytes) => {
    session.receive(bytes);
  });
  toViewer = (bytes) => {
    viewer.feed(bytes);
  };
  early.forEach(toViewer);
  return { session, viewer, scancodes, motions };
}

function expectSame(viewer: RfbViewer, store: FrameStore): void {
  const seen = new Uint32Array(viewer.picture.buffer, viewer.picture.byteOffset, viewer.width * viewer.height);
  expect({ width: viewer.width, height: viewer.height }).toEqual({ width: store.width, height: store.height });
  for (let i = 0; i < seen.length; i++) {
    if (((seen[i] ?? 0) & 0xffffff) !== ((store.pixels[i] ?? 0) & 0xffffff))
      throw new Error(`pixel ${i % store.width},${Math.floor(i / store.width)}`);
  }
}

describe('a viewer', () => {
  it.each([
    ['Raw', encodings.raw, few],
    ['Raw', encodings.raw, many],
    ['Zlib', encodings.zlib, few],
    ['Zlib', encodings.zlib, many],
    ['ZRLE', encodings.zrle, few],
    ['ZRLE', encodings.zrle, many],
  ])('sees the picture by %s (%i), and then what changed in it', async (_name, encoding, colour) => {
    const store = storeOf(200, 137, colour);
    const { session, viewer } = wire(store);
    await viewer.connect();
    expect(viewer.name).toBe('Prüfling');
    viewer.setEncodings(encoding);
    viewer.request(false);
    expect(session.update()).toBe(true);
    await viewer.update();
    expectSame(viewer, store);

    viewer.request(true);
    expect(session.update()).toBe(false);
    for (let round = 1; round < 6; round++) {
      show(store, 200, 137, (x, y) => (x > 20 * round && y > 100 ? 0x123456 * round : colour(x, y)));
      expect(session.update()).toBe(true);
      const rectangles = await viewer.update();
      expect(rectangles.every((r) => r.encoding === encoding && r.y >= 96)).toBe(true);
      expectSame(viewer, store);
      viewer.request(true);
    }
  });

  it('gets nothing that it did not ask for', async () => {
    const store = storeOf(64, 64, few);
    const { session, viewer } = wire(store);
    await viewer.connect();
    expect(session.waiting).toBe(false);
    expect(session.update()).toBe(false);
  });

  it('is told of a new size and then gets all of it', async () => {
    const store = storeOf(64, 64, few);
    const { session, viewer } = wire(store);
    await viewer.connect();
    viewer.setEncodings(encodings.zrle, encodings.desktopSize);
    viewer.request(false);
    session.update();
    await viewer.update();
    viewer.request(true);
    show(store, 100, 30, many);
    session.update();
    expect(await viewer.update()).toEqual([{ x: 0, y: 0, width: 100, height: 30, encoding: encodings.desktopSize }]);
    viewer.request(true);
    session.update();
    await viewer.update();
    expectSame(viewer, store);
  });

  it('that cannot resize sees the new picture cut to, or filled with black up to, the size it knows', async () => {
    const store = storeOf(64, 64, few);
    const { session, viewer } = wire(store);
    await viewer.connect();
    viewer.setEncodings(encodings.raw);
    viewer.request(false);
    session.update();
    await viewer.update();
    viewer.request(true);
    show(store, 100, 30, () => 0xffffff);
    session.update();
    await viewer.update();
    expect([viewer.width, viewer.height]).toEqual([64, 64]);
    expect(viewer.picture.readUIntLE(4 * (29 * 64 + 63), 3)).toBe(0xffffff);
    expect(viewer.picture.readUIntLE(4 * 30 * 64, 3)).toBe(0);
    viewer.request(true);
    expect(session.update()).toBe(false);
  });

  it('with ExtendedDesktopSize learns at once that it is there, and that resizing is prohibited', async () => {
    const store = storeOf(64, 48, few);
    const { session, viewer } = wire(store);
    await viewer.connect();
    viewer.setEncodings(encodings.raw, encodings.extendedDesktopSize, encodings.extendedKey);
    viewer.request(true);
    session.update();
    const first = await viewer.update();
    expect(first).toContainEqual({ x: 0, y: 0, width: 64, height: 48, encoding: encodings.extendedDesktopSize });
    expect(first.some((r) => r.encoding === encodings.extendedKey)).toBe(true);
    viewer.send(251, 0, 0, 99, 0, 99, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 99, 0, 99, 0, 0, 0, 0);
    viewer.request(true);
    session.update();
    expect(await viewer.update()).toEqual([{ x: 1, y: 1, width: 64, height: 48, encoding: encodings.extendedDesktopSize }]);
    expect([viewer.width, viewer.height]).toEqual([64, 48]);
  });

  it.each([
    ['16 bits, big-endian, 5-6-5', [16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0], [0xfd, 0x20]],
    ['16 bits, little-endian, 5-6-5', [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0], [0x20, 0xfd]],
    ['8 bits, 3-3-2', [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6], [0b00_101_111]],
    ['32 bits, big-endian, red highest', [32, 24, 1, 1, 0, 255, 0, 255, 0, 255, 24, 16, 8], [255, 165, 0, 0]],
  ])('gets pixels of %s', async (_name, format, expected) => {
    const sent: Uint8Array[] = [];
    const session = new RfbSession(
      { name: '', security: { kind: 'none' } },
      storeOf(1, 1, () => 0x00a5ff),
      {
        send: (bytes) => sent.push(bytes),
        scancodes: () => undefined,
        mouse: () => undefined,
        wanted: () => undefined,
      },
    );
    session.receive(Buffer.from('RFB 003.008\n\u0001\u0001'));
    session.receive(Uint8Array.from([0, 0, 0, 0, ...format, 0, 0, 0]));
    session.receive(Uint8Array.from([3, 0, 0, 0, 0, 0, 0, 1, 0, 1]));
    session.update();
    expect([...(sent.at(-1) ?? [])].slice(16)).toEqual(expected);
    await Promise.resolve();
  });
});

describe('the handshake', () => {
  const plain = (): { session: RfbSession; sent: number[]; store: FrameStore } => {
    const sent: number[] = [];
    const store = storeOf(16, 16, few);
    const session = new RfbSession({ name: 'x', security: { kind: 'vnc', password: 'secret' } }, store, {
      send: (bytes) => sent.push(...bytes),
      scancodes: () => undefined,
      mouse: () => undefined,
      wanted: () => undefined,
    });
    return { session, sent, store };
  };

  it('computes the response that the method defines', () => {
    // DES of a block of zeros with the all-zero key is 8CA64DE9C1B123A7 (NIST SP 800-17).
    expect(Buffer.from(vncResponse('', new Uint8Array(16))).toString('hex')).toBe('8ca64de9c1b123a7'.repeat(2));
  });

  it('lets in who knows the password, and nobody else', () => {
    for (const [password, right] of [
      ['secret', true],
      ['Secret', false],
    ] as const) {
      const { session, sent } = plain();
      session.receive(Buffer.from('RFB 003.008\n'));
      expect(sent.slice(12)).toEqual([1, 2]);
      session.receive(Uint8Array.of(2));
      const response = vncResponse(password, Uint8Array.from(sent.slice(14, 30)));
      if (right) {
        session.receive(response);
        expect(sent.slice(30)).toEqual([0, 0, 0, 0]);
      } else {
        expect(() => {
          session.receive(response);
        }).toThrow('the viewer gave a wrong password');
        expect(sent.slice(30, 34)).toEqual([0, 0, 0, 1]);
        expect(() => {
          session.receive(Uint8Array.of(1));
        }).toThrow(RfbError);
      }
    }
  });

  it('does not let a viewer choose no security where a password is set', () => {
    const { session } = plain();
    session.receive(Buffer.from('RFB 003.008\n'));
    expect(() => {
      session.receive(Uint8Array.of(1));
    }).toThrow('the viewer chose security type 1, which was not offered');
  });

  it('speaks 3.3 with viewers that know no more', () => {
    const store = storeOf(16, 16, few);
    const { session, viewer } = wire(store);
    session.receive(Buffer.from('RFB 003.003\n'));
    expect(viewer).toBeDefined();
    session.receive(Uint8Array.of(1));
    expect(session.waiting).toBe(false);
    session.receive(Uint8Array.from([3, 0, 0, 0, 0, 0, 0, 16, 0, 16]));
    expect(session.waiting).toBe(true);
  });
});

describe('input', () => {
  async function connected(options: Partial<RfbSessionOptions> = {}): Promise<Wired> {
    const wired = wire(storeOf(16, 16, few), options);
    await wired.viewer.connect();
    return wired;
  }
  const key = (down: boolean, keysym: number): number[] => [4, down ? 1 : 0, 0, 0, 0, 0, keysym >> 8, keysym & 0xff];
  const extended = (down: boolean, keysym: number, code: number): number[] => [
    255,
    0,
    0,
    down ? 1 : 0,
    0,
    0,
    keysym >> 8,
    keysym & 0xff,
    0,
    0,
    0,
    code,
  ];

  it('QEMU extended keys become set 1 codes, prefix and all', async () => {
    const { viewer, scancodes } = await connected();
    viewer.send(...extended(true, 0x61, 0x1e), ...extended(false, 0x61, 0x1e));
    viewer.send(...extended(true, 0xff51, 0xcb), ...extended(false, 0xff51, 0xcb));
    expect(scancodes).toEqual([0x1e, 0x9e, 0xe0, 0x4b, 0xe0, 0xcb]);
  });

  it('Pause has no break, and is Break with Ctrl', async () => {
    const { viewer, scancodes } = await connected();
    viewer.send(...extended(true, 0xff13, 0xc6), ...extended(false, 0xff13, 0xc6));
    expect(scancodes.splice(0)).toEqual([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]);
    viewer.send(...extended(true, 0xffe3, 0x1d), ...extended(true, 0xff13, 0xc6));
    expect(scancodes).toEqual([0x1d, 0xe0, 0x46, 0xe0, 0xc6]);
  });

  it('keysyms become the keys of a US keyboard', async () => {
    const { viewer, scancodes } = await connected();
    viewer.send(...key(true, 0x61), ...key(false, 0x61));
    expect(scancodes.splice(0)).toEqual([0x1e, 0x9e]);
    viewer.send(...key(true, 0xffe1), ...key(true, 0x41), ...key(false, 0x61), ...key(false, 0xffe1));
    expect(scancodes.splice(0)).toEqual([0x2a, 0x1e, 0x9e, 0xaa]);
    viewer.send(...key(true, 0xff0d), ...key(false, 0xff0d), ...key(true, 0xffff), ...key(false, 0xffff));
    expect(scancodes).toEqual([0x1c, 0x9c, 0xe0, 0x53, 0xe0, 0xd3]);
  });

  it('adds Shift for a moment, or takes it away, where a character needs that', async () => {
    const { viewer, scancodes } = await connected();
    viewer.send(...key(true, 0x3f), ...key(false, 0x3f));
    expect(scancodes.splice(0)).toEqual([0x2a, 0x35, 0xaa, 0xb5]);
    viewer.send(...key(true, 0xffe1), ...key(true, 0x2f));
    expect(scancodes).toEqual([0x2a, 0xaa, 0x35, 0x2a]);
  });

  it('lets go of everything when the viewer leaves', async () => {
    const { session, viewer, scancodes, motions } = await connected();
    viewer.send(...key(true, 0xffe3), ...key(true, 0xffff), 5, 1, 0, 3, 0, 3);
    scancodes.length = 0;
    motions.length = 0;
    session.end();
    expect(scancodes).toEqual([0x9d, 0xe0, 0xd3]);
    expect(motions).toEqual([{ dx: 0, dy: 0, wheel: 0, buttons: 0 }]);
  });

  it('never releases a key that was not pressed', async () => {
    const { viewer, scancodes } = await connected();
    viewer.send(...key(false, 0x61), ...extended(false, 0x61, 0x1e));
    expect(scancodes).toEqual([]);
  });

  it('pointer moves become motions with y upwards, buttons left-right-middle, and wheel steps', async () => {
    const { viewer, motions } = await connected();
    viewer.send(5, 0, 0, 5, 0, 5, 5, 4, 0, 8, 0, 3, 5, 2, 0, 8, 0, 3, 5, 8, 0, 8, 0, 3, 5, 8, 0, 8, 0, 3);
    expect(motions).toEqual([
      { dx: 3, dy: 2, wheel: 0, buttons: 2 },
      { dx: 0, dy: 0, wheel: 0, buttons: 4 },
      { dx: 0, dy: 0, wheel: -1, buttons: 0 },
    ]);
  });

  it('does nothing for a viewer that may only look', async () => {
    const { viewer, scancodes, motions } = await connected({ input: false });
    viewer.send(...key(true, 0x61), 5, 1, 0, 3, 0, 3);
    expect([...scancodes, ...motions]).toEqual([]);
  });

  it('drops clipboard text, however it is cut up, and goes on', async () => {
    const { viewer, scancodes } = await connected();
    viewer.send(6, 0, 0, 0, 0, 0, 0, 5, 4, 4);
    viewer.send(4, 4, 4, ...key(true, 0x61));
    expect(scancodes).toEqual([0x1e]);
  });

  it.each([
    ['a clipboard of 4 GiB', [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], /clipboard/],
    ['65,535 encodings', [2, 0, 0xff, 0xff], /encodings/],
    ['a message that nobody offered', [77], /type 77/],
    ['a colour map', [0, 0, 0, 0, 8, 8, 0, 0, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0], /colour map/],
    ['24 bits a pixel', [0, 0, 0, 0, 24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0], /24 bits/],
    ['colours outside of the pixel', [0, 0, 0, 0, 16, 16, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0], /do not fit/],
    ['QEMU audio', [255, 1, 0, 0], /QEMU message 1/],
    ['another size, never having said that it can', [251, 0, 0, 9, 0, 9, 0, 0], /another size/],
  ])('refuses %s', async (_name, bytes, reason) => {
    const { viewer } = await connected();
    expect(() => {
      viewer.send(...bytes);
    }).toThrow(reason);
  });
});

describe('any bytes at all', () => {
  it('either are taken or end with an RfbError, and the answers stay bounded', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom(0, 2, 3, 4, 5, 6, 251, 255), fc.uint8Array({ maxLength: 30 }))
        .map(([type, rest]) => Uint8Array.from([type, ...rest])),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(message, { maxLength: 12 }), (greeted, messages) => {
        let sent = 0;
        const store = storeOf(40, 20, many);
        const session = new RfbSession({ name: 'f', security: { kind: 'none' } }, store, {
          send: (bytes) => (sent += bytes.length),
          scancodes: (bytes) => {
            expect(bytes.every((byte) => Number.isInteger(byte) && byte > 0 && byte < 256)).toBe(true);
          },
          mouse: () => undefined,
          wanted: () => undefined,
        });
        if (greeted) session.receive(Buffer.from('RFB 003.008\n\u0001\u0001'));
        let updates = 0;
        try {
          for (const bytes of messages) {
            session.receive(bytes);
            if (session.update()) updates++;
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RfbError);
        }
        session.end();
        expect(sent).toBeLessThan(200 + updates * (40 * 20 * 4 + 1000));
      }),
      { numRuns: 3000 },
    );
  });
});
