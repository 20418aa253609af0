import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriveConfiguration } from '../../engine/machine/machine.ts';
import { scancodesOf } from '../../main/host/keyboard.ts';
import { bytesOf, present, withMachine, type BootedMachine } from './boot-machine.ts';
import { grubFolder, writeFatDisk, writeGrubCdrom, writeGrubImage } from './disk-images.ts';

const bios = '/usr/share/seabios/bios-256k.bin';
const vgaBios = '/usr/share/seabios/vgabios-stdvga.bin';
const floppyBytes = 1_474_560;
const diskBytes = 8 << 20;
const seconds = 50;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-drives-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function boot(drives: DriveConfiguration[], body: (guest: BootedMachine) => Promise<void>, order?: DriveConfiguration['kind'][]): Promise<void> {
  return withMachine({ kind: 'bios', image: bytesOf(bios), vgaBios: bytesOf(vgaBios) }, 64, body, { drives, bootOrder: order });
}

/** The BIOS keeps 15 keys; a person is not that much faster than GRUB. */
async function type(guest: BootedMachine, text: string): Promise<void> {
  for (const bytes of scancodesOf(text)) {
    await guest.machine.input({ kind: 'scancodes', bytes });
    await delay(60);
  }
}

describe.skipIf(!present(bios, vgaBios, `${grubFolder}/boot.img`, '/usr/bin/grub-mkrescue', '/usr/bin/xorriso', '/usr/bin/mformat'))('GRUB, through SeaBIOS', () => {
  it('starts from a floppy, and reads a FAT hard disk beside it', { timeout: 90_000 }, async () => {
    const floppy = writeGrubImage(folder, 'floppy.img', floppyBytes);
    const disk = writeFatDisk(folder, 'fat.img', 'a note on a disk');
    await boot([{ kind: 'disk', path: disk }, { kind: 'floppy', path: floppy }], async (guest) => {
      await guest.until('the prompt', async () => (await guest.screen()).includes('grub>'), seconds);
      await type(guest, 'cat (hd0)/NOTE.TXT\n');
      await guest.until('the note', async () => (await guest.screen()).includes('a note on a disk'), seconds);
    });
  });

  it('starts from a hard disk and takes typed commands', { timeout: 90_000 }, async () => {
    const disk = writeGrubImage(folder, 'disk.img', diskBytes);
    await boot([{ kind: 'disk', path: disk }], async (guest) => {
      await guest.until('the prompt', async () => (await guest.screen()).includes('grub>'), seconds);
      await type(guest, 'echo from the disk\n');
      await guest.until('the echo', async () => /^from the disk/m.test(await guest.screen()), seconds);
    });
  });

  it('starts from a CD-ROM although there is a disk, and reads its files', { timeout: 90_000 }, async () => {
    const cdrom = writeGrubCdrom(folder, 'cd.iso', 'a note on a disc');
    const disk = writeFatDisk(folder, 'second.img', 'not this one');
    await boot([{ kind: 'disk', path: disk }, { kind: 'cdrom', path: cdrom }], async (guest) => {
      await guest.until('the prompt', async () => (await guest.screen()).includes('grub>'), seconds);
      await type(guest, 'cat (cd)/note.txt\n');
      await guest.until('the note', async () => (await guest.screen()).includes('a note on a disc'), seconds);
    });
  });

  it('starts from what is chosen in the boot menu', { timeout: 90_000 }, async () => {
    const disk = writeGrubImage(folder, 'chosen.img', diskBytes);
    const floppy = writeGrubImage(folder, 'other.img', floppyBytes);
    await boot([{ kind: 'disk', path: disk }, { kind: 'floppy', path: floppy }], async (guest) => {
      await guest.until('the invitation', async () => (await guest.screen()).includes('Press ESC for boot menu'), seconds);
      await type(guest, '\u001b');
      // The floppy would be first by the boot order.
      const hardDisk = /^(\d)\. ata/m;
      await guest.until('the menu', async () => hardDisk.test(await guest.screen()), seconds);
      await type(guest, hardDisk.exec(await guest.screen())?.[1] ?? '');
      await guest.until('the prompt', async () => (await guest.screen()).includes('grub>'), seconds);
      expect(guest.debugConsole()).toContain('Booting from Hard Disk');
      expect(guest.debugConsole()).not.toContain('Booting from Floppy');
      await type(guest, 'echo chosen by hand\n');
      await guest.until('the echo', async () => /^chosen by hand/m.test(await guest.screen()), seconds);
    }, ['floppy', 'disk']);
  });

  it('is left out when another order is asked for', { timeout: 90_000 }, async () => {
    const disk = writeGrubImage(folder, 'last.img', diskBytes);
    const cdrom = writeGrubCdrom(folder, 'first.iso', '');
    await boot([{ kind: 'disk', path: disk }, { kind: 'cdrom', path: cdrom }], async (guest) => {
      await guest.until('the disk to be tried', () => guest.debugConsole().includes('Booting from Hard Disk'), seconds);
      expect(guest.debugConsole()).not.toContain('Booting from DVD/CD');
    }, ['disk', 'cdrom']);
  });
});
