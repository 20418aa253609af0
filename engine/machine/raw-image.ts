/** An image whose bytes are the medium's. Service worker. */
import { open } from 'node:fs/promises';
import type { Image } from './disk-service.ts';
import type { DriveConfiguration } from './machine.ts';

/** Throws the host's error when the file cannot be opened as asked. */
export async function openRawImage(drive: DriveConfiguration): Promise<Image> {
  const readOnly = drive.kind === 'cdrom' || drive.readOnly === true;
  const handle = await open(drive.path, readOnly ? 'r' : 'r+');
  const { size } = await handle.stat();
  return {
    bytes: size,
    readOnly,
    async read(offset, into) {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await handle.read(into, done, into.length - done, offset + done);
        if (bytesRead === 0) throw new Error(`The file ended at byte ${offset + done}; it has become shorter.`);
        done += bytesRead;
      }
    },
    async write(offset, from) {
      for (let done = 0; done < from.length; ) {
        done += (await handle.write(from, done, from.length - done, offset + done)).bytesWritten;
      }
    },
    flush: () => handle.sync(),
    close: () => handle.close(),
  };
}
