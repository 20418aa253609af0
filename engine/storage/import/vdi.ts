/**
 * Disks of VirtualBox, read: VDI version 1.1, dynamic and fixed. A table says for each block of the disk (1 MiB usually) where it is in the file.
 */
import { sectorBytes } from '../block-device.ts';
import type { ImageFile } from '../image-file.ts';
import { damaged, mostDiskBytes, ReadOnlyDisk, safeNumber, unsupported, viewOf } from './read-only-disk.ts';

/** Places in the header, little-endian, by the names of VirtualBox's VDICore.h. */
const field = {
  signature: 64,
  version: 68,
  type: 76,
  blocksOffset: 340,
  dataOffset: 344,
  sectorBytes: 360,
  diskBytes: 368,
  blockBytes: 376,
  extraBytes: 380,
  blocks: 384,
} as const;
const headerBytes = 400;
const signature = 0xbeda107f;
const version11 = 0x00010001;
const types: Readonly<Record<number, string>> = { 1: 'dynamic', 2: 'fixed', 3: 'undo', 4: 'differencing' };
/** Entries of the table for blocks that are not in the file: never written; discarded. Both read as zeros. */
const absent = 0xfffffffe;
const mostBlockBytes = 64 << 20;

export function isVdi(file: ImageFile): boolean {
  return file.length >= headerBytes && viewOf(file, field.signature, 4, 'the signature').getUint32(0, true) === signature;
}

/** Throws StorageError 'wrong-format', 'unsupported' or 'corrupt'; the file stays the caller's then, and is the disk's else. */
export class VdiDisk extends ReadOnlyDisk {
  readonly bytes: number;
  /** `dynamic` or `fixed`. */
  readonly kind: string;
  readonly #blockBytes: number;
  /** From a block's beginning to its data. */
  readonly #extraBytes: number;
  readonly #dataOffset: number;
  readonly #table: DataView;

  constructor(private readonly file: ImageFile) {
    super(file.path, [file]);
    const { path } = file;
    const header = viewOf(file, 0, headerBytes, 'the header');
    const word = (at: number): number => header.getUint32(at, true);
    if (word(field.signature) !== signature) throw damaged(path, 'it has no VDI header');
    if (word(field.version) !== version11) {
      throw unsupported(
        path,
        `it has VDI version ${word(field.version) >>> 16}.${word(field.version) & 0xffff}; 1.1 can be read`,
      );
    }
    this.kind = types[word(field.type)] ?? `of type ${word(field.type)}`;
    if (this.kind !== 'dynamic' && this.kind !== 'fixed') {
      throw unsupported(
        path,
        `it is ${this.kind === 'undo' ? 'an' : 'a'} ${this.kind} image, which needs another one; merge them in VirtualBox first`,
      );
    }
    if (word(field.sectorBytes) !== sectorBytes) throw unsupported(path, `its sectors have ${word(field.sectorBytes)} bytes`);
    this.bytes = safeNumber(path, header.getBigUint64(field.diskBytes, true), 'its size');
    if (this.bytes === 0 || this.bytes % sectorBytes !== 0) throw damaged(path, `its disk has ${this.bytes} bytes`);
    if (this.bytes > mostDiskBytes)
      throw unsupported(path, `its disk has ${this.bytes} bytes; at most ${mostDiskBytes} can be used`);
    this.#blockBytes = word(field.blockBytes);
    this.#extraBytes = word(field.extraBytes);
    this.#dataOffset = word(field.dataOffset);
    const blocks = word(field.blocks);
    const sound = this.#blockBytes >= sectorBytes && this.#blockBytes <= mostBlockBytes && this.#blockBytes % sectorBytes === 0;
    if (!sound || this.#extraBytes > mostBlockBytes) throw damaged(path, `its blocks have ${this.#blockBytes} bytes`);
    if (blocks * this.#blockBytes < this.bytes) throw damaged(path, `${blocks} blocks do not make up its disk`);
    this.#table = viewOf(file, word(field.blocksOffset), blocks * 4, 'the table of blocks');
  }

  protected fill(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const block = Math.floor((offset + done) / this.#blockBytes);
      const inside = (offset + done) % this.#blockBytes;
      const part = into.subarray(done, done + Math.min(into.length - done, this.#blockBytes - inside));
      const entry = this.#table.getUint32(block * 4, true);
      if (entry >= absent) part.fill(0);
      else {
        const at = this.#dataOffset + entry * (this.#blockBytes + this.#extraBytes) + this.#extraBytes + inside;
        if (at >= this.file.length) throw damaged(this.path, `block ${block} is said to be at ${at}, behind the file's end`);
        this.file.read(at, part);
      }
      done += part.length;
    }
  }
}
