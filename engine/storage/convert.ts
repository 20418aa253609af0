/** Copies a disk of any format into a new qcow2 image. */
import fs from 'node:fs';
import type { BlockDevice } from './block-device.ts';
import { openHostFile } from './image-file.ts';
import { createQcow2 } from './qcow2-create.ts';
import { Qcow2Device } from './qcow2.ts';

/** Read at once, and between two looks at whether to go on. */
const pieceBytes = 1 << 20;
/** What is zero in this unit takes no room: a cluster of the new image. */
const unitBytes = 65536;

/**
 * Makes `path`, where nothing may be yet, a qcow2 image with the content of `source`, which stays open. What is zero takes no room. `advance` hears of the bytes
 * of the disk that are done; between pieces the thread is given away, so that a main thread stays responsive. What `advance` throws ends
 * the copy. Throws StorageError as well; nothing is left then.
 */
export async function convertToQcow2(source: BlockDevice, path: string, advance: (bytes: number) => void): Promise<void> {
  createQcow2(path, { bytes: source.bytes, clusterBytes: unitBytes });
  try {
    const target = new Qcow2Device(openHostFile(path, true), false);
    try {
      const piece = Buffer.alloc(pieceBytes);
      const zeros = Buffer.alloc(unitBytes);
      for (let offset = 0; offset < source.bytes; offset += pieceBytes) {
        const part = piece.subarray(0, Math.min(pieceBytes, source.bytes - offset));
        source.read(offset, part);
        for (let at = 0; at < part.length; at += unitBytes) {
          const unit = part.subarray(at, at + unitBytes);
          if (!unit.equals(unit.length === unitBytes ? zeros : zeros.subarray(0, unit.length))) target.write(offset + at, unit);
        }
        advance(part.length);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    } finally {
      target.close();
    }
  } catch (error) {
    fs.rmSync(path, { force: true });
    throw error;
  }
}
