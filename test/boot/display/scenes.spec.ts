/**
 * The pictures of our VGA beside QEMU's: the same program, the same option ROM, in both. QEMU shows each pixel of the monitor, we one for
 * each that the guest can address, so ours are made larger by whole factors.
 *
 * Left out, because QEMU does not have it: the mask of the DAC's index, panning by pixels, and the map mask in 4-bit modes of VBE.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present, withMachine } from '../boot-machine.ts';
import { ownBios, ownVideoBios } from '../own-firmware.ts';
import { writeProgram } from '../programs.ts';
import { qemuProgram, withQemu, type Picture } from './qemu.ts';

const scenes = 'ABCDEFGHIJLMNOPQRSTUVWXYZ';
/** Colours of 5 and 6 bits are widened by different rules. */
const tolerance = 8;

let folder: string;
let floppy: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-scenes-'));
  floppy = writeProgram(folder, 'scenes');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the program has said of scenes; the firmware's words before it are not counted. */
const shown = (output: string) => /(?:^|[^a-zA-Z])([A-Z]*)(?:\n(?:end)?\n?)?$/.exec(output)?.[1] ?? '';

async function ours(): Promise<Map<string, Picture>> {
  const pictures = new Map<string, Picture>();
  await withMachine(
    { kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() },
    32,
    async (guest) => {
      for (const scene of scenes) {
        await guest.until(`scene ${scene}`, () => shown(guest.debugConsole()).endsWith(scene), 60);
        const { width, height, rgba } = await guest.machine.screenshot();
        pictures.set(scene, {
          width,
          height,
          rgb: Uint8Array.from({ length: 3 * width * height }, (_, at) => rgba[4 * Math.floor(at / 3) + (at % 3)] ?? 0),
        });
        await guest.machine.input({ kind: 'scancodes', bytes: [0x39, 0xb9] });
      }
    },
    { drives: [{ kind: 'floppy', path: floppy }] },
  );
  return pictures;
}

async function qemus(): Promise<Map<string, Picture>> {
  const rom = path.join(folder, 'vgabios.bin');
  writeFileSync(rom, ownVideoBios());
  return withQemu(folder, ['-vga', 'none', '-device', `VGA,romfile=${rom}`, '-fda', floppy], async (guest) => {
    const pictures = new Map<string, Picture>();
    for (const scene of scenes) {
      await guest.until(`scene ${scene}`, () => shown(guest.debugConsole()).endsWith(scene), 60);
      pictures.set(scene, await guest.screen());
      guest.press('spc');
    }
    return pictures;
  });
}

/** The share of QEMU's pixels that differ from ours, or why they cannot be compared. */
function difference(our: Picture, theirs: Picture): number | string {
  const across = theirs.width / our.width;
  const down = theirs.height / our.height;
  if (!Number.isInteger(across) || !Number.isInteger(down))
    return `${our.width}×${our.height} beside ${theirs.width}×${theirs.height}`;
  let different = 0;
  for (let y = 0; y < theirs.height; y++) {
    for (let x = 0; x < theirs.width; x++) {
      const there = 3 * (y * theirs.width + x);
      const here = 3 * (Math.floor(y / down) * our.width + Math.floor(x / across));
      if ([0, 1, 2].some((colour) => Math.abs((our.rgb[here + colour] ?? 0) - (theirs.rgb[there + colour] ?? 0)) > tolerance))
        different++;
    }
  }
  return different / (theirs.width * theirs.height);
}

describe.skipIf(!present(qemuProgram))('the pictures of a program', { timeout: 240_000 }, () => {
  it('are those that QEMU shows', async () => {
    const [our, theirs] = [await ours(), await qemus()];
    const differences = Object.fromEntries(
      [...scenes].map((scene): [string, number | string] => {
        const [here, there] = [our.get(scene), theirs.get(scene)];
        return [scene, here === undefined || there === undefined ? 'missing' : difference(here, there)];
      }),
    );
    expect(differences).toEqual(Object.fromEntries([...scenes].map((scene) => [scene, 0])));
  });
});
