/** Images on a host whose files do not keep still, and whose disk is full. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { BlockDevice } from './block-device.ts';
import { openHostFile } from './image-file.ts';
import { openImage } from './open.ts';
import { checkImage } from './qcow2-check.ts';
import { createQcow2 } from './qcow2-create.ts';
import { createRaw } from './raw.ts';
import { stamped } from './testing/crash.ts';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'image-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const open = (path: string, format: 'raw' | 'qcow2', readOnly = false): BlockDevice =>
  openImage(path, { owner: 'a test', readOnly, format }).device;

function made(format: 'raw' | 'qcow2', bytes = 1 << 20): string {
  const path = at(`disk.${format}`);
  if (format === 'raw') createRaw(path, bytes);
  else createQcow2(path, { bytes });
  const device = open(path, format);
  for (let sector = 0; sector < 1024; sector += 8) device.write(sector * 512, stamped(sector + 1));
  device.close();
  return path;
}

describe.each(['raw', 'qcow2'] as const)('a %s image', (format) => {
  it('that something else cuts off while it is open is not read as zeros', () => {
    const path = made(format);
    const device = open(path, format);
    onTestFinished(() => device.close());
    fs.truncateSync(path, fs.statSync(path).size - 300_000);
    const read = (): void => {
      for (let sector = 0; sector < 1024; sector += 8) {
        const content = new Uint8Array(512);
        device.read(sector * 512, content);
        expect(Buffer.compare(content, stamped(sector + 1))).toBe(0);
      }
    };
    if (format === 'raw') fs.truncateSync(path, 300_000);
    expect(read).toThrow('has become shorter while it was open');
  });

  it('that grows while it is open is the disk that it was', () => {
    const path = made(format);
    const device = open(path, format);
    fs.appendFileSync(path, Buffer.alloc(70_000, 0xee));
    expect(device.bytes).toBe(1 << 20);
    device.write(1024 * 512, stamped(77));
    device.close();
    const again = open(path, format, true);
    const content = new Uint8Array(512);
    again.read(1024 * 512, content);
    expect(Buffer.compare(content, stamped(77))).toBe(0);
    again.close();
    if (format === 'qcow2') expect(checkImage(openHostFile(path, false)).errors).toEqual([]);
  });

  it('that is deleted while it is open is not flushed with success, nor closed', () => {
    const path = made(format);
    const device = open(path, format);
    device.write(0, stamped(9));
    device.flush();
    device.write(0, stamped(10));
    fs.rmSync(path);
    expect(() => device.flush()).toThrow('was deleted while it was open');
    const content = new Uint8Array(512);
    device.read(0, content);
    expect(Buffer.compare(content, stamped(10)), 'it can still be copied from').toBe(0);
    expect(() => device.close()).toThrow('was deleted while it was open');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('that may only be read is opened read-only, and says so when it is written', () => {
    const path = made(format);
    fs.chmodSync(path, 0o444);
    if (process.getuid?.() !== 0) expect(() => open(path, format)).toThrow('the permission is missing');
    const device = open(path, format, true);
    expect(() => device.write(0, new Uint8Array(512))).toThrow('open for reading only');
    device.close();
  });
});

/** A file system of 1 MiB, which root can mount where nothing forbids it; undefined elsewhere. Give it back with `unmount`. */
function mountSmallDisk(): string | undefined {
  const place = fs.mkdtempSync(join(tmpdir(), 'image-small-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place]).status === 0) return place;
  fs.rmSync(place, { recursive: true });
  return undefined;
}

function unmount(place: string): void {
  spawnSync('umount', ['-l', place]);
  fs.rmSync(place, { recursive: true, force: true });
}

const trial = process.platform === 'linux' && process.getuid?.() === 0 ? mountSmallDisk() : undefined;
if (trial !== undefined) unmount(trial);

describe.skipIf(trial === undefined)('a full disk', () => {
  it.each(['raw', 'qcow2'] as const)('refuses what does not fit into a %s image, and keeps and takes the rest', (format) => {
    const place = mountSmallDisk() ?? '';
    onTestFinished(() => unmount(place));
    const path = join(place, 'disk');
    if (format === 'raw') createRaw(path, 4 << 20);
    else createQcow2(path, { bytes: 4 << 20, clusterBytes: 4096 });
    const ballast = join(place, 'ballast');
    fs.writeFileSync(ballast, Buffer.alloc(300_000));
    const device = open(path, format);
    const held = new Map<number, number>();
    let refused = 0;
    const write = (sector: number, version: number): void => {
      try {
        device.write(sector * 512, stamped(version));
        held.set(sector, version);
      } catch (error) {
        expect(error).toMatchObject({ code: 'no-space', message: expect.stringContaining('Make room there, then go on.') });
        refused++;
      }
    };
    for (let sector = 0; sector < 4096; sector += 8) write(sector, sector + 1);
    expect(refused).toBeGreaterThan(100);
    expect(held.size).toBeGreaterThan(50);
    device.flush();
    fs.rmSync(ballast);
    const before = held.size;
    for (let sector = 4088; sector > 3800; sector -= 8) write(sector, sector + 2);
    expect(held.size).toBeGreaterThan(before + 20);
    device.close();
    const again = open(path, format, true);
    for (const [sector, version] of held) {
      const content = new Uint8Array(512);
      again.read(sector * 512, content);
      expect(Buffer.compare(content, stamped(version)), `sector ${sector}`).toBe(0);
    }
    again.close();
    if (format === 'qcow2') expect(checkImage(openHostFile(path, false)).errors).toEqual([]);
  });
});
