/** The window at 0xA0000: the VGA's planes, or, in a linear mode, the 64 KiB of video memory that the bank register chooses. */
import type { MmioHandler, Width } from '../../machine/bus.ts';
import type { Dispi } from './dispi.ts';
import type { VgaMemory } from './memory.ts';

const bankBytes = 0x10000;

export class BankWindow implements MmioHandler {
  constructor(
    private readonly planes: VgaMemory,
    private readonly dispi: Dispi,
    private readonly vram: Uint8Array<SharedArrayBuffer>,
    private readonly written: (offset: number, bytes: number) => void,
  ) {}

  read(offset: number, width: Width): number {
    const start = this.dispi.windowStart();
    return start < 0 ? this.planes.read(offset, width) : this.linear(start, offset, width);
  }

  peek(offset: number, width: Width): number {
    const start = this.dispi.windowStart();
    return start < 0 ? this.planes.peek(offset, width) : this.linear(start, offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    const start = this.dispi.windowStart();
    if (start < 0) {
      this.planes.write(offset, width, value);
      return;
    }
    for (let index = 0; index < width && offset + index < bankBytes; index++) this.vram[start + offset + index] = value >>> (8 * index);
    this.written(start + offset, width);
  }

  private linear(start: number, offset: number, width: Width): number {
    let value = 0;
    for (let index = 0; index < width; index++) {
      const byte = offset + index < bankBytes ? (this.vram[start + offset + index] ?? 0xff) : 0xff;
      value |= byte << (8 * index);
    }
    return value >>> 0;
  }
}
