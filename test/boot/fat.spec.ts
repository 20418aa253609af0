/** FAT volumes that mtools made are read and written by a guest of ours, and then checked by fsck.fat and mtools. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BootSource } from '../../engine/machine/machine.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import { ownBios, ownVideoBios, thorough } from './own-firmware.ts';
import { writeProgram } from './programs.ts';

const seabios = '/usr/share/seabios/bios-256k.bin';
const check = '/usr/sbin/fsck.fat';

/** A volume with a note of `lines` lines, an old file and some others between them, so that what is free is in pieces. */
function makeVolume(
  folder: string,
  name: string,
  bytes: number,
  format: readonly string[],
  lines: number,
): { image: string; note: string } {
  const image = path.join(folder, name);
  writeFileSync(image, Buffer.alloc(bytes));
  execFileSync('mformat', ['-i', image, ...format, '::'], { stdio: 'pipe' });
  const note = Array.from({ length: lines }, (_, line) => `line ${line} of the note on ${name}\n`).join('');
  const put = (file: string, text: string) => {
    const source = path.join(folder, `source-${file}`);
    writeFileSync(source, text);
    execFileSync('mcopy', ['-i', image, '-o', source, `::${file}`], { stdio: 'pipe' });
  };
  put('GAP1.TXT', 'x'.repeat(3000));
  put('NOTE.TXT', note);
  put('GAP2.TXT', 'y'.repeat(700));
  put('OLD.TXT', 'old '.repeat(2000));
  put('LAST.TXT', 'the last');
  execFileSync('mdel', ['-i', image, '::GAP1.TXT', '::GAP2.TXT'], { stdio: 'pipe' });
  return { image, note };
}

const type = (image: string, file: string) => execFileSync('mtype', ['-i', image, `::${file}`], { encoding: 'utf8' });

const firmwares: { name: string; wanted: boolean; boot: () => BootSource }[] = [
  { name: 'our firmware', wanted: true, boot: () => ({ kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() }) },
  { name: 'SeaBIOS', wanted: thorough && present(seabios), boot: () => ({ kind: 'bios', image: bytesOf(seabios), vgaBios: ownVideoBios() }) },
];

describe.skipIf(!present('/usr/bin/mformat', check)).each(firmwares)(
  'FAT volumes, through $name',
  { timeout: 120_000 },
  ({ wanted, boot }) => {
    it.skipIf(!wanted)('are read and written, and stay consistent', async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-fat-'));
      try {
        const disk = makeVolume(
          folder,
          'disk.img',
          32 << 20,
          ['-h', '16', '-s', '63', '-T', String((32 << 20) / 512), '-c', '4'],
          1200,
        );
        const floppy = makeVolume(folder, 'floppy.img', 1_474_560, ['-f', '1440'], 300);
        const drives = [
          { kind: 'floppy' as const, path: writeProgram(folder, 'fat') },
          { kind: 'floppy' as const, path: floppy.image },
          { kind: 'disk' as const, path: disk.image },
        ];
        await withMachine(
          boot(),
          32,
          async (guest) => {
            await guest.until('the end', () => /^(?:end|\?)$/m.test(guest.debugConsole()), 90);
            expect(guest.debugConsole()).toContain(
              'note line 0 of the note on disk.img\ndeleted\nnote line 0 of the note on floppy.img\ndeleted\nend',
            );
          },
          { drives, bootOrder: ['floppy'] },
        );
        for (const { image, note } of [disk, floppy]) {
          expect(execFileSync(check, ['-n', image], { encoding: 'utf8' })).toMatch(/ 3 files, /);
          expect(type(image, 'COPY.TXT')).toBe(note.toUpperCase());
          expect(type(image, 'NOTE.TXT')).toBe(note);
          expect(type(image, 'LAST.TXT')).toBe('the last');
          expect(execFileSync('mdir', ['-i', image, '-b', '::'], { encoding: 'utf8' })).not.toContain('OLD.TXT');
        }
        expect([disk, floppy].map(({ image }) => Buffer.from(bytesOf(image).subarray(54, 59)).toString())).toEqual([
          'FAT16',
          'FAT12',
        ]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  },
);
