/**
 * The Bochs display interface ("DISPI"): linear modes of up to 2560×1600 pixels by ten 16-bit registers behind an index port and a data
 * port. Sources: Bochs VBE display API, version B0C5; QEMU, "stdvga" specification.
 *
 * As in Bochs, a value that cannot be had is refused: the register keeps what it held. A program sees that by reading it back. As in QEMU,
 * widths are multiples of 8 and a virtual width below the visible one is taken for that.
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import type { PortHandler, Width } from '../../machine/bus.ts';
import { planeAddresses } from './registers.ts';

/** Index port. Data is at the next port, where Bochs has it, and, aligned, at the one after. */
export const dispiPort = 0x1ce;
export const dispiPortCount = 3;

export const enum DispiIndex {
  id = 0,
  width = 1,
  height = 2,
  depth = 3,
  enable = 4,
  bank = 5,
  virtualWidth = 6,
  virtualHeight = 7,
  xOffset = 8,
  yOffset = 9,
  videoMemory64K = 10,
}

export const enum DispiEnable {
  enabled = 1 << 0,
  /** Width, height and depth read as the largest there are. */
  getCapabilities = 1 << 1,
  /** The DAC's components have 8 bits instead of 6. */
  dac8 = 1 << 5,
  linearFrameBuffer = 1 << 6,
  noClearMemory = 1 << 7,
}

const oldestId = 0xb0c0;
const newestId = 0xb0c5;
const largestWidth = 2560;
const largestHeight = 1600;
const largestDepth = 32;
const bankBytes = 0x10000;
/** Bits a pixel by depth; of a 15-bit pixel the highest bit is not used. */
const bitsByDepth: ReadonlyMap<number, LinearMode['bits']> = new Map([
  [4, 4],
  [8, 8],
  [15, 16],
  [16, 16],
  [24, 24],
  [32, 32],
]);

export const dispiBlock = defineBlock('vga.dispi', 1, {
  /** By DispiIndex, as last written and accepted. */
  registers: array('u16', 16),
  index: scalar('u16'),
});

export type DispiRegisters = ReturnType<typeof dispiBlock.at>;

/** A mode of the display interface, wholly inside video memory. */
export interface LinearMode {
  width: number;
  height: number;
  depth: number;
  /** Bits a pixel takes in memory; with 4, the VGA's planes, whose bytes lie side by side in video memory. */
  bits: 4 | 8 | 16 | 24 | 32;
  /** Bytes from the start of video memory to the top left pixel, and from each line to the next. */
  start: number;
  pitch: number;
  /** The DAC has 8 bits a component. */
  dac8: boolean;
}

/** The mode that is on, or undefined while the display interface is off and the VGA's own registers count. */
export function linearMode({ registers }: DispiRegisters, vramBytes: number): LinearMode | undefined {
  return ((registers[DispiIndex.enable] ?? 0) & DispiEnable.enabled) === 0 ? undefined : describe(registers, vramBytes);
}

/** The mode that the registers describe, or undefined when they ask for more than there is. */
function describe(registers: Uint16Array, vramBytes: number): LinearMode | undefined {
  const at = (index: DispiIndex) => registers[index] ?? 0;
  const depth = at(DispiIndex.depth);
  const bits = bitsByDepth.get(depth);
  const width = at(DispiIndex.width);
  const height = at(DispiIndex.height);
  if (bits === undefined || width === 0 || width % 8 !== 0 || width > largestWidth || height === 0 || height > largestHeight) return undefined;
  const pitch = (at(DispiIndex.virtualWidth) * bits) / 8;
  // Planes cannot be panned by less than the eight pixels of a byte.
  const x = bits === 4 ? at(DispiIndex.xOffset) & ~7 : at(DispiIndex.xOffset);
  const start = at(DispiIndex.yOffset) * pitch + (x * bits) / 8;
  const room = bits === 4 ? 4 * planeAddresses : vramBytes;
  if (at(DispiIndex.virtualWidth) < width || start + (height - 1) * pitch + (width * bits) / 8 > room) return undefined;
  return { width, height, depth, bits, start, pitch, dac8: (at(DispiIndex.enable) & DispiEnable.dac8) !== 0 };
}

export interface DispiHooks {
  /** What is shown changed. */
  changed(): void;
  /** Video memory was written. */
  written(offset: number, bytes: number): void;
  /** The DAC has 8 bits a component from now on, or 6. */
  dacWidthChanged(eight: boolean): void;
}

/** The ports. Accesses are 16 bits wide; others read as ones and write nothing, but for 32 bits at the index port, which are both. */
export class Dispi implements PortHandler {
  private readonly values: Uint16Array;

  constructor(
    readonly registers: DispiRegisters,
    private readonly vram: Uint8Array<SharedArrayBuffer>,
    private readonly hooks: DispiHooks,
  ) {
    this.values = registers.registers;
  }

  reset(): void {
    this.registers.index = 0;
    this.values.fill(0);
    this.values[DispiIndex.id] = newestId;
    this.values[DispiIndex.depth] = 8;
  }

  /** The mode that is on. */
  get mode(): LinearMode | undefined {
    return linearMode(this.registers, this.vram.length);
  }

  get dac8(): boolean {
    return (this.at(DispiIndex.enable) & DispiEnable.dac8) !== 0;
  }

  /** Offset in video memory that 0xA0000 shows, or -1 while the window is the VGA's: with the interface off, and with planes. */
  windowStart(): number {
    const { values } = this;
    if (((values[DispiIndex.enable] ?? 0) & DispiEnable.enabled) === 0 || values[DispiIndex.depth] === 4) return -1;
    return (values[DispiIndex.bank] ?? 0) * bankBytes;
  }

  read(port: number, width: Width): number {
    return this.peek(port, width);
  }

  peek(port: number, width: Width): number {
    if (width === 4 && port === dispiPort) return this.registers.index + this.value() * 0x10000;
    if (width !== 2) return width === 1 ? 0xff : 0xffff_ffff;
    return port === dispiPort ? this.registers.index : this.value();
  }

  write(port: number, width: Width, value: number): void {
    if (width === 4 && port === dispiPort) {
      this.registers.index = value & 0xffff;
      this.store(this.registers.index, value >>> 16);
    } else if (width === 2) {
      if (port === dispiPort) this.registers.index = value;
      else this.store(this.registers.index, value);
    }
  }

  /** A register without the index port, as the adapter's memory-mapped registers have it. */
  register(index: number): number {
    return this.value(index);
  }

  setRegister(index: number, value: number): void {
    this.store(index, value);
  }

  private at(index: DispiIndex): number {
    return this.values[index] ?? 0;
  }

  private value(index = this.registers.index): number {
    const capabilities = (this.at(DispiIndex.enable) & DispiEnable.getCapabilities) !== 0;
    switch (index) {
      case DispiIndex.width:
        return capabilities ? largestWidth : this.at(index);
      case DispiIndex.height:
        return capabilities ? largestHeight : this.at(index);
      case DispiIndex.depth:
        return capabilities ? largestDepth : this.at(index);
      case DispiIndex.virtualHeight: {
        const mode = this.mode;
        if (mode === undefined) return 0;
        return Math.min(0xffff, Math.floor((mode.bits === 4 ? 4 * planeAddresses : this.vram.length) / mode.pitch));
      }
      case DispiIndex.videoMemory64K:
        return Math.floor(this.vram.length / bankBytes);
      default:
        return index < DispiIndex.videoMemory64K ? this.at(index) : 0;
    }
  }

  private store(index: number, value: number): void {
    const enabled = (this.at(DispiIndex.enable) & DispiEnable.enabled) !== 0;
    switch (index) {
      case DispiIndex.id:
        if (value >= oldestId && value <= newestId) this.values[index] = value;
        return;
      case DispiIndex.width:
        if (!enabled && value <= largestWidth) this.values[index] = value;
        return;
      case DispiIndex.height:
        if (!enabled && value <= largestHeight) this.values[index] = value;
        return;
      case DispiIndex.depth:
        if (!enabled && bitsByDepth.has(value)) this.values[index] = value;
        return;
      case DispiIndex.enable:
        this.enable(value);
        return;
      case DispiIndex.bank:
        if ((value + 1) * bankBytes <= this.vram.length) this.values[index] = value;
        return;
      case DispiIndex.virtualWidth:
        if (enabled) this.change({ [index]: Math.max(value & ~7, this.at(DispiIndex.width)) });
        return;
      case DispiIndex.xOffset:
      case DispiIndex.yOffset:
        if (enabled) this.change({ [index]: value });
        return;
    }
  }

  /** Takes the values as one when the mode with them can be shown, else none of them. */
  private change(values: Readonly<Record<number, number>>): boolean {
    const after = this.values.slice();
    for (const [index, value] of Object.entries(values)) after[Number(index)] = value;
    if (describe(after, this.vram.length) === undefined) return false;
    this.values.set(after);
    this.hooks.changed();
    return true;
  }

  private enable(value: number): void {
    const before = this.at(DispiIndex.enable);
    const known =
      DispiEnable.enabled | DispiEnable.getCapabilities | DispiEnable.dac8 | DispiEnable.linearFrameBuffer | DispiEnable.noClearMemory;
    let after = value & known;
    if ((after & ~before & DispiEnable.enabled) !== 0) {
      const width = this.at(DispiIndex.width) & ~7;
      const begins = {
        [DispiIndex.width]: width,
        [DispiIndex.virtualWidth]: width,
        [DispiIndex.xOffset]: 0,
        [DispiIndex.yOffset]: 0,
        [DispiIndex.bank]: 0,
      };
      if (!this.change(begins)) after &= ~DispiEnable.enabled;
    }
    // Without a mode the palette has the VGA's 6 bits.
    if ((after & DispiEnable.enabled) === 0) after &= ~DispiEnable.dac8;
    this.values[DispiIndex.enable] = after;
    const mode = this.mode;
    if (mode !== undefined && (before & DispiEnable.enabled) === 0 && (after & DispiEnable.noClearMemory) === 0) {
      this.vram.fill(0, 0, mode.pitch * mode.height);
      this.hooks.written(0, mode.pitch * mode.height);
    }
    if (((before ^ after) & DispiEnable.dac8) !== 0) this.hooks.dacWidthChanged((after & DispiEnable.dac8) !== 0);
    if (before !== after) this.hooks.changed();
  }
}
