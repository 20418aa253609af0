/** The snapshots kept inside a qcow2 image (docs/interop/qcow2.rst, "Snapshots"). They are never changed here, but must be known to be spared. */
import { StorageError } from './block-device.ts';
import type { ImageFile } from './image-file.ts';
import { limits, type Qcow2Header } from './qcow2-header.ts';

/** Bytes of an entry before its extra data, id and name; and where the fields used here are. */
const entryBytes = 40;
const entryField = { l1Offset: 0, l1Entries: 8, idBytes: 12, nameBytes: 14, extraBytes: 36 } as const;
/** As QEMU's limits: extra data of one entry, the table as a whole. */
const mostExtraBytes = 1024;
const mostTableBytes = 64 << 20;

export interface SnapshotTable {
  readonly bytes: number;
  /** The L1 tables of the snapshots. */
  readonly l1Tables: readonly { readonly offset: number; readonly entries: number }[];
}

/** Reads the snapshot table. Throws StorageError 'corrupt'. */
export function readSnapshots(file: ImageFile, header: Qcow2Header): SnapshotTable {
  const corrupt = (what: string) => new StorageError('corrupt', `${file.path} is damaged: ${what}.`);
  const l1Tables: { offset: number; entries: number }[] = [];
  const view = new DataView(new ArrayBuffer(entryBytes));
  let bytes = 0;
  for (let index = 0; index < header.snapshotCount; index++) {
    const place = header.snapshotsOffset + bytes;
    if (place + entryBytes > file.length || bytes > mostTableBytes)
      throw corrupt(`its snapshot table ends before snapshot ${index}`);
    file.read(place, new Uint8Array(view.buffer));
    const offset = view.getUint32(entryField.l1Offset) * 2 ** 32 + view.getUint32(entryField.l1Offset + 4);
    const entries = view.getUint32(entryField.l1Entries);
    const extra = view.getUint32(entryField.extraBytes);
    if (extra > mostExtraBytes) throw corrupt(`snapshot ${index} has ${extra} bytes of extra data`);
    if (entries * 8 > limits.l1Bytes || offset % header.clusterBytes !== 0 || offset + entries * 8 > file.length) {
      throw corrupt(`the L1 table of snapshot ${index} is not inside the file`);
    }
    l1Tables.push({ offset, entries });
    const length = entryBytes + extra + view.getUint16(entryField.idBytes) + view.getUint16(entryField.nameBytes);
    bytes += Math.ceil(length / 8) * 8;
  }
  return { bytes, l1Tables };
}
