import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { assembleOwnBios, firmwareFonts } from '../../engine/firmware/own-bios.ts';
import type { DriveConfiguration } from '../../engine/machine/machine.ts';
import { scancodesOf } from '../../main/host/keyboard.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import { grubFolder, writeFatDisk, writeGrubCdrom, writeGrubImage } from './disk-images.ts';

const folder = new URL('../../assets/firmware/', import.meta.url);
const sources = readdirSync(folder);
const read = (name: string) => (sources.includes(name) ? new Uint8Array(readFileSync(new URL(name, folder))) : undefined);

/** The firmware as NASM makes it. */
function assembledByNasm(): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-bios-'));
  try {
    for (const name of sources) writeFileSync(join(directory, name), readFileSync(new URL(name, folder)));
    for (const [name, bytes] of firmwareFonts()) writeFileSync(join(directory, name), bytes);
    execFileSync('nasm', ['-f', 'bin', 'bios.asm', '-o', 'bios.bin'], { cwd: directory, stdio: 'pipe' });
    return bytesOf(join(directory, 'bios.bin'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('our firmware', () => {
  it('is 128 KiB with a jump at the reset vector', () => {
    const image = assembleOwnBios(read);
    expect(image.length).toBe(128 * 1024);
    expect(image[image.length - 16]).toBe(0xe9);
  });

  it.skipIf(!present('/usr/bin/nasm'))('is the same bytes as NASM makes', { timeout: 30_000 }, () => {
    expect(Buffer.from(assembleOwnBios(read)).equals(Buffer.from(assembledByNasm()))).toBe(true);
  });

  it('says which line does not assemble', () => {
    const broken = (name: string) => (name === 'boot.asm' ? new TextEncoder().encode(' mov ax,') : read(name));
    expect(() => assembleOwnBios(broken)).toThrow(/^The firmware does not assemble: boot\.asm:1: /);
  });

  it('runs its POST, and says what it tried when nothing can be started', { timeout: 60_000 }, async () => {
    await withMachine({ kind: 'bios', image: assembleOwnBios(read) }, 64, async (guest) => {
      await guest.until('the end of the boot order', async () => (await guest.screen()).includes('No bootable device.'), 40);
      const screen = await guest.screen();
      expect(screen).toContain('Vitrine BIOS');
      expect(screen).toContain('64 MiB of memory');
      expect(screen).toContain('Hard disk: there is none');
      expect(guest.debugConsole()).toContain('No bootable device.');
    });
  });
});

const grubTools = [`${grubFolder}/boot.img`, '/usr/bin/grub-mkrescue', '/usr/bin/xorriso', '/usr/bin/mformat'];

describe.skipIf(!present(...grubTools))('GRUB, through our firmware', () => {
  /** Boots the drives, types a command at GRUB's prompt, and waits for its answer. */
  async function ask(drives: DriveConfiguration[], command: string, answer: string): Promise<void> {
    await withMachine(
      { kind: 'bios', image: assembleOwnBios(read) },
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

  it('starts from a CD-ROM, and reads its files', { timeout: 90_000 }, async () => {
    await inFolder((directory) =>
      ask([{ kind: 'cdrom', path: writeGrubCdrom(directory, 'cd.iso', 'a note on a disc') }], 'cat (cd)/note.txt', 'a note on a disc'),
    );
  });
});
