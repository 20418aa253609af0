/** The images of FSTENV, FLDENV, FSAVE and FRSTOR in their four layouts (SDM vol. 1, 8.1.10, figures 8-9 to 8-12). */
import type { Cpu } from '../core.ts';
import type { Extended } from './extended.ts';
import { probe, readBits, writeBits, type Place } from './operand.ts';
import type { X87Registers } from './registers.ts';

const registerBytes = 10;
const opcodeMask = 0x7ff;
/** Unused upper halves of 32-bit images are stored as ones. */
const upperOnes = 0xffff0000;

/** Bytes of an environment with an operand size of 2 or 4. */
export const environmentBytes = (wordBytes: 2 | 4): number => 7 * wordBytes;

function words(cpu: Cpu, registers: X87Registers, wordBytes: 2 | 4): number[] {
  const { block } = cpu.state;
  const instruction = Number(block.fpuInstructionOffset & 0xffffffffn);
  const data = Number(block.fpuDataOffset & 0xffffffffn);
  const head = [registers.control, registers.status, registers.tagWord];
  if (!cpu.realSegments) {
    if (wordBytes === 2) return [...head, instruction, block.fpuInstructionSelector, data, block.fpuDataSelector];
    const selectorAndOpcode = block.fpuInstructionSelector | (block.fpuOpcode << 16);
    return [...head.map((word) => word | upperOnes), instruction, selectorAndOpcode, data, block.fpuDataSelector | upperOnes];
  }
  const linearInstruction = (16 * block.fpuInstructionSelector + instruction) >>> 0;
  const linearData = (16 * block.fpuDataSelector + data) >>> 0;
  // The bits from 16 up of an address, above its low twelve bits' place.
  const upper = (linear: number) => (linear >>> 16) << 12;
  if (wordBytes === 2)
    return [...head, linearInstruction, upper(linearInstruction) | block.fpuOpcode, linearData, upper(linearData)];
  return [
    ...head.map((word) => word | upperOnes),
    (linearInstruction & 0xffff) | upperOnes,
    upper(linearInstruction) | block.fpuOpcode,
    (linearData & 0xffff) | upperOnes,
    upper(linearData),
  ];
}

/** Stores the environment; the caller checked that it can be. */
export function storeEnvironment(cpu: Cpu, registers: X87Registers, place: Place, wordBytes: 2 | 4): void {
  const mask = wordBytes === 2 ? 0xffffn : 0xffffffffn;
  words(cpu, registers, wordBytes).forEach((word, index) => {
    writeBits(cpu, { ...place, offset: place.offset + index * wordBytes }, wordBytes, BigInt(word >>> 0) & mask);
  });
}

/** Loads it. Nothing changes if a read faults. */
export function loadEnvironment(cpu: Cpu, registers: X87Registers, place: Place, wordBytes: 2 | 4): void {
  applyEnvironment(cpu, registers, readWords(cpu, place, wordBytes), wordBytes);
}

function readWords(cpu: Cpu, place: Place, wordBytes: 2 | 4): number[] {
  return Array.from({ length: 7 }, (_, index) =>
    Number(readBits(cpu, { ...place, offset: place.offset + index * wordBytes }, wordBytes)),
  );
}

function applyEnvironment(cpu: Cpu, registers: X87Registers, image: readonly number[], wordBytes: 2 | 4): void {
  const [control = 0, status = 0, tags = 0, instruction = 0, second = 0, data = 0, last = 0] = image;
  const { block } = cpu.state;
  registers.control = control;
  registers.status = status;
  registers.tagWord = tags;
  if (cpu.realSegments) {
    const linear = (low: number, high: number) =>
      BigInt((low & 0xffff) | (((high >>> 12) & (wordBytes === 2 ? 0xf : 0xffff)) << 16)) & 0xffffffffn;
    block.fpuInstructionOffset = linear(instruction, second);
    block.fpuInstructionSelector = 0;
    block.fpuOpcode = second & opcodeMask;
    block.fpuDataOffset = linear(data, last);
    block.fpuDataSelector = 0;
    return;
  }
  block.fpuInstructionOffset = BigInt(instruction);
  block.fpuInstructionSelector = second & 0xffff;
  block.fpuOpcode = wordBytes === 4 ? (second >>> 16) & opcodeMask : 0;
  block.fpuDataOffset = BigInt(data);
  block.fpuDataSelector = last & 0xffff;
}

/** FNSAVE without its FNINIT. Nothing is stored if any of it cannot be. */
export function saveState(cpu: Cpu, registers: X87Registers, place: Place, wordBytes: 2 | 4): void {
  const start = environmentBytes(wordBytes);
  probe(cpu, place, start + 8 * registerBytes);
  storeEnvironment(cpu, registers, place, wordBytes);
  for (let index = 0; index < 8; index++) {
    writeBits(
      cpu,
      { ...place, offset: place.offset + start + index * registerBytes },
      registerBytes,
      bitsOf(registers.read(index)),
    );
  }
}

/** FRSTOR. */
export function restoreState(cpu: Cpu, registers: X87Registers, place: Place, wordBytes: 2 | 4): void {
  const start = environmentBytes(wordBytes);
  const image = readWords(cpu, place, wordBytes);
  const values = Array.from({ length: 8 }, (_, index) =>
    fromBits(readBits(cpu, { ...place, offset: place.offset + start + index * registerBytes }, registerBytes)),
  );
  applyEnvironment(cpu, registers, image, wordBytes);
  const { fpuTags } = cpu.state.block;
  values.forEach((value, index) => registers.write(index, value));
  cpu.state.block.fpuTags = fpuTags;
}

/** A register as its ten bytes in memory. */
export function bitsOf({ sign, exponent, mantissa }: Extended): bigint {
  return mantissa | (BigInt(exponent) << 64n) | (BigInt(sign) << 79n);
}
export function fromBits(bits: bigint): Extended {
  const high = Number((bits >> 64n) & 0xffffn);
  return { sign: high >>> 15 === 0 ? 0 : 1, exponent: high & 0x7fff, mantissa: BigInt.asUintN(64, bits) };
}
