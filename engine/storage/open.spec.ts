import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { releaseLocksOf } from './image-lock.ts';
import { openImage, type OpenOptions } from './open.ts';
import { createOverlay } from './overlay.ts';
import { createQcow2 } from './qcow2-create.ts';
import { createRaw } from './raw.ts';

let folder: string;
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'images-')));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const options = (change: Partial<OpenOptions> = {}): OpenOptions => ({
  owner: 'machine one',
  readOnly: false,
  format: 'detect',
  mayOpenBacking: (path) => path.startsWith(folder),
  ...change,
});
const sector = (value: number) => new Uint8Array(512).fill(value);
const locks = () => fs.readdirSync(folder).filter((name) => name.includes('lock'));

describe('the format of an image', () => {
  it('is found by its first bytes, not by its name', () => {
    createQcow2(at('disk.img'), { bytes: 1 << 20 });
    const image = openImage(at('disk.img'), options());
    expect(image.format).toBe('qcow2');
    expect(image.device.bytes).toBe(1 << 20);
    image.device.close();
  });

  it('is raw only if that is allowed', () => {
    createRaw(at('disk.qcow2'), 1 << 20);
    expect(() => openImage(at('disk.qcow2'), options())).toThrow('if it is a raw image, say so');
    openImage(at('disk.qcow2'), options({ allowRaw: true })).device.close();
  });

  it('stays raw, whatever a guest wrote at its beginning', () => {
    createRaw(at('disk'), 1 << 20);
    createQcow2(at('trap'), { bytes: 1 << 20, backing: { name: '/etc/passwd', format: 'raw' } });
    const first = openImage(at('disk'), options({ format: 'raw' })).device;
    first.write(0, fs.readFileSync(at('trap')).subarray(0, 512));
    first.close();
    const again = openImage(at('disk'), options({ format: 'raw' }));
    expect(again.files).toEqual([at('disk')]);
    expect(again.device.bytes).toBe(1 << 20);
    again.device.close();
  });

  it.each([
    ['VMDK', 'KDMV', 0],
    ['VMDK', '# Disk DescriptorFile', 0],
    ['VDI', '\x7f\x10\xda\xbe', 0x40],
    ['OVA', 'ustar', 257],
  ])('%s is named and refused', (name, magic, place) => {
    const content = Buffer.alloc(1024);
    content.write(magic, place, 'latin1');
    fs.writeFileSync(at('disk'), content);
    expect(() => openImage(at('disk'), options({ allowRaw: true }))).toThrow(name);
  });

  it('promised and not found is refused', () => {
    createRaw(at('disk'), 512);
    expect(() => openImage(at('disk'), options({ format: 'qcow2' }))).toThrow('is none');
    expect(() => openImage(folder, options())).toThrow('no plain file');
    expect(() => openImage(at('absent'), options())).toThrow('no such file');
    expect(locks()).toEqual([]);
  });
});

describe('a raw image', () => {
  it('keeps what was written, and refuses what is outside or not made of sectors', () => {
    createRaw(at('disk'), 4096);
    const { device } = openImage(at('disk'), options({ format: 'raw' }));
    device.write(512, sector(3));
    expect(() => device.write(4096, sector(1))).toThrow('beyond its end');
    expect(() => device.read(100, sector(1))).toThrow('sectors of 512');
    device.close();
    expect(() => device.flush()).toThrow('is closed');
    expect(fs.readFileSync(at('disk')).subarray(512, 1024)).toEqual(Buffer.from(sector(3)));
    expect(fs.statSync(at('disk')).size).toBe(4096);
  });
});

describe('backing files', () => {
  it('are opened by their place relative to the image, and never written', () => {
    createQcow2(at('base'), { bytes: 1 << 20 });
    const base = openImage(at('base'), options()).device;
    base.write(0, sector(1));
    base.close();
    const before = fs.readFileSync(at('base'));
    fs.mkdirSync(at('clone'));
    createOverlay(at('clone/disk'), { base: at('base'), baseFormat: 'qcow2', owner: 'a test', relative: true });
    const { device, files } = openImage(at('clone/disk'), options());
    expect(files).toEqual([at('clone/disk'), at('base')]);
    device.write(512, sector(2));
    const both = new Uint8Array(1024);
    device.read(0, both);
    expect([both[0], both[512]]).toEqual([1, 2]);
    device.close();
    expect(fs.readFileSync(at('base')).equals(before)).toBe(true);
  });

  it('are opened only if the caller agrees, by their true path', () => {
    fs.symlinkSync('/etc/hostname', at('innocent'));
    createQcow2(at('disk'), { bytes: 1 << 20, backing: { name: 'innocent', format: 'raw' } });
    const asked: string[] = [];
    const mayOpenBacking = (path: string) => (asked.push(path), path.startsWith(folder));
    expect(() => openImage(at('disk'), options({ mayOpenBacking }))).toThrow('may not open');
    expect(asked).toEqual([fs.realpathSync('/etc/hostname')]);
    expect(() => openImage(at('disk'), options({ mayOpenBacking: undefined }))).toThrow('may not open');
    expect(locks()).toEqual([]);
  });

  it('that are no files are refused', () => {
    createQcow2(at('disk'), { bytes: 1 << 20, backing: { name: 'nbd://host/x', format: 'raw' } });
    expect(() => openImage(at('disk'), options())).toThrow('only plain files');
  });

  it('that lead back, or are too many, are refused', () => {
    createQcow2(at('a'), { bytes: 1 << 20, backing: { name: 'b', format: 'qcow2' } });
    createQcow2(at('b'), { bytes: 1 << 20, backing: { name: 'a', format: 'qcow2' } });
    expect(() => openImage(at('a'), options())).toThrow('lead back');
    for (let link = 0; link < 17; link++)
      createQcow2(at(`c${link}`), { bytes: 1 << 20, backing: { name: `c${link + 1}`, format: 'qcow2' } });
    createQcow2(at('c17'), { bytes: 1 << 20 });
    expect(() => openImage(at('c0'), options())).toThrow('more than 15 backing files');
    expect(locks()).toEqual([]);
  });
});

describe('the lock of an image', () => {
  beforeEach(() => createQcow2(at('disk'), { bytes: 1 << 20 }));

  it('lets one writer in and names it to the second', () => {
    const { device } = openImage(at('disk'), options());
    expect(() => openImage(at('disk'), options({ owner: 'machine two' }))).toThrow(
      `open for writing by machine one (process ${process.pid})`,
    );
    expect(() => openImage(at('disk'), options({ readOnly: true }))).toThrow('open for writing by machine one');
    device.close();
    openImage(at('disk'), options()).device.close();
    expect(locks()).toEqual([]);
  });

  it('lets many readers in and no writer beside them', () => {
    const readers = [1, 2].map(() => openImage(at('disk'), options({ readOnly: true })).device);
    expect(() => openImage(at('disk'), options())).toThrow('open for reading by machine one');
    for (const reader of readers) reader.close();
    openImage(at('disk'), options()).device.close();
  });

  it('goes by the file, not by the name it is reached by', () => {
    fs.symlinkSync(at('disk'), at('alias'));
    const { device } = openImage(at('disk'), options());
    expect(() => openImage(at('alias'), options())).toThrow('open for writing');
    device.close();
  });

  it('keeps the base of a running linked clone from being written', () => {
    createOverlay(at('clone'), { base: at('disk'), baseFormat: 'qcow2', owner: 'a test' });
    const { device } = openImage(at('clone'), options({ owner: 'the clone' }));
    expect(() => openImage(at('disk'), options())).toThrow('open for reading by the clone');
    device.close();
  });

  it('of a process that is gone counts for nothing', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const left = JSON.stringify({ pid, started: '', host: hostname(), owner: 'a ghost', nonce: 'x' });
    fs.writeFileSync(at('disk.lock'), left);
    fs.writeFileSync(at('disk.reader-x.lock'), left);
    openImage(at('disk'), options()).device.close();
    expect(locks()).toEqual([]);
  });

  it('of a thread that ended without closing is given back by its owner, and nobody else’s', () => {
    openImage(at('disk'), options({ owner: 'machine one' }));
    releaseLocksOf('machine two', [at('disk')]);
    expect(() => openImage(at('disk'), options({ owner: 'machine two' }))).toThrow('by machine one');
    releaseLocksOf('machine one', [at('disk')]);
    openImage(at('disk'), options({ owner: 'machine two' })).device.close();
    expect(locks()).toEqual([]);
  });

  it('of another host is respected', () => {
    fs.writeFileSync(
      at('disk.lock'),
      JSON.stringify({ pid: 1, started: '', host: 'elsewhere', owner: 'machine three', nonce: 'x' }),
    );
    expect(() => openImage(at('disk'), options())).toThrow('by machine three (process 1 on elsewhere)');
  });
});
