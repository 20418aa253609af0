/** The head of an ELF64 core for x86-64 (System V ABI, chapters 4 and 5): file header, program headers, notes. */
import { alignment, placeSegments, type Segment } from './segments.ts';

const fileHeaderBytes = 64;
const programHeaderBytes = 56;
const SegmentType = { load: 1, note: 4 } as const;
const typeCore = 4;
const machineX8664 = 62;
const readWriteExecute = 7;
const readable = 4;

function fileHeader(programHeaders: number): Buffer {
  const header = Buffer.alloc(fileHeaderBytes);
  // Magic, 64 bits, little-endian, version 1, System V.
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  header.writeUInt16LE(typeCore, 16);
  header.writeUInt16LE(machineX8664, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(fileHeaderBytes), 32);
  header.writeUInt16LE(fileHeaderBytes, 52);
  header.writeUInt16LE(programHeaderBytes, 54);
  header.writeUInt16LE(programHeaders, 56);
  return header;
}

function programHeader(
  type: number,
  flags: number,
  { virtual, physical, bytes, offset }: Segment,
  memoryBytes: number,
  aligned: number,
): Buffer {
  const header = Buffer.alloc(programHeaderBytes);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(flags, 4);
  for (const [index, value] of [offset, virtual, physical, bytes, memoryBytes, aligned].entries()) {
    header.writeBigUInt64LE(BigInt(value), 8 + 8 * index);
  }
  return header;
}

/** The bytes in front of the data, where each segment has its data, and the size of the whole file. */
export function coreHead(
  segments: readonly Omit<Segment, 'offset'>[],
  notes: Uint8Array,
): { head: Buffer; placed: Segment[]; fileBytes: number } {
  const notesAt = fileHeaderBytes + programHeaderBytes * (1 + segments.length);
  const { placed, end } = placeSegments(segments, notesAt + notes.length);
  const head = Buffer.concat([
    fileHeader(1 + placed.length),
    programHeader(SegmentType.note, readable, { virtual: 0, physical: 0, bytes: notes.length, offset: notesAt }, 0, 4),
    ...placed.map((segment) => programHeader(SegmentType.load, readWriteExecute, segment, segment.bytes, alignment)),
    notes,
  ]);
  return { head, placed, fileBytes: Math.max(end, head.length) };
}
