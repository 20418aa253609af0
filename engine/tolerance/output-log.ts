/** A run of a stream's bytes, from an offset on. Values: every function gives a new one, so that a state can be kept and compared. */
export interface OutputLog {
  /** Offset in the stream of the first byte. */
  readonly start: number;
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

export function emptyLog(start: number): OutputLog {
  return { start, bytes: nothing };
}

/** Offset behind the last byte. */
export function endOf(log: OutputLog): number {
  return log.start + log.bytes.length;
}

/**
 * Adds bytes whose first has `offset` in the stream. What the log has already is left out; a piece behind a gap is refused (undefined).
 */
export function append(log: OutputLog, offset: number, bytes: Uint8Array): OutputLog | undefined {
  const end = endOf(log);
  if (offset > end) return undefined;
  const fresh = bytes.subarray(Math.min(bytes.length, end - offset));
  if (fresh.length === 0) return log;
  const joined = new Uint8Array(log.bytes.length + fresh.length);
  joined.set(log.bytes);
  joined.set(fresh, log.bytes.length);
  return { start: log.start, bytes: joined };
}

/** Forgets what lies before `offset`. */
export function trim(log: OutputLog, offset: number): OutputLog {
  if (offset <= log.start) return log;
  const dropped = Math.min(log.bytes.length, offset - log.start);
  return { start: log.start + dropped, bytes: log.bytes.slice(dropped) };
}

/** The bytes of [from, to), as far as the log has them. */
export function slice(log: OutputLog, from: number, to: number): Uint8Array {
  return log.bytes.slice(Math.max(0, from - log.start), Math.max(0, to - log.start));
}

/** The last bytes before `offset`, `most` at most: those of `log`, behind what is `known` of those before it. */
export function lastBefore(known: OutputLog, log: OutputLog, offset: number, most: number): OutputLog {
  const bytes = slice(log, log.start, offset);
  const joined = append(known, log.start, bytes) ?? { start: log.start, bytes };
  return { start: Math.max(joined.start, offset - most), bytes: slice(joined, offset - most, offset) };
}

/** Where two logs of one stream stop being equal at or behind `from`: the end of the shorter one, or the first offset that differs. */
export function agreement(one: OutputLog, other: OutputLog, from: number): { until: number; differs: boolean } {
  const end = Math.min(endOf(one), endOf(other));
  for (let at = from; at < end; at++) if (one.bytes[at - one.start] !== other.bytes[at - other.start]) return { until: at, differs: true };
  return { until: Math.max(from, end), differs: false };
}
