/** Damages images, and files that notice when a damaged image makes us do too much. */
import { StorageError } from '../block-device.ts';
import { Qcow2Device } from '../qcow2.ts';
import { sequence } from './crash.ts';
import { MemoryFile } from './memory-file.ts';

/** No honest small image needs more. */
const mostCalls = 200_000;
const mostBytes = 64 << 20;

/** Throws what is no StorageError when an image makes us read for ever, or write far outside. */
class BoundedFile extends MemoryFile {
  #calls = 0;

  override read(offset: number, into: Uint8Array): void {
    if (++this.#calls > mostCalls) throw new Error('reads for ever');
    if (!Number.isSafeInteger(offset) || offset < 0) throw new Error(`reads at ${offset}`);
    if (into.length > mostBytes) throw new Error(`reads ${into.length} bytes at once`);
    super.read(offset, into);
  }

  override write(offset: number, from: Uint8Array): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new Error(`writes at ${offset}`);
    if (offset + from.length > mostBytes) throw new StorageError('no-space', 'The file may not grow further.');
    super.write(offset, from);
  }
}

/** Overwrites a few fields: of the header most often, of the tables at `tables`, or anywhere. */
function damage(content: Uint8Array, tables: readonly number[], random: (below: number) => number): Uint8Array {
  const damaged = new Uint8Array(content);
  const view = new DataView(damaged.buffer);
  for (let count = 1 + random(4); count > 0; count--) {
    const start = [0, tables[random(tables.length)] ?? 0, random(content.length / 512) * 512][random(3)] ?? 0;
    const at = Math.min(start + random(16) * (start === 0 ? 8 : 8 * (1 + random(4))), content.length - 8);
    const value = [
      0n,
      1n,
      2n ** 63n,
      2n ** 62n,
      2n ** 64n - 1n,
      BigInt(random(64)) << 12n,
      (BigInt(random(64)) << 12n) | (1n << 63n),
      BigInt(random(2 ** 32)),
    ];
    if (random(3) === 0) view.setUint32(at + 4 * random(2), Number((value[random(8)] ?? 0n) & 0xffffffffn));
    else view.setBigUint64(at, value[random(8)] ?? 0n);
  }
  return damaged;
}

/** Opens damaged images, reads and writes all of them, and returns how many were refused. Throws what is no StorageError. */
export function fuzz(
  content: Uint8Array,
  tables: readonly number[],
  runs: number,
  seed: number,
): { refused: number; served: number } {
  const random = sequence(seed);
  const result = { refused: 0, served: 0 };
  for (let run = 0; run < runs; run++) {
    const file = new BoundedFile(damage(content, tables, random));
    try {
      const device = new Qcow2Device(file, random(3) === 0);
      const part = new Uint8Array(Math.min(device.bytes, 4096));
      for (let place = 0; place < 64; place++) {
        const offset = random(Math.max(1, Math.min(device.bytes - part.length, 1 << 20) / 512)) * 512;
        if (device.readOnly || random(2) === 0) device.read(offset, part);
        else device.write(offset, part);
      }
      device.close();
      result.served++;
    } catch (error) {
      if (!(error instanceof StorageError))
        throw new Error(`Damaged image ${run} of seed ${seed}: ${String(error)}`, { cause: error });
      result.refused++;
    }
  }
  return result;
}
