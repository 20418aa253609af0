import { createRequire } from 'node:module';
import type * as Iced from 'iced-x86';
import type { DisassembledLine } from './assembler.ts';

const require = createRequire(import.meta.url);
let library: typeof Iced | undefined;

/**
 * Bytes as instructions in NASM's syntax, one after the other from `origin`. Bytes that are no instruction come as `db`, one
 * at a time.
 */
export function disassemble(bytes: Uint8Array, bits: 16 | 32, origin: number): DisassembledLine[] {
  // A WebAssembly module of 2 MB: most commands never need it, and it would cost each of them a tenth of a second.
  library ??= require('iced-x86') as typeof Iced;
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax } = library;
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Nasm);
  const lines: DisassembledLine[] = [];
  try {
    decoder.ip = BigInt(origin);
    formatter.hexPrefix = '0x';
    formatter.hexSuffix = '';
    formatter.uppercaseHex = false;
    while (decoder.canDecode) {
      const start = decoder.position;
      const instruction = decoder.decode();
      try {
        const length = instruction.isInvalid ? 1 : instruction.length;
        const own = bytes.slice(start, start + length);
        const text = instruction.isInvalid ? `db 0x${(own[0] ?? 0).toString(16).padStart(2, '0')}` : formatter.format(instruction);
        lines.push({ address: (origin + start) % 2 ** 32, bytes: own, text });
        decoder.position = start + length;
        decoder.ip = BigInt(origin + start + length);
      } finally {
        instruction.free();
      }
    }
    return lines;
  } finally {
    formatter.free();
    decoder.free();
  }
}
