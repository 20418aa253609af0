/**
 * An oracle for translations: what the manual says (Intel SDM vol. 3, chapter 4), for one byte at a time and as plainly as it can be said.
 * It shares no code with the engine. Reads only; 32-bit paging with and without PSE, PAE with and without NX, and no paging.
 */

export interface OraclePaging {
  paging: boolean;
  pae: boolean;
  pse: boolean;
  nx: boolean;
  cr3: bigint;
  /** The four pointer entries that the processor holds in PAE mode. */
  pointers: bigint[];
}

/** The guest-physical address, or the error code of the page fault that a read at CPL 3 (`user`) or below has. */
export type OracleAnswer = { physical: bigint } | { fault: number };

export function oracleRead(
  mode: OraclePaging,
  byteAt: (physical: bigint) => number,
  linear: bigint,
  user: boolean,
): OracleAnswer {
  if (!mode.paging) return { physical: linear };

  const word = (at: bigint, bytes: number): bigint => {
    let value = 0n;
    for (let index = bytes - 1; index >= 0; index--) value = value * 256n + BigInt(byteAt(at + BigInt(index)));
    return value;
  };
  const isSet = (value: bigint, bit: number): boolean => (value / 2n ** BigInt(bit)) % 2n === 1n;
  const bits = (value: bigint, high: number, low: number): bigint => (value / 2n ** BigInt(low)) % 2n ** BigInt(high - low + 1);

  const notPresent: OracleAnswer = { fault: user ? 4 : 0 };
  const refused: OracleAnswer = { fault: (user ? 4 : 0) + 1 };
  const reserved: OracleAnswer = { fault: (user ? 4 : 0) + 1 + 8 };

  if (!mode.pae) {
    const directoryEntry = word(bits(mode.cr3, 31, 12) * 4096n + bits(linear, 31, 22) * 4n, 4);
    if (!isSet(directoryEntry, 0)) return notPresent;
    if (mode.pse && isSet(directoryEntry, 7)) {
      if (bits(directoryEntry, 21, 17) !== 0n) return reserved;
      if (user && !isSet(directoryEntry, 2)) return refused;
      return {
        physical: bits(directoryEntry, 16, 13) * 2n ** 32n + bits(directoryEntry, 31, 22) * 2n ** 22n + bits(linear, 21, 0),
      };
    }
    const tableEntry = word(bits(directoryEntry, 31, 12) * 4096n + bits(linear, 21, 12) * 4n, 4);
    if (!isSet(tableEntry, 0)) return notPresent;
    if (user && !(isSet(directoryEntry, 2) && isSet(tableEntry, 2))) return refused;
    return { physical: bits(tableEntry, 31, 12) * 4096n + bits(linear, 11, 0) };
  }

  const pointer = mode.pointers[Number(bits(linear, 31, 30))] ?? 0n;
  if (!isSet(pointer, 0)) return notPresent;
  const isBad = (entry: bigint): boolean => bits(entry, 62, 36) !== 0n || (isSet(entry, 63) && !mode.nx);
  const directoryEntry = word(bits(pointer, 35, 12) * 4096n + bits(linear, 29, 21) * 8n, 8);
  if (!isSet(directoryEntry, 0)) return notPresent;
  if (isBad(directoryEntry)) return reserved;
  if (isSet(directoryEntry, 7)) {
    if (bits(directoryEntry, 20, 13) !== 0n) return reserved;
    if (user && !isSet(directoryEntry, 2)) return refused;
    return { physical: bits(directoryEntry, 35, 21) * 2n ** 21n + bits(linear, 20, 0) };
  }
  const tableEntry = word(bits(directoryEntry, 35, 12) * 4096n + bits(linear, 20, 12) * 8n, 8);
  if (!isSet(tableEntry, 0)) return notPresent;
  if (isBad(tableEntry)) return reserved;
  if (user && !(isSet(directoryEntry, 2) && isSet(tableEntry, 2))) return refused;
  return { physical: bits(tableEntry, 35, 12) * 4096n + bits(linear, 11, 0) };
}
