import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { whyNotOptionRom } from '../../engine/firmware/bios.ts';
import { assembleOwnBios } from '../../engine/firmware/own-bios.ts';
import type { DriveConfiguration } from '../../engine/machine/machine.ts';
import { scancodesOf } from '../../main/host/keyboard.ts';
import { present, withMachine } from './boot-machine.ts';
import { grubFolder, writeFatDisk, writeGrubCdrom, writeGrubImage } from './disk-images.ts';
import { assembledByNasm, ownBios, ownVideoBios, readFirmware } from './own-firmware.ts';

describe('our firmware', () => {
  it('is 128 KiB with a jump at the reset vector', () => {
    const image = ownBios();
    expect(image.length).toBe(128 * 1024);
    expect(image[image.length - 16]).toBe(0xe9);
  });

  it.skipIf(!present('/usr/bin/nasm'))('is the same bytes as NASM makes', { timeout: 100_000 }, () => {
    const byNasm = assembledByNasm();
    expect(Buffer.from(ownVideoBios()).equals(Buffer.from(byNasm.videoBios))).toBe(true);
    expect(Buffer.from(ownBios()).equals(Buffer.from(byNasm.bios))).toBe(true);
  });

  it('has a VGA BIOS that is an option ROM of 32 KiB, for the adapter', () => {
    const rom = ownVideoBios();
    expect(rom.length).toBe(32 * 1024);
    expect(whyNotOptionRom(rom)).toBeUndefined();
    const at = (rom[0x18] ?? 0) | ((rom[0x19] ?? 0) << 8);
    expect(Buffer.from(rom.subarray(at, at + 8)).toString('hex')).toBe('5043495234121111');
  });

  it('says which line does not assemble', () => {
    const broken = (name: string) => (name === 'boot.asm' ? new TextEncoder().encode(' mov ax,') : readFirmware(name));
    expect(() => assembleOwnBios(broken)).toThrow(/^The firmware does not assemble: boot\.asm:1: /);
  });

  it('runs its POST, and says what it tried when nothing can be started', { timeout: 60_000 }, async () => {
    await withMachine({ kind: 'bios', image: ownBios() }, 64, async (guest) => {
      await guest.until('the end of the boot order', async () => (await guest.screen()).includes('Hard disk: there is none'), 40);
      const screen = await guest.screen();
      expect(screen).toContain('Vitrine BIOS');
      expect(screen).toContain('64 MiB of memory');
      expect(screen).toContain('Hard disk: there is none');
      expect(guest.debugConsole()).toContain('No bootable device.');
    });
  });
});

describe('the SMI handler of our firmware', { timeout: 300_000 }, () => {
  it.each(['intel32', 'amd64'] as const)('gives each processor an SMBASE in locked SMRAM, with the map %s', async (saveState) => {
    await withMachine(
      { kind: 'bios', image: ownBios() },
      64,
      async ({ machine, until }) => {
        await until('the lock', async () => (await machine.smm()).locked, 100);
        const { ranges, open, statistics } = await machine.smm();
        expect([ranges.map(({ name }) => name), open]).toEqual([['compatible'], false]);
        expect(statistics.vcpus.map(({ smbase }) => smbase)).toEqual([0xa0000, 0xa0400, 0xa0800]);
        // Everybody comes back from it.
        const { entries } = statistics;
        await machine.injectSmi('all', 4);
        await until('the handlers', async () => (await machine.smm()).statistics.entries >= entries + 12, 60);
        await until('their end', async () => !(await machine.smm()).mapped, 60);
      },
      { cpus: 3, saveState },
    );
  });

  it('is not there for a guest that brings its own', async () => {
    await withMachine(
      { kind: 'bios', image: ownBios() },
      64,
      async (guest) => {
        await guest.until('the end of the POST', () => guest.debugConsole().includes('No bootable device.'), 60);
        const { ranges, locked, statistics } = await guest.machine.smm();
        expect([ranges, locked, statistics.entries, statistics.vcpus[0]?.smbase]).toEqual([[], false, 0, 0x30000]);
      },
      { guestSmm: true },
    );
  });
});

const grubTools = [`${grubFolder}/boot.img`, '/usr/bin/grub-mkrescue', '/usr/bin/xorriso', '/usr/bin/mformat'];

describe.skipIf(!present(...grubTools))('GRUB, through our firmware', () => {
  /** Boots the drives, types a command at GRUB's prompt, and waits for its answer. */
  async function ask(drives: DriveConfiguration[], command: string, answer: string): Promise<void> {
    await withMachine(
      { kind: 'bios', image: ownBios() },
      64,
      async (guest) => {
        await guest.until('the prompt', async () => (await guest.screen()).includes('grub>'), 50);
        for (const bytes of scancodesOf(`${command}\n`)) {
          await guest.machine.input({ kind: 'scancodes', bytes });
          await delay(60);
        }
        await guest.until('the answer', async () => (await guest.screen()).includes(answer), 30);
      },
      { drives },
    );
  }

  async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-bios-'));
    try {
      await body(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  it('starts from a floppy, and reads a FAT hard disk beside it', { timeout: 90_000 }, async () => {
    await inFolder((directory) =>
      ask(
        [
          { kind: 'floppy', path: writeGrubImage(directory, 'floppy.img', 1_474_560) },
          { kind: 'disk', path: writeFatDisk(directory, 'fat.img', 'a note on a disk') },
        ],
        'cat (hd0)/NOTE.TXT',
        'a note on a disk',
      ),
    );
  });

  it('starts from a hard disk that is chosen in the boot menu, and takes typed commands', { timeout: 90_000 }, async () => {
    await inFolder(async (directory) => {
      const drives: DriveConfiguration[] = [
        { kind: 'floppy', path: writeGrubImage(directory, 'floppy.img', 1_474_560) },
        { kind: 'disk', path: writeGrubImage(directory, 'disk.img', 8 << 20) },
      ];
      await withMachine(
        { kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() },
        64,
        async (guest) => {
          const f12 = 0x58;
          await guest.until('the invitation', async () => (await guest.screen()).includes('Press F12 for the boot menu'), 50);
          await guest.machine.input({ kind: 'scancodes', bytes: [f12, f12 | 0x80] });
          await guest.until('the menu', async () => /\d\. Hard disk/i.test(await guest.screen()), 30);
          const number = /(\d)\. Hard disk/i.exec(await guest.screen())?.[1] ?? '';
          for (const bytes of scancodesOf(number)) await guest.machine.input({ kind: 'scancodes', bytes });
          await guest.until('the prompt', async () => (await guest.screen()).includes('grub>'), 50);
          for (const bytes of scancodesOf('ls\n')) {
            await guest.machine.input({ kind: 'scancodes', bytes });
            await delay(60);
          }
          await guest.until('the drives', async () => /\(hd0\).*\(fd0\)|\(fd0\).*\(hd0\)/.test(await guest.screen()), 30);
        },
        { drives },
      );
    });
  });

  it('starts from a CD-ROM, and reads its files', { timeout: 90_000 }, async () => {
    await inFolder((directory) =>
      ask(
        [{ kind: 'cdrom', path: writeGrubCdrom(directory, 'cd.iso', 'a note on a disc') }],
        'cat (cd)/note.txt',
        'a note on a disc',
      ),
    );
  });
});
