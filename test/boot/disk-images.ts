/** Images with GRUB on them, made by Debian's tools. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const grubFolder = '/usr/lib/grub/i386-pc';
const sectorBytes = 512;
/** In diskboot.img, the first sector of a core image: its only block list. */
const blockList = 0x1f4;
const coreSegment = 0x820;

/** GRUB's boot sector with its core image behind it, in an image of `bytes`. `extra` are modules beside those of the prompt. */
export function writeGrubImage(folder: string, name: string, bytes: number, extra: readonly string[] = []): string {
  const corePath = path.join(folder, `${name}.core`);
  const modules = ['biosdisk', 'part_msdos', 'fat', 'normal', 'echo', 'ls', 'cat', 'halt', ...extra];
  execFileSync('grub-mkimage', ['-d', grubFolder, '-O', 'i386-pc', '-p', '(hd0)', '-o', corePath, ...modules], { stdio: 'pipe' });
  const core = readFileSync(corePath);
  const sectors = Math.ceil(core.length / sectorBytes);
  const image = Buffer.alloc(bytes);
  readFileSync(path.join(grubFolder, 'boot.img')).copy(image);
  image.writeUInt16LE(0xaa55, sectorBytes - 2);
  core.copy(image, sectorBytes);
  // The boot sector loads sector 1; that one loads the rest, from sector 2 on.
  image.writeBigUInt64LE(2n, sectorBytes + blockList);
  image.writeUInt16LE(sectors - 1, sectorBytes + blockList + 8);
  image.writeUInt16LE(coreSegment, sectorBytes + blockList + 10);
  const file = path.join(folder, name);
  writeFileSync(file, image);
  return file;
}

/** A CD image by grub-mkrescue with a file on it. */
export function writeGrubCdrom(folder: string, name: string, text: string): string {
  const tree = path.join(folder, 'tree');
  execFileSync('mkdir', ['-p', tree]);
  writeFileSync(path.join(tree, 'note.txt'), text);
  const file = path.join(folder, name);
  const options = ['--install-modules=biosdisk iso9660 normal echo ls cat halt', '--locales=', '--themes=', '--fonts='];
  execFileSync('grub-mkrescue', ['-d', grubFolder, ...options, '-o', file, tree], { stdio: 'pipe' });
  return file;
}

/** An empty FAT disk, without partitions, with a file on it. */
export function writeFatDisk(folder: string, name: string, text: string): string {
  const file = path.join(folder, name);
  const note = path.join(folder, 'fat-note.txt');
  writeFileSync(note, text);
  writeFileSync(file, Buffer.alloc(4 << 20));
  execFileSync('mformat', ['-i', file, '-h', '4', '-s', '16', '-t', '128', '::'], { stdio: 'pipe' });
  execFileSync('mcopy', ['-i', file, note, '::NOTE.TXT'], { stdio: 'pipe' });
  return file;
}
