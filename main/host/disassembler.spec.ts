import { describe, expect, it } from 'vitest';
import { disassemble } from './disassembler.ts';

describe('disassembly', () => {
  it('is in NASM’s syntax, with addresses from the origin', () => {
    const lines = disassemble(new Uint8Array([0xb8, 0x34, 0x12, 0xeb, 0xfb]), 16, 0x7c00);
    expect(lines.map(({ address, text }) => [address, text])).toEqual([
      [0x7c00, 'mov ax,0x1234'],
      [0x7c03, 'jmp short 0x7c00'],
    ]);
  });

  it('depends on the code size', () => {
    expect(disassemble(new Uint8Array([0xb8, 1, 0, 0, 0]), 32, 0).map(({ text }) => text)).toEqual(['mov eax,1']);
  });

  it('shows bytes that are no instruction, or only the beginning of one, as data', () => {
    const lines = disassemble(new Uint8Array([0x0f, 0xff, 0x90, 0xb8, 0x01]), 32, 0);
    expect(lines.map(({ bytes }) => bytes.length).reduce((sum, length) => sum + length, 0)).toBe(5);
    expect(lines.at(-1)?.text).toMatch(/^(db|add)/);
    expect(disassemble(new Uint8Array([0x0f]), 16, 0).map(({ text }) => text)).toEqual(['db 0x0f']);
  });
});
