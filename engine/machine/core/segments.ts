/**
 * The memory of a machine as program headers of a core: which guest-physical bytes go into the file, and at which linear addresses a
 * debugger finds them. Pure; docs/formats/report.md has the rules.
 */

/** Guest-physical bytes in a row that can be read without asking a chip. */
export interface PhysicalRun {
  readonly start: number;
  readonly bytes: number;
}

/** Linear addresses in a row that lead to physical ones in a row. */
export interface LinearRun {
  readonly linear: number;
  readonly physical: number;
  readonly bytes: number;
}

/** One PT_LOAD: filesz and memsz are both `bytes`. */
export interface Segment {
  readonly virtual: number;
  readonly physical: number;
  readonly bytes: number;
  /** In the file. */
  readonly offset: number;
}

/** With paging on, the physical byte P is also at this virtual address plus P: nothing that a guest of 32 bits maps lies there. */
export const physicalWindow = 2 ** 40;
/** Readers other than gdb count program headers in 16 bits, and none is fast with many. */
export const mostSegments = 16_384;
/** Data begins at a page, so that readers can map it. */
export const alignment = 4096;

/** Runs of pages for which `isThere` is true. */
export function runsOfPages(pages: number, pageBytes: number, isThere: (page: number) => boolean): PhysicalRun[] {
  const runs: PhysicalRun[] = [];
  for (let page = 0; page < pages; page++) {
    if (!isThere(page)) continue;
    const first = page;
    while (page < pages && isThere(page)) page++;
    runs.push({ start: first * pageBytes, bytes: (page - first) * pageBytes });
  }
  return runs;
}

interface Piece {
  readonly start: number;
  readonly end: number;
  /** Linear addresses that lead to its first byte. */
  readonly linear: number[];
}

/** The first piece that ends behind an address. */
function firstBehind(pieces: readonly Piece[], address: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle]?.end ?? Infinity) > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Physical memory cut where a linear run begins or ends, so that each piece is mapped as a whole or not at all. */
function cut(physical: readonly PhysicalRun[], linear: readonly LinearRun[]): Piece[] {
  const edges = [...new Set(linear.flatMap((run) => [run.physical, run.physical + run.bytes]))].sort((a, b) => a - b);
  let next = 0;
  return physical.flatMap(({ start, bytes }) => {
    const end = start + bytes;
    const pieces: Piece[] = [];
    let from = start;
    while (next < edges.length && (edges[next] ?? 0) <= start) next++;
    for (; next < edges.length && (edges[next] ?? 0) < end; next++) {
      pieces.push({ start: from, end: edges[next] ?? 0, linear: [] });
      from = edges[next] ?? 0;
    }
    pieces.push({ start: from, end, linear: [] });
    return pieces;
  });
}

/**
 * The segments in the order of their physical addresses, which is what readers of physical memory rely on; several of one piece have the same
 * physical address, size and place in the file, so it does not matter which of them is found. `linear` 'off': paging is, and a linear address is
 * the physical one. `isWhole` false: there would be too many, and only the physical window is there.
 */
export function segmentsOf(
  physical: readonly PhysicalRun[],
  linear: readonly LinearRun[] | 'off' | 'too many',
): { segments: Omit<Segment, 'offset'>[]; isWhole: boolean } {
  if (linear === 'off') {
    return { segments: physical.map(({ start, bytes }) => ({ virtual: start, physical: start, bytes })), isWhole: true };
  }
  const inWindow = ({ start, bytes }: PhysicalRun) => ({ virtual: physicalWindow + start, physical: start, bytes });
  const tooMany = { segments: physical.map(inWindow), isWhole: false };
  if (linear === 'too many' || linear.length > mostSegments) return tooMany;
  const pieces = cut(physical, linear);
  let count = pieces.length;
  for (const run of linear) {
    const end = run.physical + run.bytes;
    for (let at = firstBehind(pieces, run.physical); at < pieces.length; at++) {
      const piece = pieces[at];
      if (piece === undefined || piece.start >= end) break;
      piece.linear.push(run.linear + (piece.start - run.physical));
      if (++count > mostSegments) return tooMany;
    }
  }
  const segments = pieces.flatMap(({ start, end, linear: addresses }) => {
    const bytes = end - start;
    const mapped = addresses.sort((a, b) => a - b).map((virtual) => ({ virtual, physical: start, bytes }));
    return [...mapped, inWindow({ start, bytes })];
  });
  return { segments, isWhole: true };
}

/** Gives each piece its place in the file, from `start` on; those of the same physical address share one. */
export function placeSegments(segments: readonly Omit<Segment, 'offset'>[], start: number): { placed: Segment[]; end: number } {
  let offset = Math.ceil(start / alignment) * alignment;
  let last: Segment | undefined;
  const placed = segments.map((segment) => {
    if (last !== undefined && last.physical !== segment.physical) offset += last.bytes;
    last = { ...segment, offset };
    return last;
  });
  return { placed, end: offset + (last?.bytes ?? 0) };
}
