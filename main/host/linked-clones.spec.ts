import { readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDriveImage } from '../../engine/machine/drive-image.ts';
import { nodeDisk } from './disk.ts';
import { readMachine } from './library.ts';
import { driveConfigurations } from './linking.ts';
import { fakeEngine, fakeHost, temporaryFolder } from './testing/fake-engine.ts';

const DISK_BYTES = 4 * 1024 * 1024;

async function open() {
  const folder = await temporaryFolder(onTestFinished);
  const { host, options } = await fakeHost(folder, { engine: fakeEngine() });
  onTestFinished(() => host.close());
  await host.create({ name: 'Base', source: { kind: 'drives', drives: [{ kind: 'disk', emptyBytes: DISK_BYTES }] } });
  return { host, library: options.library };
}

/** The machine's first disk as its service worker opens it. */
async function disk(library: string, id: string) {
  const machine = await readMachine(nodeDisk, library, id);
  if (!machine || 'problem' in machine) throw new Error(`${id} cannot be read.`);
  const [drive] = driveConfigurations(machine) ?? [];
  if (!drive) throw new Error(`${id} has no disk.`);
  return openDriveImage(drive, `machine ${id}`);
}

async function write(library: string, id: string, sector: number, value: number): Promise<void> {
  const device = await disk(library, id);
  device.write(sector * 512, new Uint8Array(512).fill(value));
  device.close();
}

async function read(library: string, id: string, sector: number): Promise<number | undefined> {
  const device = await disk(library, id);
  const bytes = new Uint8Array(512);
  device.read(sector * 512, bytes);
  device.close();
  return bytes[0];
}

describe('a linked clone', () => {
  it('begins as the original is, and neither sees what the other writes then', async () => {
    const { host, library } = await open();
    await write(library, 'base', 1, 11);
    const clone = await host.clone('base', 'Clone', 'linked');
    expect(clone).toMatchObject({ id: 'clone', linkedTo: ['base'], disks: 1 });
    expect(await read(library, 'clone', 1)).toBe(11);
    await write(library, 'clone', 1, 22);
    await write(library, 'base', 2, 33);
    expect(await read(library, 'base', 1)).toBe(11);
    expect(await read(library, 'clone', 1)).toBe(22);
    expect(await read(library, 'clone', 2)).toBe(0);
    expect(await read(library, 'base', 2)).toBe(33);
  });

  it('holds only what differs, and two of one state stand on one image', async () => {
    const { host, library } = await open();
    await write(library, 'base', 1, 11);
    await host.clone('base', 'One', 'linked');
    const files = (await readdir(join(library, 'base'))).filter((name) => name.endsWith('.qcow2')).sort();
    await host.clone('base', 'Two', 'linked');
    expect((await readdir(join(library, 'base'))).filter((name) => name.endsWith('.qcow2')).sort()).toEqual(files);
    await write(library, 'base', 1, 12);
    await host.clone('base', 'Three', 'linked');
    expect(await Promise.all(['one', 'two', 'three'].map((id) => read(library, id, 1)))).toEqual([11, 11, 12]);
    expect((await stat(join(library, 'two', 'disk-1.qcow2'))).size).toBeLessThan(1024 * 1024);
  });

  it('of a linked clone stands on both', async () => {
    const { host, library } = await open();
    await write(library, 'base', 1, 11);
    await host.clone('base', 'One', 'linked');
    await write(library, 'one', 2, 22);
    const second = await host.clone('one', 'Second', 'linked');
    expect(second.linkedTo).toEqual(['one', 'base']);
    expect([await read(library, 'second', 1), await read(library, 'second', 2)]).toEqual([11, 22]);
  });

  it('keeps the original’s disks from being deleted, by name, but not the machine', async () => {
    const { host, library } = await open();
    await write(library, 'base', 1, 11);
    await host.clone('base', 'One', 'linked');
    await host.clone('base', 'Two', 'linked');
    await expect(host.delete('base', 'machine-and-disks')).rejects.toThrow('The linked clones One, Two need its disks.');
    await host.delete('base', 'machine');
    expect(await read(library, 'one', 1)).toBe(11);
  });

  it('lets the original go once it is gone itself', async () => {
    const { host } = await open();
    await host.clone('base', 'One', 'linked');
    await host.delete('one', 'machine-and-disks');
    await host.delete('base', 'machine-and-disks');
    expect((await host.list()).map(({ id }) => id)).toEqual(['hello']);
  });

  it('becomes whole in a full clone, which needs nobody', async () => {
    const { host, library } = await open();
    await write(library, 'base', 1, 11);
    await host.clone('base', 'One', 'linked');
    await write(library, 'one', 2, 22);
    const full = await host.clone('one', 'Full');
    expect(full.linkedTo).toEqual([]);
    await host.delete('one', 'machine-and-disks');
    await host.delete('base', 'machine-and-disks');
    expect([await read(library, 'full', 1), await read(library, 'full', 2)]).toEqual([11, 22]);
  });

  it('is refused for a machine without a disk, and cannot be adopted from elsewhere', async () => {
    const { host, library } = await open();
    await expect(host.clone('hello', undefined, 'linked')).rejects.toThrow('has no hard disk in its folder');
    await host.clone('base', 'One', 'linked');
    const away = join(library, '..', 'away');
    await rename(join(library, 'one'), away);
    await expect(host.adopt(away)).rejects.toThrow('is a linked clone, whose disks need those of base');
  });

  it('opens no file behind its disk but of the machines it is linked to', async () => {
    const { host, library } = await open();
    await host.clone('base', 'One', 'linked');
    const path = join(library, 'one', 'machine.json');
    const file: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof file !== 'object' || file === null) throw new Error('The clone has no file.');
    await writeFile(path, JSON.stringify({ ...file, linkedTo: ['hello'] }));
    await expect(disk(library, 'one')).rejects.toThrow('which this machine may not open');
  });
});
