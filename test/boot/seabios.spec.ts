import { describe, expect, it } from 'vitest';
import { bytesOf, present, withMachine } from './boot-machine.ts';

const folder = '/usr/share/seabios';
const vgaBios = `${folder}/vgabios-stdvga.bin`;

describe.each(['bios.bin', 'bios-256k.bin'])('SeaBIOS %s', (name) => {
  const file = `${folder}/${name}`;
  it.skipIf(!present(file, vgaBios))('runs its POST, reports on the debug port, and shows its banner', { timeout: 90_000 }, async () => {
    await withMachine({ kind: 'bios', image: bytesOf(file), vgaBios: bytesOf(vgaBios) }, 32, async (guest) => {
      await guest.until('the end of the POST', () => guest.debugConsole().includes('Press ESC for boot menu'), 60);
      const report = guest.debugConsole();
      expect(report).toMatch(/^SeaBIOS \(version /m);
      expect(report).toContain('Running on QEMU (q35)');
      expect(report).toContain('RamSize: 0x02000000');
      expect(report).toContain('PCI: init bdf=00:1f.0 id=8086:2918');
      expect(report).toContain('Start SeaVGABIOS');
      expect(report).toContain('PS2 keyboard initialized');
      await guest.until('the banner', async () => /^SeaBIOS \(version /.test(await guest.screen()), 20);
    });
  });
});
