/** The virtio GPU under a driver in guest assembly, written from the specification: a picture of each size that the display becomes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkRequest, type DisplayProperties } from '../../engine/display/properties.ts';
import { assembleSource } from '../../main/host/engine.ts';
import { withMachine } from './boot-machine.ts';

const programs = new URL('programs/', import.meta.url).pathname;

function image(): Uint8Array {
  const name = 'virtio-gpu.asm';
  const { ok, bytes, diagnostics } = assembleSource({ name, text: readFileSync(`${programs}${name}`, 'utf8'), folders: [programs], anywhere: false });
  if (!ok) throw new Error(JSON.stringify(diagnostics));
  return bytes;
}

function display(width: number, height: number): DisplayProperties {
  const checked = checkRequest({ outputs: [{ width, height }] }, 32 << 20);
  if (!checked.ok) throw new Error(checked.reason);
  return checked.properties;
}

describe('a guest with a driver for the virtio GPU', { timeout: 60_000 }, () => {
  it('draws at the size of its display, and follows each change', async () => {
    await withMachine(
      { kind: 'kernel', image: image() },
      16,
      async (guest) => {
        const { machine } = guest;
        await guest.until('the first picture', () => guest.debugConsole().includes('gpu 1280x800\n'), 30);
        for (const [width, height] of [
          [640, 480],
          [1024, 768],
          [200, 200],
        ] as const) {
          const { generation } = await machine.configureDisplay(display(width, height), 1);
          expect(await machine.awaitFrames(generation, 20_000)).toBe(true);
          await guest.until('the guest’s word', () => guest.debugConsole().endsWith(`gpu ${width}x${height}\n`), 20);
          const picture = await machine.screenshot(0);
          expect([picture.width, picture.height]).toEqual([width, height]);
          expect([...picture.rgba.subarray(0, 8)]).toEqual([255, 0, 0, 255, 0, 255, 0, 255]);
          expect([...picture.rgba.subarray(-4)]).toEqual([0, 255, 0, 255]);
        }
        const { outputs } = await machine.displayState();
        expect(outputs[0]).toMatchObject({ use: 'frame', right: true });
        expect(guest.debugConsole()).not.toContain('broken');
      },
      { virtioGpu: true },
    );
  });

  it('finds none where the machine has none', async () => {
    await withMachine({ kind: 'kernel', image: image() }, 16, async (guest) => {
      await guest.until('the guest’s word', () => guest.debugConsole().includes('broken\n'), 30);
    });
  });
});
