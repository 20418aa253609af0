import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assembleOwnBios } from '../../engine/firmware/own-bios.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';

const image = '/boot/memtest86+ia32.bin';
const memoryMebibytes = 8;

describe.skipIf(!present(image))('memtest86+', () => {
  it('draws its screen, finds the memory, and completes its first tests without an error', { timeout: 120_000 }, async () => {
    await withMachine({ kind: 'kernel', image: bytesOf(image) }, memoryMebibytes, async (guest) => {
      await guest.until('the title', async () => (await guest.screen()).includes('Memtest86+ v6'), 30);
      // Tests 0 (walking ones), 1 and 2 (addresses) are behind it when test 3 begins.
      await guest.until('the fourth test', async () => /Test #(?:[3-9]|10)\b/.test(await guest.screen()), 80);
      const screen = await guest.screen();
      expect(screen).toMatch(new RegExp(`Memory\\s*:\\s*${memoryMebibytes}MB`));
      expect(screen).toMatch(/Errors: 0\b/);
      expect((await guest.machine.screenshot()).width).toBe(720);
    });
  });
});

const iso = '/usr/lib/memtest86+/memtest86+ia32.iso';
const seabios = '/usr/share/seabios/bios.bin';
const vgabios = '/usr/share/seabios/vgabios-stdvga.bin';
const firmware = new URL('../../assets/firmware/', import.meta.url);
const sources = readdirSync(firmware);

function ownBios(): Uint8Array {
  return assembleOwnBios((name) => (sources.includes(name) ? new Uint8Array(readFileSync(new URL(name, firmware))) : undefined));
}

describe.skipIf(!present(iso, seabios, vgabios))('memtest86+ from its ISO', () => {
  it.each([
    ['our firmware', 4, () => ({ kind: 'bios', image: ownBios() }) as const],
    ['SeaBIOS', 2, () => ({ kind: 'bios', image: bytesOf(seabios), vgaBios: bytesOf(vgabios) }) as const],
  ])('through %s finds all %i processors and uses them in parallel', { timeout: 120_000 }, async (_name, cpus, boot) => {
    await withMachine(
      boot(),
      16,
      async (guest) => {
        await guest.until('the processors', async () => (await guest.screen()).includes(`SMP: ${cpus}T (PAR)`), 60);
        await guest.until('a test on all of them', async () => /Test #(?:[3-9]|10)\b[^]*Using: All Cores/.test(await guest.screen()), 80);
        expect(await guest.screen()).toMatch(/Errors: 0\b/);
        const { vcpus } = await guest.machine.statistics();
        for (const { instructions } of vcpus) expect(instructions).toBeGreaterThan(1_000_000);
      },
      { cpus, drives: [{ kind: 'cdrom', path: iso, format: 'raw', readOnly: true }] },
    );
  });
});
