import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assembleOwnBios, firmwareFonts } from '../../engine/firmware/own-bios.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';

const folder = new URL('../../assets/firmware/', import.meta.url);
const sources = readdirSync(folder);
const read = (name: string) => (sources.includes(name) ? new Uint8Array(readFileSync(new URL(name, folder))) : undefined);

/** The firmware as NASM makes it. */
function assembledByNasm(): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-bios-'));
  try {
    for (const name of sources) writeFileSync(join(directory, name), readFileSync(new URL(name, folder)));
    for (const [name, bytes] of firmwareFonts()) writeFileSync(join(directory, name), bytes);
    execFileSync('nasm', ['-f', 'bin', 'bios.asm', '-o', 'bios.bin'], { cwd: directory });
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
