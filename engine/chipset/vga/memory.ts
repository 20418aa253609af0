/**
 * The way between the CPU and the four planes: address decoding, latches, and the read and write modes of the graphics
 * controller (PS/2 Hardware Interface Technical Reference, Video Subsystem, "Graphics Controller Registers").
 *
 *        CPU address ──► window (memory map select) ──► plane address + planes enabled
 *        CPU byte ──► rotate ──► set/reset ──► and/or/xor with latch ──► bit mask ──► map mask ──► planes
 *
 * Plane bytes lie interleaved in VRAM, so one 32-bit word is one address of all four planes and the latches too.
 */
import type { MmioHandler, Width } from '../../machine/bus.ts';
import {
  General,
  Graphics,
  GraphicsMiscellaneous,
  GraphicsMode,
  MemoryMode,
  Miscellaneous,
  Sequencer,
  planeAddresses,
} from './registers.ts';
import type { VgaRegisters } from './registers.ts';

/** First address and size of the VGA's window in guest-physical memory. */
export const vgaWindowBase = 0xa0000;
export const vgaWindowSize = 0x20000;

/** Offset of the window part that is decoded, and its size, by memory map select. */
const mapStart = new Uint32Array([0, 0, 0x10000, 0x18000]);
const mapSize = new Uint32Array([0x20000, 0x10000, 0x8000, 0x8000]);

/** Four bits, one a plane, to a byte of ones per plane. */
const expand = new Uint32Array(16);
for (let bits = 0; bits < 16; bits++) {
  for (let plane = 0; plane < 4; plane++) if (bits & (1 << plane)) expand[bits] = (expand[bits] ?? 0) | (0xff << (8 * plane));
}
const expanded = (bits: number): number => expand[bits & 15] ?? 0;

const everyPlane = (byte: number): number => Math.imul(byte, 0x01010101);

export class VgaMemory implements MmioHandler {
  private readonly bytes: Uint8Array;
  private readonly words: Uint32Array;
  // The block's arrays themselves: going through the block at each access costs more than the access.
  private readonly general: Uint8Array;
  private readonly sequencer: Uint8Array;
  private readonly graphics: Uint8Array;
  private readonly latch: Uint32Array;

  /** `vram` must be 4-byte aligned and hold at least 256 KiB. `changed` is called after a byte of any plane got another value, with its place in `vram`. */
  constructor(
    registers: VgaRegisters,
    vram: Uint8Array<SharedArrayBuffer>,
    private readonly changed: (offset: number) => void,
  ) {
    if (vram.length < 4 * planeAddresses) throw new RangeError(`a VGA needs 256 KiB of video memory, not ${vram.length} bytes`);
    this.bytes = vram;
    this.general = registers.general;
    this.sequencer = registers.sequencer;
    this.graphics = registers.graphics;
    this.latch = new Uint32Array(registers.latch.buffer, registers.latch.byteOffset, 1);
    this.words = new Uint32Array(vram.buffer, vram.byteOffset, planeAddresses);
  }

  read(offset: number, width: Width): number {
    let value = 0;
    for (let i = 0; i < width; i++) value |= this.readByte(offset + i, true) << (8 * i);
    return value >>> 0;
  }

  /** As the guest would read it, but the latches keep their content. */
  peek(offset: number, width: Width): number {
    let value = 0;
    for (let i = 0; i < width; i++) value |= this.readByte(offset + i, false) << (8 * i);
    return value >>> 0;
  }

  write(offset: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  /** Offset in the decoded part of the window, or -1 when the VGA does not answer there. */
  private decode(offset: number): number {
    if (((this.general[General.miscellaneousOutput] ?? 0) & Miscellaneous.enableRam) === 0) return -1;
    const map = ((this.graphics[Graphics.miscellaneous] ?? 0) >> GraphicsMiscellaneous.memoryMapShift) & 3;
    const address = offset - (mapStart[map] ?? 0);
    return address >= 0 && address < (mapSize[map] ?? 0) ? address : -1;
  }

  /**
   * Plane address for a decoded offset. Chained, the low bits choose the plane and are zero in the plane address; chained odd/even,
   * bit 16 takes the place of bit 0 (it is set only in the 128 KiB map).
   */
  private planeAddress(address: number): number {
    if ((this.sequencer[Sequencer.memoryMode] ?? 0) & MemoryMode.chain4) return address & 0xfffc;
    if ((this.graphics[Graphics.miscellaneous] ?? 0) & GraphicsMiscellaneous.chainOddEven) {
      return (address & 0xfffe) | ((address >> 16) & 1);
    }
    return address & 0xffff;
  }

  private readByte(offset: number, load: boolean): number {
    const address = this.decode(offset);
    if (address < 0) return 0xff;
    const { graphics, sequencer } = this;
    const word = this.words[this.planeAddress(address)] ?? 0;
    if (load) this.latch[0] = word;
    const mode = graphics[Graphics.mode] ?? 0;
    if ((mode & GraphicsMode.readMode) !== 0) {
      const care = expanded(graphics[Graphics.colourDontCare] ?? 0);
      const differs = (word ^ expanded(graphics[Graphics.colourCompare] ?? 0)) & care;
      return ~(differs | (differs >>> 8) | (differs >>> 16) | (differs >>> 24)) & 0xff;
    }
    let plane = (graphics[Graphics.readMapSelect] ?? 0) & 3;
    if ((sequencer[Sequencer.memoryMode] ?? 0) & MemoryMode.chain4) plane = address & 3;
    else if (mode & GraphicsMode.oddEven) plane = (plane & 2) | (address & 1);
    return (word >>> (8 * plane)) & 0xff;
  }

  private writeByte(offset: number, value: number): void {
    const address = this.decode(offset);
    if (address < 0) return;
    const { graphics, sequencer } = this;
    const memoryMode = sequencer[Sequencer.memoryMode] ?? 0;
    let planes = (sequencer[Sequencer.mapMask] ?? 0) & 15;
    if (memoryMode & MemoryMode.chain4) planes &= 1 << (address & 3);
    else if ((memoryMode & MemoryMode.oddEvenDisable) === 0) planes &= 5 << (address & 1);
    if (planes === 0) return;
    const index = this.planeAddress(address);

    const mode = graphics[Graphics.mode] ?? 0;
    const rotate = graphics[Graphics.dataRotate] ?? 0;
    if (
      (mode & GraphicsMode.writeMode) === 0 &&
      rotate === 0 &&
      graphics[Graphics.bitMask] === 0xff &&
      ((graphics[Graphics.enableSetReset] ?? 0) & 15) === 0
    ) {
      this.storePlain(index, planes, value);
      return;
    }
    this.store(index, expanded(planes), this.process(mode & GraphicsMode.writeMode, rotate, value));
  }

  /** The bytes of all four planes that a write leads to, before the map mask. */
  private process(writeMode: number, rotate: number, value: number): number {
    const { graphics } = this;
    const latch = this.latch[0] ?? 0;
    if (writeMode === 1) return latch;
    const count = rotate & 7;
    const rotated = ((value >>> count) | (value << (8 - count))) & 0xff;
    const setReset = expanded(graphics[Graphics.setReset] ?? 0);
    let mask = everyPlane(graphics[Graphics.bitMask] ?? 0);
    let data: number;
    if (writeMode === 0) {
      const fromSetReset = expanded(graphics[Graphics.enableSetReset] ?? 0);
      data = (everyPlane(rotated) & ~fromSetReset) | (setReset & fromSetReset);
    } else if (writeMode === 2) {
      data = expanded(value);
    } else {
      data = setReset;
      mask &= everyPlane(rotated);
    }
    switch ((rotate >> 3) & 3) {
      case 1:
        data &= latch;
        break;
      case 2:
        data |= latch;
        break;
      case 3:
        data ^= latch;
        break;
    }
    return (data & mask) | (latch & ~mask);
  }

  private store(index: number, planeMask: number, data: number): void {
    const before = this.words[index] ?? 0;
    const after = ((before & ~planeMask) | (data & planeMask)) >>> 0;
    if (after === before) return;
    this.words[index] = after;
    this.changed(4 * index);
  }

  /** A byte as it is into the planes enabled: what text and 256-colour programs do nearly always. */
  private storePlain(index: number, planes: number, value: number): void {
    if ((planes & (planes - 1)) !== 0) {
      this.store(index, expanded(planes), everyPlane(value));
      return;
    }
    const at = 4 * index + 31 - Math.clz32(planes);
    if (this.bytes[at] === value) return;
    this.bytes[at] = value;
    this.changed(at);
  }
}
