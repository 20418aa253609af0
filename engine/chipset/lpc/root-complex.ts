import { array, defineBlock } from '../../layout/block.ts';
import type { Bus, MmioHandler, Width } from '../../machine/bus.ts';
import { RootComplex } from './registers.ts';

/** The part of the root complex block that has registers here. */
const first = 0x3100;
const end = 0x3200;

const rootComplexBlock = defineBlock('lpc.rootComplex', 1, { bytes: array('u8', end - first) });

/** [offset, bytes, value at reset, writable bits] */
const registers: readonly (readonly [number, number, number, number])[] = [
  [0x3100, 4, 0x0324_3200, 0x0fff_ff00], // D31IP
  [0x3104, 4, 0x0000_0000, 0x0000_0000], // D30IP
  [0x3108, 4, 0x1000_4321, 0xf000_ffff], // D29IP
  [0x310c, 4, 0x0021_4321, 0x00ff_ffff], // D28IP
  [0x3110, 4, 0x0000_0001, 0x0000_000f], // D27IP
  [0x3114, 4, 0x3000_0321, 0xf000_0fff], // D26IP
  [0x3118, 4, 0x0000_0001, 0x0000_000f], // D25IP
  [0x3140, 2, 0x3210, 0x7777], // D31IR
  [0x3142, 2, 0x3210, 0x7777], // D30IR
  [0x3144, 2, 0x3210, 0x7777], // D29IR
  [0x3146, 2, 0x3210, 0x7777], // D28IR
  [0x3148, 2, 0x3210, 0x7777], // D27IR
  [0x314c, 2, 0x3210, 0x7777], // D26IR
  [0x3150, 2, 0x3210, 0x7777], // D25IR
];

/** DxxIR of devices 31 to 25. */
const routes = [0x3140, 0x3142, 0x3144, 0x3146, 0x3148, 0x314c, 0x3150];

/** The root complex register block of the ICH9 (chapter 10): interrupt pins and routes of devices 25-31. All else reads zero. */
export class RootComplexRegisters {
  readonly handler: MmioHandler;
  private readonly bytes: Uint8Array;
  private readonly initial = new Uint8Array(end - first);
  private readonly writable = new Uint8Array(end - first);

  constructor(bus: Bus, onRouteChange: () => void) {
    this.bytes = bus.block(rootComplexBlock).bytes;
    for (const [offset, size, value, writable] of registers) {
      for (let index = 0; index < size; index++) {
        this.initial[offset - first + index] = (value >>> (8 * index)) & 0xff;
        this.writable[offset - first + index] = (writable >>> (8 * index)) & 0xff;
      }
    }
    this.handler = {
      read: (offset, width) => this.read(offset, width),
      peek: (offset, width) => this.read(offset, width),
      write: (offset, width, value) => {
        for (let index = 0; index < width; index++) {
          const at = offset + index - first;
          const mask = this.writable[at] ?? 0;
          if (mask !== 0) this.bytes[at] = ((this.bytes[at] ?? 0) & ~mask) | ((value >>> (8 * index)) & mask);
        }
        onRouteChange();
      },
    };
  }

  reset(): void {
    this.bytes.set(this.initial);
  }

  private read(offset: number, width: Width): number {
    let value = 0;
    for (let index = 0; index < width; index++) value += (this.bytes[offset + index - first] ?? 0) * 2 ** (8 * index);
    return value;
  }

  /** PIRQ (0-7, A-H) of pin 1-4 of device 25-31. */
  pirq(device: number, pin: number): number {
    const register = routes[31 - device] ?? RootComplex.interruptRoute31;
    return (this.read(register, 2) >> (4 * (pin - 1))) & 7;
  }
}
