/** Disks that qemu-img made in VMware's and VirtualBox's formats, read by ours, and an appliance around one. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { convertToQcow2 } from '../../engine/storage/convert.ts';
import { openHostFile } from '../../engine/storage/image-file.ts';
import { foreignFormat, openForeignDisk } from '../../engine/storage/import/foreign.ts';

const missing = spawnSync('qemu-img', ['--version']).status === 0 ? undefined : 'qemu-img is not installed';
if (missing !== undefined) process.stderr.write(`Imports are not compared: ${missing}.\n`);

const folder = fs.mkdtempSync(join(tmpdir(), 'import-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const qemuImg = (...args: string[]): string =>
  execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });

/** A disk with content in places: at its start and end, across grains, and a part that compresses badly. */
function original(bytes: number): string {
  const path = join(folder, `original-${bytes}.raw`);
  const content = Buffer.alloc(bytes);
  let state = 1;
  for (const [from, length] of [
    [0, 1024],
    [65_000, 2000],
    [1 << 20, 200_000],
    [bytes - 512, 512],
  ] as const) {
    for (let at = from; at < Math.min(bytes, from + length); at++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      content[at] = state >>> 16;
    }
  }
  fs.writeFileSync(path, content);
  return path;
}

const SIZE = (5 << 20) + 512 * 3;
const openPart = (name: string) => openHostFile(join(folder, name), false);

describe.skipIf(missing !== undefined)('an image of another program', () => {
  const cases = [
    ['vmdk', 'monolithicSparse'],
    ['vmdk', 'monolithicFlat'],
    ['vmdk', 'twoGbMaxExtentSparse'],
    ['vmdk', 'twoGbMaxExtentFlat'],
    ['vmdk', 'streamOptimized'],
    ['vdi', 'dynamic'],
    ['vdi', 'static'],
  ] as const;

  it.each(cases)(
    '%s, %s, has the content that qemu-img put there, and so has the qcow2 image made of it',
    async (format, kind) => {
      const raw = original(SIZE);
      const path = join(folder, `${kind}.${format}`);
      const option = format === 'vmdk' ? `subformat=${kind}` : `static=${kind === 'static' ? 'on' : 'off'}`;
      qemuImg('convert', '-f', 'raw', '-O', format, '-o', option, raw, path);
      const file = openHostFile(path, false);
      expect(foreignFormat(file)).toBe(format);
      const { device } = openForeignDisk(file, format, openPart);
      const read = new Uint8Array(device.bytes);
      device.read(0, read);
      // qemu-img rounds the size up to what the format can say.
      expect(Buffer.compare(read.subarray(0, SIZE), fs.readFileSync(raw))).toBe(0);
      const made = join(folder, `${kind}-${format}.qcow2`);
      let told = 0;
      await convertToQcow2(device, made, (bytes) => (told += bytes));
      expect(told).toBe(device.bytes);
      device.close();
      expect(qemuImg('check', '-f', 'qcow2', made)).toContain('No errors were found');
      expect(qemuImg('compare', '-f', format, '-F', 'qcow2', path, made)).toContain('Images are identical');
    },
  );

  it('in 3 GiB of parts, over which a file of VMware’s may not go, is put together', () => {
    const path = join(folder, 'large.vmdk');
    qemuImg('create', '-f', 'vmdk', '-o', 'subformat=twoGbMaxExtentSparse', path, '3G');
    const { device } = openForeignDisk(openHostFile(path, false), 'vmdk', openPart);
    expect(device.bytes).toBe(3 * 1024 ** 3);
    const across = new Uint8Array(1 << 20).fill(1);
    device.read(2 * 1024 ** 3 - (1 << 19), across);
    expect(across.every((byte) => byte === 0)).toBe(true);
    device.close();
  });
});
