import { describe, expect, it } from 'vitest';
import { addedDrives, changeOf, emptyRow, roomRefusal, rowOf, wholeOrder, type DriveRow } from './drive-rows.ts';

const disk = rowOf({
  kind: 'disk',
  file: 'disk.qcow2',
  format: 'qcow2',
  readOnly: false,
  place: 'Primary master',
  bytes: 1,
  problem: null,
});
const file = { kind: 'path' as const, path: '/x.iso' };
const cdrom: DriveRow = { kind: 'cdrom', name: 'x.iso', bytes: 2, readOnly: true, from: { file, converted: false } };

describe('a list of drives that is changed', () => {
  it('keeps what the machine has, and brings what is new', () => {
    expect([disk, cdrom, emptyRow(4)].map(changeOf)).toEqual([
      { keep: 'disk.qcow2', readOnly: false },
      { kind: 'cdrom', file },
      { kind: 'disk', emptyBytes: 4 << 20 },
    ]);
    expect(changeOf({ ...disk, readOnly: true })).toEqual({ keep: 'disk.qcow2', readOnly: true });
  });

  it('gives a new machine what it does not start from', () => {
    expect(addedDrives([{ ...emptyRow(4), fixed: true }, cdrom])).toEqual([{ kind: 'cdrom', file }]);
  });

  it('has room for two floppies, and four others', () => {
    const floppy: DriveRow = { ...cdrom, kind: 'floppy' };
    expect(roomRefusal([floppy], 'floppy')).toBeUndefined();
    expect(roomRefusal([floppy, floppy], 'floppy')).toMatch(/two floppy/);
    expect(roomRefusal([floppy, floppy], 'disk')).toBeUndefined();
    expect(roomRefusal([disk, disk, cdrom], 'cdrom')).toBeUndefined();
    expect(roomRefusal([disk, disk, cdrom, disk], 'disk')).toMatch(/four/);
  });

  it('tries every kind, the chosen ones first', () => {
    expect(wholeOrder(null)).toEqual(['floppy', 'cdrom', 'disk']);
    expect(wholeOrder(['disk'])).toEqual(['disk', 'floppy', 'cdrom']);
  });
});
