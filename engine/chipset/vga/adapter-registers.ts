/**
 * The registers of the PCI display adapter in memory, one page behind BAR 2, as QEMU's standard VGA has them (QEMU, "stdvga"
 * specification): what a driver needs that must not touch legacy ports.
 *
 *   0x000 - 0x3FF   EDID of the display; bytes beyond it read as zeros
 *   0x400 - 0x41F   ports 0x3C0-0x3DF
 *   0x500 - 0x515   registers of the display interface, 16 bits each, in order of their index
 *   0x600           size of the following area: 8
 *   0x604           byte order of the frame buffer: 0x1E1E1E1E is little-endian, the only one
 */
import { array, defineBlock } from '../../layout/block.ts';
import type { Bus, MmioHandler, Width } from '../../machine/bus.ts';
import type { Vga } from './vga.ts';

export const adapterRegisterBytes = 0x1000;
/** Room for a base block and one extension. */
export const largestEdid = 256;

const portsStart = 0x400;
const portsEnd = 0x420;
const firstPort = 0x3c0;
const dispiStart = 0x500;
const dispiEnd = 0x516;
const extensionStart = 0x600;
const extensionBytes = 8;
const littleEndian = 0x1e1e_1e1e;

const adapterBlock = defineBlock('video.edid', 1, { bytes: array('u8', largestEdid) });

export class AdapterRegisters implements MmioHandler {
  private readonly edid: Uint8Array;

  constructor(
    bus: Bus,
    private readonly vga: Pick<Vga, 'read' | 'peek' | 'write' | 'dispi'>,
  ) {
    this.edid = bus.block(adapterBlock).bytes;
  }

  /** The display that is attached from now on, or none without `bytes`. It stays through resets. Under the device lock. */
  setEdid(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined && bytes.length > largestEdid)
      throw new RangeError(`An EDID of ${bytes.length} bytes does not fit; ${largestEdid} do.`);
    this.edid.fill(0);
    if (bytes !== undefined) this.edid.set(bytes);
  }

  /** No display was ever attached. */
  get bare(): boolean {
    return this.edid.every((byte) => byte === 0);
  }

  read(offset: number, width: Width): number {
    return this.access(offset, width, (port, size) => this.vga.read(port, size));
  }

  peek(offset: number, width: Width): number {
    return this.access(offset, width, (port, size) => this.vga.peek(port, size));
  }

  write(offset: number, width: Width, value: number): void {
    if (offset >= portsStart && offset + width <= portsEnd) {
      this.vga.write(firstPort + offset - portsStart, width, value);
    } else if (offset >= dispiStart && offset < dispiEnd && offset % 2 === 0 && width >= 2) {
      this.vga.dispi.setRegister((offset - dispiStart) / 2, value & 0xffff);
      if (width === 4 && offset + 2 < dispiEnd) this.vga.dispi.setRegister((offset + 2 - dispiStart) / 2, value >>> 16);
    }
  }

  private access(offset: number, width: Width, port: (port: number, width: Width) => number): number {
    if (offset >= portsStart && offset + width <= portsEnd) return port(firstPort + offset - portsStart, width);
    let value = 0;
    for (let index = 0; index < width; index++) value += this.byte(offset + index) * 2 ** (8 * index);
    return value;
  }

  private byte(offset: number): number {
    if (offset < portsStart) return this.edid[offset] ?? 0;
    if (offset >= dispiStart && offset < dispiEnd) {
      const register = this.vga.dispi.register((offset - dispiStart) >> 1);
      return (register >> (8 * (offset & 1))) & 0xff;
    }
    const extension = offset - extensionStart;
    if (extension >= 0 && extension < 4) return (extensionBytes >>> (8 * extension)) & 0xff;
    if (extension >= 4 && extension < extensionBytes) return (littleEndian >>> (8 * (extension - 4))) & 0xff;
    return 0xff;
  }
}
