import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createQcow2 } from '../../engine/storage/qcow2-create.ts';
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
  await host.create({ name: 'Box', source: { kind: 'drives', drives: [{ kind: 'disk', emptyBytes: 4 * MEBIBYTE }] } });
  const files = () => readdir(join(options.library, 'box'));
  const drives = async () => (await host.drives('box')).drives.map(({ kind, file, place }) => `${kind} ${file} ${place}`);
  return { folder, host, options, put, files, drives };
}

describe('the drives of a machine', () => {
  it('are listed with their places, sizes and formats', async () => {
    const { host } = await open();
    expect(await host.drives('box')).toEqual({
      drives: [
        {
          kind: 'disk',
          file: 'disk.qcow2',
          format: 'qcow2',
          readOnly: false,
          place: 'Primary master',
          bytes: 4 * MEBIBYTE,
          problem: null,
        },
      ],
      bootOrder: null,
    });
  });

  it('can be added to, kept and taken out; an image that goes stays in the folder', async () => {
    const { host, put, files, drives } = await open();
    const cdrom = await put('tools.iso', new Uint8Array(4096).fill(7));
    const change = [
      { keep: 'disk.qcow2' },
      { kind: 'cdrom' as const, file: cdrom },
      { kind: 'disk' as const, emptyBytes: MEBIBYTE },
    ];
    await host.configureDrives('box', { drives: change, bootOrder: ['cdrom', 'disk'] });
    expect(await drives()).toEqual([
      'disk disk.qcow2 Primary master',
      'cdrom tools.iso Secondary master',
      'disk 2-disk.qcow2 Primary slave',
    ]);
    expect((await host.drives('box')).bootOrder).toEqual(['cdrom', 'disk']);
    expect(await files()).toEqual(expect.arrayContaining(['disk.qcow2', '2-disk.qcow2', 'tools.iso']));
    await host.configureDrives('box', { drives: [{ keep: 'tools.iso' }] });
    expect(await drives()).toEqual(['cdrom tools.iso Secondary master']);
    expect(await files()).toEqual(expect.arrayContaining(['disk.qcow2', '2-disk.qcow2']));
    await host.configureDrives('box', { drives: [], bootOrder: null });
    expect(await host.drives('box')).toEqual({ drives: [], bootOrder: null });
  });

  it('can be write-protected, and writable again', async () => {
    const { host, options } = await open();
    const stored = async () =>
      JSON.parse(await readFile(join(options.library, 'box', 'machine.json'), 'utf8')) as { drives: unknown };
    await host.configureDrives('box', { drives: [{ keep: 'disk.qcow2', readOnly: true }] });
    expect((await stored()).drives).toEqual([{ kind: 'disk', file: 'disk.qcow2', format: 'qcow2', readOnly: true }]);
    await host.configureDrives('box', { drives: [{ keep: 'disk.qcow2' }] });
    expect((await host.drives('box')).drives[0]?.readOnly).toBe(true);
    await host.configureDrives('box', { drives: [{ keep: 'disk.qcow2', readOnly: false }] });
    expect((await stored()).drives).toEqual([{ kind: 'disk', file: 'disk.qcow2', format: 'qcow2' }]);
  });

  it('tell what is wrong with an image that cannot be looked at', async () => {
    const { host, options } = await open();
    await writeFile(join(options.library, 'box', 'disk.qcow2'), 'no image');
    expect((await host.drives('box')).drives[0]).toMatchObject({
      bytes: null,
      problem: expect.stringMatching(/disk\.qcow2/) as string,
    });
  });

  it.each([
    [
      'more than there is room for',
      (file: { kind: 'path'; path: string }) => Array.from({ length: 5 }, () => ({ kind: 'cdrom' as const, file })),
      /room for 4/,
    ],
    ['one that it does not have', () => [{ keep: 'other.img' }], /no drive with other\.img/],
    ['the same one twice', () => [{ keep: 'disk.qcow2' }, { keep: 'disk.qcow2' }], /no drive with disk\.qcow2/],
    [
      'an image that is not there',
      () => [{ kind: 'disk' as const, file: { kind: 'path' as const, path: '/no/such.img' } }],
      /does not exist/,
    ],
    [
      'a file that is no such medium',
      (file: { kind: 'path'; path: string }) => [{ kind: 'floppy' as const, file }],
      /a floppy has at least/,
    ],
  ])('refuse %s, and stay as they are', async (_what, change, why) => {
    const { host, put, files, drives } = await open();
    const file = await put('some.iso', new Uint8Array(2048));
    const before = await files();
    await expect(host.configureDrives('box', { drives: change(file) })).rejects.toThrow(why);
    expect(await drives()).toEqual(['disk disk.qcow2 Primary master']);
    expect(await files()).toEqual(before);
  });

  it('are changed only while the machine is off', async () => {
    const { host } = await open();
    await host.create({ name: 'Source', source: { kind: 'assembly-text', text: 'hlt' } });
    await host.start('source', true);
    await expect(host.configureDrives('source', { drives: [] })).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('refuse an image that has another behind it, which a copy would miss', async () => {
    const { folder, host } = await open();
    await writeFile(join(folder, 'base.img'), new Uint8Array(MEBIBYTE));
    const path = join(folder, 'overlay.qcow2');
    createQcow2(path, { bytes: MEBIBYTE, backing: { name: 'base.img', format: 'raw' } });
    await expect(host.configureDrives('box', { drives: [{ kind: 'disk', file: { kind: 'path', path } }] })).rejects.toThrow(
      /behind it/,
    );
  });

  it('leave nothing of a copy that is cancelled', async () => {
    const { host, put, files, drives } = await open();
    const file = await put('large.img', new Uint8Array(24 * MEBIBYTE));
    const before = await files();
    const done = host.configureDrives('box', { drives: [{ keep: 'disk.qcow2' }, { kind: 'disk', file }] });
    const refused = expect(done).rejects.toMatchObject({ code: 'BAD_INPUT' });
    for await (const tasks of host.tasks.watch()) {
      const [task] = tasks;
      if (task === undefined) continue;
      host.tasks.cancel(task.id);
      break;
    }
    await refused;
    expect(await drives()).toEqual(['disk disk.qcow2 Primary master']);
    expect(await files()).toEqual(before);
  });

  it('can come with a new machine, whatever it starts from', async () => {
    const { host, put } = await open();
    const cdrom = await put('tools.iso', new Uint8Array(2048));
    await host.create({
      name: 'Source',
      source: { kind: 'assembly-text', text: 'hlt' },
      drives: [
        { kind: 'cdrom', file: cdrom },
        { kind: 'disk', emptyBytes: MEBIBYTE },
      ],
      bootOrder: ['cdrom'],
    });
    expect(await host.drives('source')).toMatchObject({
      drives: [
        { file: 'tools.iso', place: 'Secondary master' },
        { file: 'disk.qcow2', place: 'Primary master' },
      ],
      bootOrder: ['cdrom'],
    });
  });
});
