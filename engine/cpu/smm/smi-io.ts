/**
 * The I/O instruction from which a vCPU's SMI came, noted while it runs: the save state describes it (SDM vol. 3, 31.7; APM vol. 2, 10.2.4), and I/O
 * instruction restart leads back to it.
 */
import { Reg, Seg } from '../../isa/state.ts';
import type { Cpu } from '../core.ts';

/** One vCPU each; the machine keeps them in a saved block. `width` 0: nothing is noted. */
export interface SmiIo {
  readonly width: Uint8Array;
  /** See IoKind. */
  readonly kind: Uint8Array;
  readonly port: Uint16Array;
  /** Linear address of a string's element. */
  readonly address: Uint32Array;
  readonly eip: Uint32Array;
  readonly ecx: Uint32Array;
  readonly esi: Uint32Array;
  readonly edi: Uint32Array;
}

/** Bits of SmiIo.kind. */
export const IoKind = { input: 1, immediate: 2, string: 4, repeated: 8, address32: 16 } as const;

const longestInstruction = 15;
const prefixes = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
const segmentOf: Readonly<Record<number, Seg>> = {
  0x26: Seg.es,
  0x2e: Seg.cs,
  0x36: Seg.ss,
  0x3e: Seg.ds,
  0x64: Seg.fs,
  0x65: Seg.gs,
};
const big = 1 << 14;

/** The running instruction has raised an SMI by an access to a port. */
export function noteSmiIo(cpu: Cpu, io: SmiIo, number: number, port: number, width: number): void {
  const { state } = cpu;
  const eip = cpu.executor.instructionPointer?.();
  if (eip === undefined) return;
  const start = (state.segmentBase(Seg.cs) + eip) >>> 0;
  let kind = (state.segmentRights(Seg.cs) & big) !== 0 ? IoKind.address32 : 0;
  let segment = Seg.ds;
  for (let at = 0; at < longestInstruction; at++) {
    const byte = cpu.access.read((start + at) >>> 0, 1);
    if (prefixes.has(byte)) {
      if (byte === 0x67) kind ^= IoKind.address32;
      else if (byte === 0xf2 || byte === 0xf3) kind |= IoKind.repeated;
      else segment = segmentOf[byte] ?? segment;
      continue;
    }
    // IN and OUT: E4-E7 with a number, EC-EF with DX; INS and OUTS: 6C-6F. Bit 1 is the direction.
    const isString = byte >= 0x6c && byte <= 0x6f;
    if (isString) kind |= IoKind.string;
    else kind &= ~IoKind.repeated;
    if (byte < 0xe8 && !isString) kind |= IoKind.immediate;
    if ((byte & 2) === 0) kind |= IoKind.input;
    break;
  }
  const index = state.register((kind & IoKind.input) !== 0 ? Reg.edi : Reg.esi);
  const offset = (kind & IoKind.address32) !== 0 ? index : index & 0xffff;
  const base = state.segmentBase((kind & IoKind.input) !== 0 ? Seg.es : segment);
  io.width[number] = width;
  io.kind[number] = kind;
  io.port[number] = port;
  io.address[number] = (kind & IoKind.string) !== 0 ? (base + offset) >>> 0 : 0;
  io.eip[number] = eip;
  io.ecx[number] = state.register(Reg.ecx);
  io.esi[number] = state.register(Reg.esi);
  io.edi[number] = state.register(Reg.edi);
}

/** The I/O state field of the SDM (table 31-6): valid, length, type, port. */
export function intelIoState(width: number, kind: number, port: number): number {
  if (width === 0) return 0;
  const isInput = (kind & IoKind.input) !== 0 ? 1 : 0;
  const form = (kind & IoKind.string) !== 0 ? ((kind & IoKind.repeated) !== 0 ? 6 : 2) : (kind & IoKind.immediate) !== 0 ? 8 : 0;
  return ((port << 16) | ((form | isInput) << 4) | (width << 1) | 1) >>> 0;
}

/** The SMM I/O trap doubleword of the APM (figure 10-6): type, valid, string, repeat, size, address size, port. */
export function amdIoState(width: number, kind: number, port: number): number {
  if (width === 0) return 0;
  let value = 2 | (width << 4) | ((kind & IoKind.address32) !== 0 ? 1 << 8 : 1 << 7);
  if ((kind & IoKind.input) !== 0) value |= 1;
  if ((kind & IoKind.string) !== 0) value |= 4;
  if ((kind & IoKind.repeated) !== 0) value |= 8;
  return (value | (port << 16)) >>> 0;
}
