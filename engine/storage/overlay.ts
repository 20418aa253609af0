/** Copy-on-write overlays: a new image that holds only what differs from the one behind it. Linked clones and runs that can be thrown away. */
import fs from 'node:fs';
import { dirname, relative } from 'node:path';
import { StorageError } from './block-device.ts';
import { openImage, type ImageFormat, type OpenOptions } from './open.ts';
import { createQcow2 } from './qcow2-create.ts';

export interface NewOverlay {
  /** The image behind it, which must not be changed as long as the overlay is used. */
  readonly base: string;
  readonly baseFormat: ImageFormat;
  /** What a backing file of the base may be, as for `openImage`. */
  readonly mayOpenBacking?: OpenOptions['mayOpenBacking'];
  /** For people, if the base is locked. */
  readonly owner: string;
  /** Names the base by its place relative to the overlay, so that both can be moved together; else absolutely. */
  readonly relative?: boolean;
}

/** Makes an overlay at `path`, where nothing may be yet, of the size of its base. Throws StorageError; nothing is left then. */
export function createOverlay(path: string, overlay: NewOverlay): void {
  const { device, files } = openImage(overlay.base, {
    owner: overlay.owner,
    readOnly: true,
    format: overlay.baseFormat,
    mayOpenBacking: overlay.mayOpenBacking,
  });
  const { bytes } = device;
  device.close();
  const base = files[0] ?? overlay.base;
  // A name with a colon at its start would be taken for a protocol.
  const name =
    overlay.relative === true
      ? `./${relative(fs.realpathSync(dirname(path)), base)
          .split('\\')
          .join('/')}`
      : base;
  if (fs.existsSync(path)) throw new StorageError('unreachable', `${path} cannot be made: there is such a file already.`);
  try {
    createQcow2(path, { bytes, backing: { name, format: overlay.baseFormat } });
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'unreachable')) fs.rmSync(path, { force: true });
    throw error;
  }
}
