/** Our images in qemu-img's hands, and its in ours. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { BlockDevice } from '../../engine/storage/block-device.ts';
import { openImage } from '../../engine/storage/open.ts';
import { createOverlay } from '../../engine/storage/overlay.ts';
import { createQcow2 } from '../../engine/storage/qcow2-create.ts';
import { readHeader } from '../../engine/storage/qcow2-header.ts';
import { Qcow2Device } from '../../engine/storage/qcow2.ts';
import { crashEverywhere, stamped } from '../../engine/storage/testing/crash.ts';
import { MemoryFile } from '../../engine/storage/testing/memory-file.ts';
import { fuzz } from '../../engine/storage/testing/mutate.ts';
import { missingPackages } from '../../build/prepare.mjs';

const hasQemuImg = missingPackages([{ name: 'qemu-utils', program: 'qemu-img' }]).length === 0;

const folder = fs.mkdtempSync(join(tmpdir(), 'storage-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

let count = 0;
const fresh = (name: string) => join(folder, `${++count}-${name}`);
const qemuImg = (...args: string[]) =>
  execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
/** qemu-img check: 0 for a sound image; 2 for errors, 3 for leaks. */
function expectSound(path: string) {
  const result = spawnSync('qemu-img', ['check', '-f', 'qcow2', path], { encoding: 'utf8', timeout: 30_000 });
  expect(result.stdout + result.stderr).toContain('No errors were found');
  expect(result.status).toBe(0);
}

const open = (path: string, readOnly = false): BlockDevice =>
  openImage(path, {
    owner: 'a test',
    readOnly,
    format: 'qcow2',
    mayOpenBacking: (file) => file.startsWith(fs.realpathSync(folder)),
  }).device;

const pattern = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 31 + (index >> 9)) & 0xff);

/** Writes pieces here and there, to the device and to the model alike. */
function scribble(device: BlockDevice, model: Uint8Array, seed: number) {
  let state = seed;
  const next = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let piece = 0; piece < 40; piece++) {
    const offset = next(model.length / 512) * 512;
    const content = pattern(Math.min(model.length - offset, (1 + next(60)) * 512), seed + piece);
    device.write(offset, content);
    model.set(content, offset);
    if (piece % 9 === 0) device.flush();
  }
}

function expectContent(path: string, model: Uint8Array) {
  const raw = fresh('content.raw');
  qemuImg('convert', '-f', 'qcow2', '-O', 'raw', path, raw);
  expect(Buffer.compare(fs.readFileSync(raw), model)).toBe(0);
  const device = open(path, true);
  const ours = new Uint8Array(device.bytes);
  device.read(0, ours);
  device.close();
  expect(Buffer.compare(ours, model)).toBe(0);
}

const size = 4 << 20;

describe.skipIf(!hasQemuImg)('an image of ours', () => {
  it.each([512, 4096, 65536, 2 << 20])('with clusters of %i bytes is sound and the same to qemu-img', (clusterBytes) => {
    const path = fresh('ours.qcow2');
    const model = new Uint8Array(size);
    createQcow2(path, { bytes: size, clusterBytes });
    expectSound(path);
    const device = open(path);
    scribble(device, model, clusterBytes);
    device.close();
    expectSound(path);
    expectContent(path, model);
    const raw = fresh('model.raw');
    fs.writeFileSync(raw, model);
    expect(qemuImg('compare', '-f', 'qcow2', '-F', 'raw', path, raw)).toContain('identical');
  });

  it('as an overlay leaves its base alone', () => {
    const base = fresh('base.qcow2');
    const model = new Uint8Array(size);
    createQcow2(base, { bytes: size });
    const lower = open(base);
    scribble(lower, model, 1);
    lower.close();
    const before = fs.readFileSync(base);
    const path = fresh('overlay.qcow2');
    createOverlay(path, { base, baseFormat: 'qcow2', owner: 'a test', relative: true });
    const device = open(path);
    scribble(device, model, 2);
    device.close();
    expect(fs.readFileSync(base).equals(before)).toBe(true);
    expectSound(path);
    expectContent(path, model);
  });
});

describe.skipIf(!hasQemuImg)('an image of qemu-img', () => {
  it.each([
    ['version 2', ['-o', 'compat=0.10']],
    ['lazy refcounts', ['-o', 'compat=1.1,lazy_refcounts=on']],
    ['refcounts of 1 bit', ['-o', 'refcount_bits=1']],
    ['refcounts of 64 bits', ['-o', 'refcount_bits=64']],
    ['clusters of 512 bytes', ['-o', 'cluster_size=512']],
    ['everything allocated', ['-o', 'preallocation=metadata']],
  ])('with %s is read and written', (_, args) => {
    const path = fresh('theirs.qcow2');
    const model = new Uint8Array(size);
    qemuImg('create', '-f', 'qcow2', ...args, path, String(size));
    const device = open(path);
    scribble(device, model, 5);
    device.close();
    expectSound(path);
    expectContent(path, model);
  });

  it('that is compressed is read, and written over', () => {
    const raw = fresh('model.raw');
    const model = pattern(size, 9);
    fs.writeFileSync(raw, model);
    const path = fresh('compressed.qcow2');
    qemuImg('convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, path);
    expect(fs.statSync(path).size).toBeLessThan(size / 2);
    expectContent(path, model);
    const device = open(path);
    scribble(device, model, 6);
    device.close();
    expectSound(path);
    expectContent(path, model);
  });

  it('keeps its snapshots while the disk is written', () => {
    const path = fresh('snapshots.qcow2');
    const model = new Uint8Array(size);
    createQcow2(path, { bytes: size, clusterBytes: 4096 });
    const first = open(path);
    scribble(first, model, 7);
    first.close();
    const then = model.slice();
    qemuImg('snapshot', '-c', 'then', path);
    const second = open(path);
    scribble(second, model, 8);
    second.close();
    expectSound(path);
    expectContent(path, model);
    qemuImg('snapshot', '-a', 'then', path);
    expectContent(path, then);
  });

  it('on a raw base reads what the base holds, and zeros where zeros were written over it', () => {
    const raw = fresh('base.raw');
    const model = pattern(size, 3);
    fs.writeFileSync(raw, model);
    const path = fresh('over.qcow2');
    qemuImg('create', '-q', '-f', 'qcow2', '-b', raw, '-F', 'raw', path);
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -z 128k 256k', '-c', 'write -P 77 1M 64k', path], { timeout: 30_000 });
    model.fill(0, 128 << 10, 384 << 10);
    model.fill(77, 1 << 20, (1 << 20) + (64 << 10));
    expectContent(path, model);
    const device = open(path);
    scribble(device, model, 4);
    device.close();
    expectSound(path);
    expectContent(path, model);
  });

  it('that QEMU left behind unclosed is repaired', () => {
    const path = fresh('dirty.qcow2');
    qemuImg('create', '-q', '-f', 'qcow2', '-o', 'lazy_refcounts=on', path, String(size));
    // sigraise ends it before it brings the refcounts to the file.
    spawnSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 5 0 1M', '-c', 'flush', '-c', `sigraise 9`, path], { timeout: 30_000 });
    const before = spawnSync('qemu-img', ['check', '-f', 'qcow2', path], { encoding: 'utf8' });
    expect(before.status).not.toBe(0);
    const model = new Uint8Array(size).fill(5, 0, 1 << 20);
    const device = open(path);
    scribble(device, model, 11);
    device.close();
    expectSound(path);
    expectContent(path, model);
  });

  it.each([
    ['zstd', ['-o', 'compression_type=zstd'], 'zstd'],
    ['subclusters', ['-o', 'extended_l2=on'], 'subclusters'],
    ['another data file', ['-o', `data_file=${join(folder, 'data.raw')}`], 'another file'],
  ])('with %s is refused with a sentence', (_, args, word) => {
    const path = fresh('refused.qcow2');
    qemuImg('create', '-q', '-f', 'qcow2', ...args, path, String(size));
    expect(() => open(path)).toThrow(word);
    expect(fs.readdirSync(folder).filter((name) => name.includes('lock'))).toEqual([]);
  });
});

/** An image of qemu-img with compressed clusters, which a snapshot has too; sector n holds the version n + 1. */
function sharedImage(): Uint8Array {
  const raw = fresh('stamped.raw');
  fs.writeFileSync(raw, Buffer.concat(Array.from({ length: 256 }, (_, index) => stamped(index + 1))));
  const path = fresh('shared.qcow2');
  qemuImg('convert', '-c', '-f', 'raw', '-O', 'qcow2', '-o', 'cluster_size=4096', raw, path);
  qemuImg('snapshot', '-c', 'then', path);
  return new Uint8Array(fs.readFileSync(path));
}

describe.skipIf(!hasQemuImg)('an image with a snapshot and compressed clusters', () => {
  it('is consistent and holds what was flushed, whenever process or host end', () => {
    const wrong = crashEverywhere({
      content: sharedImage(),
      initial: (sector) => sector + 1,
      open: (file, readOnly) => new Qcow2Device(file, readOnly),
      sectors: Array.from({ length: 40 }, (_, index) => (index * 13) % 256),
      writes: 60,
      seed: 3,
      ended: (file) => {
        const path = fresh('ended.qcow2');
        const content = new Uint8Array(file.length);
        file.read(0, content);
        fs.writeFileSync(path, content);
        expectSound(path);
      },
    });
    expect(wrong).toEqual([]);
  });

  it('that is damaged is refused or served, and nothing else', () => {
    const content = sharedImage();
    const header = readHeader(new MemoryFile(content));
    const { refused, served } = fuzz(content, [header.l1Offset, header.refcountTableOffset, header.snapshotsOffset], 800, 2);
    expect(refused).toBeGreaterThan(100);
    expect(served).toBeGreaterThan(100);
  });
});
