import type { BootFiles } from './boot.ts';
import type { Disk } from './disk.ts';

/** Where distributions put SeaBIOS and its VGA BIOS. */
const SEABIOS_FOLDERS = ['/usr/share/seabios', '/usr/share/qemu', '/usr/local/share/qemu'];
const SYSTEM_ROM = 'bios-256k.bin';
const VGA_ROMS = ['vgabios-stdvga.bin'];

/** Firmware that starts from drives, for machines that name none. Undefined: the host has none. */
export async function findFirmware(disk: Disk): Promise<Extract<BootFiles, { kind: 'bios' }> | undefined> {
  for (const folder of SEABIOS_FOLDERS) {
    const file = `${folder}/${SYSTEM_ROM}`;
    if ((await disk.status(file)) === undefined) continue;
    for (const rom of VGA_ROMS) {
      const vgaBios = `${folder}/${rom}`;
      if ((await disk.status(vgaBios)) !== undefined) return { kind: 'bios', file, vgaBios };
    }
  }
  return undefined;
}
