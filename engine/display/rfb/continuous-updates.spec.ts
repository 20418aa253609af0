import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameStore } from '../frame-store.ts';
import { RfbViewer, encodings } from '../testing/rfb-viewer.ts';
import { RfbError } from './protocol.ts';
import { RfbSession } from './session.ts';

const whole = { x: 0, y: 0, width: 64, height: 48 };

function show(store: FrameStore, colour: number, { width, height } = whole): void {
  const pixels = new Uint32Array(width * height).fill((colour | 0xff000000) >>> 0);
  store.take({ width, height, rgba: new Uint8Array(pixels.buffer), changed: [{ x: 0, y: 0, width, height }] });
}

async function connected(...more: number[]) {
  const store = new FrameStore();
  show(store, 1);
  const early: Uint8Array[] = [];
  let toViewer = (bytes: Uint8Array): void => void early.push(bytes.slice());
  let wanted = 0;
  const session = new RfbSession({ name: 'x', security: { kind: 'none' } }, store, {
    send: (bytes) => {
      toViewer(bytes.slice());
    },
    scancodes: () => undefined,
    mouse: () => undefined,
    wanted: () => void wanted++,
  });
  const viewer = new RfbViewer((bytes) => {
    session.receive(bytes);
  });
  toViewer = (bytes) => {
    viewer.feed(bytes);
  };
  early.forEach(toViewer);
  await viewer.connect();
  viewer.setEncodings(encodings.raw, encodings.desktopSize, ...more);
  return { store, session, viewer, wanted: () => wanted };
}

const both = [encodings.fence, encodings.continuousUpdates];

describe('continuous updates', () => {
  it('are offered to viewers that know them and fences, and to no others', async () => {
    for (const [named, offered] of [
      [both, true],
      [[encodings.fence], false],
      [[encodings.continuousUpdates], false],
      [[], false],
    ] as const) {
      const { viewer } = await connected(...named);
      expect(viewer.takeMessage(150)).toBe(offered);
    }
  });

  it('come without requests, but no more than two before the viewer has dealt with one', async () => {
    const { store, session, viewer, wanted } = await connected(...both);
    expect(viewer.takeMessage(150)).toBe(true);
    viewer.enableContinuousUpdates(whole);
    for (const colour of [2, 3]) {
      show(store, colour);
      expect(session.waiting).toBe(true);
      expect(session.update()).toBe(true);
    }
    show(store, 4);
    expect(session.waiting).toBe(false);
    expect(session.update()).toBe(false);
    await viewer.update();
    const before = wanted();
    await viewer.answerFence();
    expect(wanted()).toBe(before + 1);
    expect(session.update()).toBe(true);
    await viewer.update();
    await viewer.answerFence();
    await viewer.update();
    await viewer.answerFence();
    expect(viewer.picture.readUIntLE(0, 3)).toBe(4);
    expect(session.update()).toBe(false);
  });

  it('keep to their area, do not repeat it, and take all of a new size', async () => {
    const { store, session, viewer } = await connected(...both);
    viewer.takeMessage(150);
    viewer.enableContinuousUpdates({ x: 16, y: 0, width: 16, height: 16 });
    show(store, 2);
    session.update();
    expect(await viewer.update()).toMatchObject([{ x: 16, y: 0, width: 16, height: 16 }]);
    await viewer.answerFence();
    expect(session.update()).toBe(false);
    show(store, 3, { ...whole, width: 80 });
    session.update();
    expect(await viewer.update()).toMatchObject([{ encoding: encodings.desktopSize, width: 80 }]);
    await viewer.answerFence();
    expect(session.update()).toBe(true);
    expect(await viewer.update()).toMatchObject([{ x: 0, y: 0, width: 80, height: 48 }]);
  });

  it('end when the viewer says so, which is confirmed', async () => {
    const { store, session, viewer } = await connected(...both);
    viewer.takeMessage(150);
    viewer.enableContinuousUpdates(whole);
    viewer.enableContinuousUpdates(undefined);
    expect(viewer.takeMessage(150)).toBe(true);
    show(store, 2);
    expect(session.waiting).toBe(false);
    expect(session.update()).toBe(false);
  });

  it('are refused to viewers to which they were not offered, as are answers to fences that were not sent', async () => {
    const { viewer } = await connected();
    expect(() => viewer.enableContinuousUpdates(whole)).toThrow(RfbError);
    const other = await connected(...both);
    expect(() => other.viewer.send(248, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 1)).toThrow(/not sent/);
    const third = await connected(...both);
    expect(() => third.viewer.send(248, 0, 0, 0, 0x80, 0, 0, 0, 65)).toThrow(/65 bytes/);
  });

  it('answers a viewer’s own fences with their payload', async () => {
    const { viewer } = await connected(encodings.fence);
    viewer.send(248, 0, 0, 0, 0x80, 0, 0, 7, 3, 9, 8, 7);
    expect(await viewer.readFence()).toEqual({ flags: 3, payload: [9, 8, 7] });
  });

  it('never have more than two on their way, whatever the viewer does, and lose no change', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('show', 'update', 'answer', 'off', 'on'), { maxLength: 60 }), async (steps) => {
        const { store, session, viewer } = await connected(...both);
        viewer.takeMessage(150);
        viewer.enableContinuousUpdates(whole);
        let onTheirWay = 0;
        let colour = 1;
        let on = true;
        const answer = async (): Promise<void> => {
          await viewer.update();
          await viewer.answerFence();
          onTheirWay--;
        };
        for (const step of steps) {
          if (step === 'show') show(store, ++colour);
          else if (step === 'update' && session.update()) expect(++onTheirWay).toBeLessThanOrEqual(2);
          else if (step === 'answer' && onTheirWay > 0) await answer();
          else if (step === 'on' && !on && onTheirWay === 0) {
            viewer.enableContinuousUpdates(whole);
            on = true;
          } else if (step === 'off' && on && onTheirWay === 0) {
            viewer.enableContinuousUpdates(undefined);
            expect(viewer.takeMessage(150)).toBe(true);
            on = false;
          }
        }
        while (onTheirWay > 0) await answer();
        if (!on) viewer.enableContinuousUpdates(whole);
        while (session.update()) {
          onTheirWay++;
          await answer();
        }
        expect(viewer.picture.readUIntLE(0, 3)).toBe(colour);
      }),
      { numRuns: 100 },
    );
  });
});
