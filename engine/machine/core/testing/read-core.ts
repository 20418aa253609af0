/** A reader of cores for tests, by the rules of those who read physical memory from them. */

export interface ProgramHeader {
  type: number;
  offset: number;
  virtual: number;
  physical: number;
  fileBytes: number;
  memoryBytes: number;
  alignment: number;
}

export interface CoreNote {
  name: string;
  type: number;
  description: Buffer;
}

export function readHeaders(file: Buffer): ProgramHeader[] {
  const at = Number(file.readBigUInt64LE(32));
  const size = file.readUInt16LE(54);
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const header = at + index * size;
    const field = (offset: number): number => Number(file.readBigUInt64LE(header + offset));
    return {
      type: file.readUInt32LE(header),
      offset: field(8),
      virtual: field(16),
      physical: field(24),
      fileBytes: field(32),
      memoryBytes: field(40),
      alignment: field(48),
    };
  });
}

export function readNotes(file: Buffer, headers: readonly ProgramHeader[]): CoreNote[] {
  const notes: CoreNote[] = [];
  for (const { type, offset, fileBytes } of headers) {
    if (type !== 4) continue;
    for (let at = offset; at < offset + fileBytes;) {
      const [name, description] = [file.readUInt32LE(at), file.readUInt32LE(at + 4)];
      const begin = at + 12 + Math.ceil(name / 4) * 4;
      notes.push({
        name: file.toString('latin1', at + 12, at + 12 + name - 1),
        type: file.readUInt32LE(at + 8),
        description: file.subarray(begin, begin + description),
      });
      at = begin + Math.ceil(description / 4) * 4;
    }
  }
  return notes;
}

export type PhysicalLayer = readonly (readonly [address: number, offset: number, bytes: number])[];

/**
 * The segments that Volatility 3's layer for ELF64 takes (as its source documents it): program headers in their order, PT_LOAD only, where the sizes in the
 * file and in memory are the same and not 0. It needs them sorted by physical address.
 */
export function physicalLayer(headers: readonly ProgramHeader[]): PhysicalLayer {
  return headers
    .filter(({ type, fileBytes, memoryBytes }) => type === 1 && fileBytes === memoryBytes && fileBytes > 0)
    .map(({ physical, offset, memoryBytes }) => [physical, offset, memoryBytes]);
}

/** Where in the file a physical byte is, as that layer finds it: the rightmost segment that begins at or before it, or nothing. */
export function physicalOffset(layer: PhysicalLayer, address: number): number | undefined {
  let low = 0;
  let high = layer.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((layer[middle]?.[0] ?? Infinity) <= address) low = middle + 1;
    else high = middle;
  }
  const found = layer[low - 1];
  if (found === undefined) return undefined;
  const [start, offset, bytes] = found;
  return address < start + bytes ? offset + (address - start) : undefined;
}
