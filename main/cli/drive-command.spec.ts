import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeEngine, temporaryFolder } from '../host/testing/fake-engine.ts';
import { fakeCommandLine } from './testing/fake-command-line.ts';

async function open() {
  const folder = await temporaryFolder(onTestFinished);
  const line = await fakeCommandLine(folder, fakeEngine());
  const iso = join(folder, 'tools.iso');
  await writeFile(iso, new Uint8Array(4096));
  await line.call('create', 'Box', '--blank', '4M');
  return { ...line, iso };
}

describe('vitrine drives', () => {
  it('shows what is in them', async () => {
    const { call } = await open();
    expect(await call('drives', 'box')).toEqual({
      status: 0,
      err: '',
      out: 'PLACE           KIND  SIZE   FORMAT    IMAGE\nPrimary master  disk  4 MiB  qcow2     disk.qcow2\nBoot order: floppy, cdrom, disk (the usual one).\n',
    });
  });

  it('puts images in and takes them out, and says what firmware tries', async () => {
    const { call, iso } = await open();
    const { out, status } = await call(
      'drives',
      'box',
      '--add-cdrom',
      iso,
      '--add-blank',
      '1M',
      '--boot-order',
      'cdrom',
      '--json',
    );
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      drives: [{ file: 'disk.qcow2' }, { file: 'tools.iso', place: 'Secondary master' }, { file: '2-disk.qcow2' }],
      bootOrder: ['cdrom'],
    });
    expect((await call('drives', 'box', '--remove', 'disk.qcow2', '--remove', '2-disk.qcow2', '--boot-order', 'usual')).out).toBe(
      'PLACE             KIND   SIZE   FORMAT             IMAGE\nSecondary master  cdrom  4 KiB  raw     read-only  tools.iso\nBoot order: floppy, cdrom, disk (the usual one).\n',
    );
    await call('drives', 'box', '--remove', 'tools.iso');
    expect((await call('drives', 'box')).out).toMatch(/^There is nothing in its drives\.\n/);
  });

  it.each([
    [['--remove', 'other.img'], 2, 'box has no drive with other.img.'],
    [['--boot-order', 'disk,tape'], 2, '--boot-order is a list of floppy, cdrom, disk, or "usual", not disk,tape.'],
    [['--boot-order', 'disk,disk'], 2, 'Each kind of drive is named once in the boot order.'],
    [['--add-blank', '0'], 2, ''],
  ])('refuses %j and changes nothing', async (words, status, sentence) => {
    const { call } = await open();
    const before = await call('drives', 'box');
    const refused = await call('drives', 'box', ...words);
    expect(refused).toMatchObject({ status, out: '', err: expect.stringContaining(sentence) as string });
    expect(await call('drives', 'box')).toEqual(before);
  });
});
