import { describe, expect, it } from 'vitest';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import { ownVideoBios } from './own-firmware.ts';

const folder = '/usr/share/seabios';
const vgaBios = `${folder}/vgabios-stdvga.bin`;

describe.each([
  { name: 'bios.bin', files: [vgaBios], video: () => bytesOf(vgaBios), starts: 'Start SeaVGABIOS' },
  { name: 'bios-256k.bin with our option ROM', files: [], video: ownVideoBios, starts: 'Vitrine VGA BIOS' },
])('SeaBIOS $name', ({ name, files, video, starts }) => {
  const file = `${folder}/${name.split(' ')[0]}`;
  it.skipIf(!present(file, ...files))('runs its POST, reports on the debug port, and shows its banner', { timeout: 90_000 }, async () => {
    await withMachine({ kind: 'bios', image: bytesOf(file), vgaBios: video() }, 32, async (guest) => {
      await guest.until('the end of the POST', () => guest.debugConsole().includes('Press ESC for boot menu'), 60);
      const report = guest.debugConsole();
      expect(report).toMatch(/^SeaBIOS \(version /m);
      expect(report).toContain('Running on QEMU (q35)');
      expect(report).toContain('RamSize: 0x02000000');
      expect(report).toContain('PCI: init bdf=00:1f.0 id=8086:2918');
      expect(report).toContain(starts);
      expect(report).toContain('PS2 keyboard initialized');
      await guest.until('the banner', async () => /^SeaBIOS \(version /.test(await guest.screen()), 20);
      // The larger one has a handler in SMRAM, closed, at an SMBASE of its own, and used it on its way.
      if (name !== 'bios-256k.bin') return;
      const { ranges, open, statistics } = await guest.machine.smm();
      expect([ranges.map(({ name }) => name), open]).toEqual([['compatible'], false]);
      expect([statistics.vcpus[0]?.smbase, statistics.entries > 0]).toEqual([0xa0000, true]);
    });
  });
});
