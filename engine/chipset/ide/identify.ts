/** The 256 words of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA/ATAPI-6, 8.15 and 8.16). */
import { mostMultiple } from './registers.ts';
import type { DeviceState } from './state.ts';

export interface Geometry {
  cylinders: number;
  heads: number;
  sectorsPerTrack: number;
}

const words = 256;
/** Most that CHS and 28-bit addresses reach. */
const lastCylinders = 16_383;
const lastLba28 = 0x0fff_ffff;

/** The translation that a disk of so many sectors proposes: 16 heads of 63 sectors unless it is smaller than a cylinder of these. */
export function geometryOf(sectors: number): Geometry {
  const [heads, sectorsPerTrack] = sectors < 16 * 63 ? [1, Math.min(63, sectors)] : [16, 63];
  return { cylinders: Math.min(lastCylinders, Math.floor(sectors / (heads * sectorsPerTrack))), heads, sectorsPerTrack };
}

class Words {
  constructor(private readonly buffer: Uint8Array) {
    buffer.fill(0, 0, 2 * words);
  }

  set(word: number, value: number): void {
    this.buffer[2 * word] = value & 0xff;
    this.buffer[2 * word + 1] = (value >>> 8) & 0xff;
  }

  set32(word: number, value: number): void {
    this.set(word, value & 0xffff);
    this.set(word + 1, Math.floor(value / 0x1_0000) & 0xffff);
  }

  /** Characters stand the other way round in each word; the rest is blanks. */
  text(word: number, count: number, text: string): void {
    const padded = text.padEnd(2 * count).slice(0, 2 * count);
    for (let index = 0; index < count; index++) {
      this.set(word + index, (padded.charCodeAt(2 * index) << 8) | padded.charCodeAt(2 * index + 1));
    }
  }

  /** Word 255: the sum of all bytes is zero. */
  seal(): void {
    this.set(255, 0xa5);
    let sum = 0;
    for (const byte of this.buffer.subarray(0, 2 * words)) sum += byte;
    this.buffer[511] = -sum & 0xff;
  }
}

/** Bit of the chosen mode in the upper byte of the word that lists modes of its kind. */
function chosen(mode: number, kind: number): number {
  return (mode & 0xf8) === kind ? 1 << (8 + (mode & 7)) : 0;
}

function common(data: Words, state: DeviceState, serial: string, model: string): void {
  data.text(10, 10, serial);
  data.text(23, 4, '1.0');
  data.text(27, 20, model);
  data.set(53, 0x0006); // words 64-70 and 88 are valid
  data.set(63, 0x0007 | chosen(state.transferMode, 0x20)); // multiword DMA 0-2
  data.set(64, 0x0003); // PIO 3 and 4
  for (const word of [65, 66, 67, 68]) data.set(word, 120); // cycle times in ns
  data.set(80, 0x007e); // ATA-1 to ATA/ATAPI-6
  data.set(88, 0x003f | chosen(state.transferMode, 0x40)); // Ultra DMA 0-5
  data.set(93, 0x6001); // device 0, 80-conductor cable
}

/** Fills the first 512 bytes of `buffer` for a disk of `sectors`. */
export function identifyDisk(buffer: Uint8Array, state: DeviceState, sectors: number, serial: string): void {
  const data = new Words(buffer);
  const geometry = geometryOf(sectors);
  common(data, state, serial, 'VITRINE HARD DISK');
  data.set(0, 0x0040);
  data.set(1, geometry.cylinders);
  data.set(3, geometry.heads);
  data.set(6, geometry.sectorsPerTrack);
  data.set(47, 0x8000 | mostMultiple);
  data.set(49, 0x0b00); // IORDY, LBA, DMA
  data.set(50, 0x4000);
  data.set(51, 0x0200);
  data.set(53, 0x0007);
  const track = state.heads * state.sectorsPerTrack;
  const cylinders = track === 0 ? 0 : Math.min(0xffff, Math.floor(sectors / track));
  data.set(54, cylinders);
  data.set(55, state.heads);
  data.set(56, state.sectorsPerTrack);
  data.set32(57, cylinders * track);
  data.set(59, state.multiple === 0 ? 0 : 0x0100 | state.multiple);
  data.set32(60, Math.min(sectors, lastLba28));
  data.set(82, 0x4060); // NOP, look-ahead, write cache
  data.set(83, 0x7400); // FLUSH CACHE (EXT), 48-bit addresses
  data.set(84, 0x4000);
  data.set(85, 0x4040 | (state.writeCache ? 0x20 : 0));
  data.set(86, 0x3400);
  data.set(87, 0x4000);
  data.set32(100, sectors % 2 ** 32);
  data.set32(102, Math.floor(sectors / 2 ** 32));
  data.seal();
}

/** The same for a CD-ROM. */
export function identifyCdrom(buffer: Uint8Array, state: DeviceState, serial: string): void {
  const data = new Words(buffer);
  common(data, state, serial, 'VITRINE CD-ROM');
  data.set(0, 0x85c0); // ATAPI, CD-ROM, removable, DRQ within 50 us, 12-byte packets
  data.set(49, 0x0b00);
  data.set(50, 0x4000);
  data.set(82, 0x4210); // NOP, DEVICE RESET, PACKET
  data.set(83, 0x4000);
  data.set(84, 0x4000);
  data.set(85, 0x4210);
  data.set(87, 0x4000);
  data.seal();
}
