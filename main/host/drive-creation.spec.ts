import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openImage } from '../../engine/storage/open.ts';
import { createQcow2 } from '../../engine/storage/qcow2-create.ts';
import { emptyDisk } from './drive-image.ts';
import { bootFiles } from './machine-configuration.ts';
import { readMachine, type StoredMachine } from './library.ts';
import { nodeDisk } from './disk.ts';
import { parseDiskSize } from './memory-size.ts';
import { fakeHost, temporaryFolder } from './testing/fake-engine.ts';

const MEBIBYTE = 1024 * 1024;

async function open() {
  const folder = await temporaryFolder(onTestFinished);
  const { host, options } = await fakeHost(folder);
  onTestFinished(() => host.close());
  const put = async (name: string, bytes: Uint8Array): Promise<{ kind: 'path'; path: string }> => {
    await writeFile(join(folder, name), bytes);
    return { kind: 'path', path: join(folder, name) };
  };
  const stored = async (id: string): Promise<StoredMachine> => {
    const machine = await readMachine(nodeDisk, options.library, id);
    if (!machine || 'problem' in machine) throw new Error(`${id} cannot be read.`);
    return machine;
  };
  return { folder, host, options, put, stored };
}

/** An image of zeros with a signed first sector. */
function signed(bytes: number): Uint8Array {
  const image = new Uint8Array(bytes);
  image.set([0x55, 0xaa], 510);
  return image;
}

function partitioned(bytes: number, sectors: number): Uint8Array {
  const image = signed(bytes);
  const view = new DataView(image.buffer);
  view.setUint8(446 + 4, 0x0c);
  view.setUint32(446 + 8, 1, true);
  view.setUint32(446 + 12, sectors, true);
  return image;
}

function iso(bytes: number): Uint8Array {
  const image = signed(bytes);
  image.set(new TextEncoder().encode('CD001'), 16 * 2048 + 1);
  return image;
}

/** A Multiboot header where GRUB's own core image has one. */
function withMultiboot(image: Uint8Array): Uint8Array {
  const view = new DataView(image.buffer);
  [0x1badb002, 0, -0x1badb002].forEach((value, at) => view.setInt32(1024 + at * 4, value | 0, true));
  return image;
}

describe('what an image is found to be', () => {
  it.each([
    ['a floppy', signed(1_474_560), { as: null, drive: 'floppy' }],
    ['a floppy with a boot loader', withMultiboot(signed(1_474_560)), { as: null, drive: 'floppy' }],
    ['a CD-ROM that is also signed as a disk', iso(64 * 2048), { as: null, drive: 'cdrom' }],
    ['a large disk', signed(2 * MEBIBYTE), { as: null, drive: 'disk' }],
    ['a large disk with a boot loader', withMultiboot(signed(2 * MEBIBYTE)), { as: null, drive: 'disk' }],
    ['a small disk with a partition', partitioned(128 * 512, 127), { as: null, drive: 'disk' }],
    ['a boot sector whose code is no partition table', partitioned(512, 127), { as: 'boot-sector', drive: null }],
    ['a boot sector', signed(512), { as: 'boot-sector', drive: null }],
    ['a kernel', withMultiboot(new Uint8Array(MEBIBYTE)), { as: 'kernel', drive: null }],
    ['a qcow2 image', emptyDisk(64 * MEBIBYTE), { as: null, drive: 'disk', description: 'Hard disk, 64 MiB (qcow2 image).' }],
  ])('%s', async (_what, bytes, found) => {
    const { host, put } = await open();
    expect(await host.inspectImage(await put('x', bytes))).toMatchObject(found);
    expect(await host.inspectImage({ kind: 'bytes', name: 'x', bytes })).toMatchObject(found);
  });

  it('refuses a format that is not handled by its name', async () => {
    const { host } = await open();
    const bytes = new Uint8Array(4096);
    bytes.set(new TextEncoder().encode('conectix'));
    await expect(host.inspectImage({ kind: 'bytes', name: 'x.vhd', bytes })).rejects.toThrow('x.vhd is a VHD image');
  });
});

describe('a machine of drives', () => {
  it('has copies of its images, their formats, and our own firmware; the copying is a task', async () => {
    const { host, options, put, stored } = await open();
    const disk = await put('disk.img', signed(2 * MEBIBYTE));
    const cdrom = await put('disk.iso', iso(64 * 2048));
    const source = { kind: 'drives' as const, drives: [{ kind: 'disk' as const, file: disk }, { kind: 'cdrom' as const, file: cdrom }] };
    const made = await host.create({ name: 'Two', source });
    expect(made).toMatchObject({ id: 'two', boot: { kind: 'drives', file: 'disk.iso' } });
    const machine = await stored('two');
    expect(machine.file).toMatchObject({
      boot: { kind: 'own-bios' },
      drives: [
        { kind: 'disk', file: 'disk.img', format: 'raw' },
        { kind: 'cdrom', file: 'disk.iso', format: 'raw' },
      ],
    });
    expect((await readFile(join(made.folder, 'disk.img'))).equals(signed(2 * MEBIBYTE))).toBe(true);
    expect(bootFiles(machine, options.guests)).toMatchObject({ kind: 'own-bios' });
    const { value: tasks } = await host.tasks.watch().next();
    expect(tasks).toMatchObject([{ title: 'Creating Two', state: 'done', total: 2 * MEBIBYTE + 64 * 2048, done: 2 * MEBIBYTE + 64 * 2048 }]);
  });

  it('keeps calling raw a disk that the guest has made look like qcow2', async () => {
    const { host, folder, stored } = await open();
    await host.create({ name: 'Evil', source: { kind: 'image', file: { kind: 'bytes', name: 'evil.img', bytes: signed(2 * MEBIBYTE) } } });
    const machine = await stored('evil');
    // What a guest could write: a qcow2 header with a file of the host behind it.
    createQcow2(join(folder, 'header.qcow2'), { bytes: MEBIBYTE, backing: { name: '/etc/passwd', format: 'raw' } });
    const header = await readFile(join(folder, 'header.qcow2'));
    await writeFile(join(machine.folder, 'evil.img'), Buffer.concat([header, Buffer.alloc(2 * MEBIBYTE - header.length)]));
    const drives = machine.file.drives?.map(({ format }) => format);
    expect(drives).toEqual(['raw']);
    const { device } = openImage(join(machine.folder, 'evil.img'), { owner: 'the test', readOnly: true, format: 'raw' });
    expect(device.bytes).toBe(2 * MEBIBYTE);
    device.close();
  });

  it('may be linked to images, which then stay where they are', async () => {
    const { host, put, stored } = await open();
    const disk = await put('big.img', signed(2 * MEBIBYTE));
    await host.create({ name: 'Linked', source: { kind: 'drives', link: true, drives: [{ kind: 'disk', file: disk }] } });
    const machine = await stored('linked');
    expect(machine.file.drives).toEqual([{ kind: 'disk', file: disk.path, format: 'raw' }]);
    expect(await readdir(machine.folder)).toEqual(['machine.json']);
  });

  it('may be blank: an empty disk of the size asked for, in little room', async () => {
    const { host, stored } = await open();
    await host.create({ name: 'Blank', source: { kind: 'drives', drives: [{ kind: 'disk', emptyBytes: parseDiskSize('4G') }] } });
    const machine = await stored('blank');
    expect(machine.file.drives).toEqual([{ kind: 'disk', file: 'disk.qcow2', format: 'qcow2' }]);
    const path = join(machine.folder, 'disk.qcow2');
    expect((await readFile(path)).length).toBeLessThan(MEBIBYTE);
    const { device } = openImage(path, { owner: 'the test', readOnly: false, format: 'qcow2' });
    expect(device.bytes).toBe(4096 * MEBIBYTE);
    device.close();
  });

  it('is refused with a sentence, and nothing written, when an image cannot be what it is to be', async () => {
    const { host, folder, options, put } = await open();
    const before = await readdir(options.library);
    const make = (kind: 'disk' | 'floppy', file: { kind: 'path'; path: string }) => host.create({ source: { kind: 'drives', drives: [{ kind, file }] } });
    await expect(make('floppy', await put('tiny.img', signed(512)))).rejects.toThrow('a floppy has at least');
    await expect(make('disk', await put('part.img', new Uint8Array(1000)))).rejects.toThrow('ends inside a sector');
    await expect(make('disk', { kind: 'path', path: join(folder, 'none') })).rejects.toThrow('does not exist');
    createQcow2(join(folder, 'over.qcow2'), { bytes: MEBIBYTE, backing: { name: 'base.img', format: 'raw' } });
    await expect(make('disk', { kind: 'path', path: join(folder, 'over.qcow2') })).rejects.toThrow('base.img behind it');
    expect(await readdir(options.library)).toEqual(before);
  });
});

describe('the size of a disk', () => {
  it.each([['4G', 4096], ['512M', 512], ['64', 64], ['2T', 2 * MEBIBYTE], ['1.5GiB', 1536]])('%s is %i MiB', (text, mebibytes) => {
    expect(parseDiskSize(text)).toBe(mebibytes * MEBIBYTE);
  });

  it.each(['', '0', 'big', '3T', '0.5', '4K', '-1G'])('%j is refused', (text) => {
    expect(() => parseDiskSize(text)).toThrow(/disk/i);
  });
});
