import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { archive, OVF, sparseVmdk, vdi } from '../../engine/storage/import/testing/images.ts';
import { openImage } from '../../engine/storage/open.ts';
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
  /** The first byte of a MiB of a machine's disk. */
  const byteOf = (machine: string, image: string, mebibyte: number): number | undefined => {
    const { device } = openImage(join(options.library, machine, image), { owner: 'test', readOnly: true, format: 'qcow2' });
    const sector = new Uint8Array(512);
    device.read(mebibyte * MEBIBYTE, sector);
    device.close();
    return sector[0];
  };
  return { folder, host, options, put, byteOf };
}

const appliance = (text = OVF): Uint8Array =>
  archive({ 'box.ovf': text, 'box-disk1.vmdk': sparseVmdk(4 * MEBIBYTE, new Map([[16, new Uint8Array(65536).fill(7)]])) });

describe('a disk that another program made', () => {
  it('is said to be converted before, and is a qcow2 image in the machine’s folder then', async () => {
    const { host, options, put, byteOf } = await open();
    const file = await put('Box.vdi', vdi(4 * MEBIBYTE, new Map([[2, 5]])));
    expect(await host.inspectImage(file)).toMatchObject({
      drive: 'disk',
      description: 'Hard disk, 4 MiB (VDI image, dynamic).',
      imports: { name: null, cpus: null, disks: [{ name: 'Box.qcow2', bytes: 4 * MEBIBYTE }], warnings: [] },
    });
    const machine = await host.create({ source: { kind: 'image', file } });
    expect(machine).toMatchObject({ id: 'box', boot: { kind: 'drives', file: 'Box.qcow2' } });
    expect((await readdir(join(options.library, 'box'))).sort()).toEqual(['Box.qcow2', 'machine.json']);
    expect([byteOf('box', 'Box.qcow2', 2), byteOf('box', 'Box.qcow2', 3)]).toEqual([5, 0]);
  });

  it('can be one of several drives, and is refused where it should be linked', async () => {
    const { host, put, byteOf } = await open();
    const one = await put('a.vdi', vdi(MEBIBYTE, new Map([[0, 1]])));
    const two = await put('b.vmdk', sparseVmdk(MEBIBYTE, new Map([[0, new Uint8Array(65536).fill(2)]])));
    await host.create({
      name: 'Two',
      source: {
        kind: 'drives',
        drives: [
          { kind: 'disk', file: one },
          { kind: 'disk', file: two },
        ],
      },
    });
    expect([byteOf('two', 'a.qcow2', 0), byteOf('two', 'b.qcow2', 0)]).toEqual([1, 2]);
    await expect(host.create({ source: { kind: 'image', file: one, link: true } })).rejects.toThrow(
      'is converted, so it cannot be used where it is',
    );
  });

  it('in parts is put together from its folder, and refused from elsewhere', async () => {
    const { host, put, byteOf } = await open();
    await put('flat.bin', new Uint8Array(MEBIBYTE).fill(9));
    const text = new TextEncoder().encode(
      '# Disk DescriptorFile\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "flat.bin" 0\n',
    );
    const file = await put('parts.vmdk', text);
    await host.create({ source: { kind: 'image', file } });
    expect(byteOf('parts', 'parts.qcow2', 0)).toBe(9);
    await expect(host.inspectImage({ kind: 'bytes', name: 'parts.vmdk', bytes: text })).rejects.toThrow(
      'its content is in another file, flat.bin',
    );
  });

  it('leaves nothing behind when it turns out to be damaged', async () => {
    const { host, options, put } = await open();
    const image = vdi(4 * MEBIBYTE, new Map([[3, 5]]));
    new DataView(image.buffer).setUint32(512 + 4, 4000, true);
    const file = await put('Box.vdi', image);
    await expect(host.create({ source: { kind: 'image', file } })).rejects.toMatchObject({ code: 'BAD_IMAGE' });
    expect((await readdir(options.library)).filter((name) => !name.startsWith('.') || name.startsWith('.staging'))).toEqual([
      'hello',
    ]);
  });
});

describe('an appliance', () => {
  it('says what becomes of it, and what is left out', async () => {
    const { host, put } = await open();
    const report = await host.inspectImage(await put('box.ova', appliance()));
    expect(report).toMatchObject({ drive: 'disk', memoryProposed: 512 * MEBIBYTE, imports: { name: 'box', cpus: 2 } });
    expect(report.description).toBe('Appliance with 2 hard disks of 4 MiB, 8192 MiB (OVA).');
    expect(report.imports?.warnings.join(' ')).toMatch(/EFI firmware.*network card is left out.*sound card/);
  });

  it('becomes a machine with its processors, memory and disks', async () => {
    const { host, put, byteOf } = await open();
    const machine = await host.create({ source: { kind: 'image', file: await put('box.ova', appliance()) } });
    expect(machine).toMatchObject({ name: 'box', cpus: 2, memoryBytes: 512 * MEBIBYTE, disks: 2 });
    expect([byteOf('box', 'box-disk1.qcow2', 1), byteOf('box', 'empty-1.qcow2', 0)]).toEqual([7, 0]);
  });

  it('is refused when it is damaged, with the reason', async () => {
    const { host, put } = await open();
    const file = await put('box.ova', archive({ 'box.ovf': OVF }));
    await expect(host.inspectImage(file)).rejects.toThrow('does not hold the disk box-disk1.vmdk that it describes');
  });
});
