import type { PortHandler, Width } from '../machine/bus.ts';

/** A chip whose registers are one byte wide, one per port. */
export interface ByteRegisters {
  /** The result is 0-255. A port that has no register reads 0xFF. */
  read(port: number): number;
  write(port: number, value: number): void;
  /** As `read`, without side effects. */
  peek(port: number): number;
}

function assemble(port: number, width: Width, byteAt: (port: number) => number): number {
  let value = 0;
  for (let index = width - 1; index >= 0; index--) value = value * 256 + (byteAt(port + index) & 0xff);
  return value;
}

/**
 * Makes the port handler of an 8-bit ISA chip: wider accesses become byte accesses to consecutive ports, lowest first,
 * as the bus controller of the PC does for 8-bit devices (ICH9 datasheet, section 5.5, "LPC I/O cycles").
 */
export function bytePorts(registers: ByteRegisters): PortHandler {
  return {
    read(port, width) {
      if (width === 1) return registers.read(port) & 0xff;
      let value = 0;
      for (let index = 0; index < width; index++) value += (registers.read(port + index) & 0xff) * 2 ** (8 * index);
      return value;
    },
    write(port, width, value) {
      for (let index = 0; index < width; index++) registers.write(port + index, (value >>> (8 * index)) & 0xff);
    },
    peek: (port, width) => assemble(port, width, (at) => registers.peek(at)),
  };
}
