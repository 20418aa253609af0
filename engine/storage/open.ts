/** Opens disk images of any format that is handled, with the chain of backing files behind them. */
import fs from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { StorageError, type BlockDevice } from './block-device.ts';
import { openHostFile, type ImageFile } from './image-file.ts';
import { lockImage, type ImageLock } from './image-lock.ts';
import { isQcow2, readHeader } from './qcow2-header.ts';
import { Qcow2Device } from './qcow2.ts';
import { RawDevice } from './raw.ts';

/** A format that can be used. Kept in machine.json for each disk. */
export type ImageFormat = 'raw' | 'qcow2';

export interface OpenOptions {
  /** For people, in the sentence of whoever finds the image locked: `machine lantern`. */
  readonly owner: string;
  readonly readOnly: boolean;
  /**
   * What the image is. `detect` goes by the first bytes, and takes what has no known ones for raw only with `allowRaw`: a guest
   * can write any first bytes into its raw disk, and would then be read as what it pretends to be. So detect once, when the user
   * adds the image, and keep the answer.
   */
  readonly format: ImageFormat | 'detect';
  readonly allowRaw?: boolean;
  /**
   * Whether an image may have this file behind it: an absolute path without symbolic links. Without it none may: the name is in
   * the image, and images come from strangers.
   */
  readonly mayOpenBacking?: (path: string) => boolean;
}

/** Files of the longest chain, the image itself included. */
const longestChain = 16;

/** Formats that are known by their first bytes and not handled, with what to say about them. */
const foreign: readonly { readonly at: number; readonly bytes: readonly number[]; readonly what: string }[] = [
  { at: 0, bytes: [0x4b, 0x44, 0x4d, 0x56], what: 'a VMDK image' },
  { at: 0, bytes: [...Buffer.from('# Disk DescriptorFile')], what: 'a VMDK descriptor' },
  { at: 0x40, bytes: [0x7f, 0x10, 0xda, 0xbe], what: 'a VDI image' },
  { at: 0, bytes: [...Buffer.from('conectix')], what: 'a VHD image' },
  { at: 0, bytes: [...Buffer.from('vhdxfile')], what: 'a VHDX image' },
  { at: 0, bytes: [...Buffer.from('QED\0')], what: 'a QED image' },
  { at: 257, bytes: [...Buffer.from('ustar')], what: 'an archive (an OVA appliance, perhaps)' },
];

/** What a file's first bytes say, or undefined. Throws StorageError 'wrong-format' for formats that are not handled. */
export function detectFormat(file: ImageFile): ImageFormat | undefined {
  if (isQcow2(file)) return 'qcow2';
  const start = new Uint8Array(512);
  file.read(0, start);
  const found = foreign.find(({ at, bytes }) => bytes.every((byte, index) => start[at + index] === byte));
  if (!found) return undefined;
  throw new StorageError(
    'wrong-format',
    `${file.path} is ${found.what}; raw and qcow2 images can be used (\`vitrine create\` converts VMDK, VDI and OVA; \`qemu-img convert -O qcow2\` makes one of any).`,
  );
}

/** A disk image that is open. */
export interface OpenImage {
  readonly device: BlockDevice;
  readonly format: ImageFormat;
  /** All files of the chain, the image first, without symbolic links. */
  readonly files: readonly string[];
}

/**
 * Opens and locks an image and what stands behind it; closing the device gives all of it back. Throws StorageError, and nothing
 * stays open or locked then.
 */
export function openImage(path: string, options: OpenOptions): OpenImage {
  const files: string[] = [];
  const { device, format } = openLink(path, options.format, options, files);
  return { device, format, files };
}

/** The file's path without symbolic links: by it policy, cycles and locks go. */
function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch (error) {
    throw new StorageError('unreachable', `${path} cannot be opened: there is no such file, or the way to it is closed.`, {
      cause: error,
    });
  }
}

function openLink(
  path: string,
  wanted: ImageFormat | 'detect',
  options: OpenOptions,
  files: string[],
): { device: BlockDevice; format: ImageFormat } {
  const real = realPath(path);
  const image = files[0] ?? real;
  if (files.includes(real))
    throw new StorageError('backing', `${image} cannot be opened: its backing files lead back to ${real}.`);
  if (files.length >= longestChain)
    throw new StorageError('backing', `${image} cannot be opened: more than ${longestChain - 1} backing files stand behind it.`);
  files.push(real);
  // Only the first image is ever written.
  const readOnly = options.readOnly || files.length > 1;
  const open: { lock?: ImageLock; file?: ImageFile; backing?: BlockDevice } = {};
  try {
    // Looked at before it is locked: a lock beside a folder or a device helps nobody.
    open.file = openHostFile(real, !readOnly);
    open.lock = lockImage(real, !readOnly, options.owner);
    const format = decideFormat(open.file, wanted, options.allowRaw === true);
    if (format === 'raw') return { device: locked(new RawDevice(open.file, readOnly), open.lock), format };
    open.backing = openBacking(open.file, options, files);
    return { device: locked(new Qcow2Device(open.file, readOnly, open.backing), open.lock), format };
  } catch (error) {
    open.backing?.close();
    open.file?.close();
    open.lock?.release();
    throw error;
  }
}

function decideFormat(file: ImageFile, wanted: ImageFormat | 'detect', allowRaw: boolean): ImageFormat {
  if (wanted === 'raw') return 'raw';
  const found = detectFormat(file);
  if (found === 'qcow2') return 'qcow2';
  if (wanted === 'qcow2') throw new StorageError('wrong-format', `${file.path} is to be a qcow2 image and is none.`);
  if (allowRaw) return 'raw';
  throw new StorageError('wrong-format', `${file.path} has no format that is known; if it is a raw image, say so.`);
}

function openBacking(file: ImageFile, options: OpenOptions, files: string[]): BlockDevice | undefined {
  const { backing } = readHeader(file);
  if (!backing) return undefined;
  const { name } = backing;
  if (/^[a-z][a-z0-9+.-]+:/i.test(name)) {
    throw new StorageError('backing', `${file.path} has "${name}" behind it; only plain files are opened.`);
  }
  const path = realPath(isAbsolute(name) ? name : resolve(dirname(file.path), name));
  if (options.mayOpenBacking?.(path) !== true) {
    throw new StorageError(
      'backing',
      `${file.path} has ${path} behind it, which this machine may not open. Add that file to the machine, or copy the image in one file (\`qemu-img convert\`).`,
    );
  }
  return openLink(path, backingFormat(file.path, path, backing.format), options, files).device;
}

/** A format that is not given is not guessed: what stands behind may have been some guest's raw disk once. */
function backingFormat(image: string, path: string, format: string | undefined): ImageFormat {
  if (format === 'raw' || format === 'qcow2') return format;
  if (format !== undefined)
    throw new StorageError('backing', `${image} has a backing file of format "${format}"; raw and qcow2 can be used.`);
  throw new StorageError(
    'backing',
    `${image} does not say what format ${path}, its backing file, has; say it with \`qemu-img rebase -u -F\`.`,
  );
}

/** The device, which gives the lock back when it is closed. */
function locked(device: BlockDevice, lock: ImageLock): BlockDevice {
  return {
    bytes: device.bytes,
    readOnly: device.readOnly,
    read: (offset, into) => device.read(offset, into),
    write: (offset, from) => device.write(offset, from),
    flush: () => device.flush(),
    close: () => {
      try {
        device.close();
      } finally {
        lock.release();
      }
    },
  };
}
