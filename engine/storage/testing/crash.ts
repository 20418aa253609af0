/**
 * Ends a disk's life at every instant and looks at what is left. A recording file notes writes and syncs; a cut applies what came
 * before it: all of it (the process was killed), or of the writes since the last sync any sectors (the host lost its power).
 */
import { sectorBytes, type BlockDevice } from '../block-device.ts';
import { checkImage } from '../qcow2-check.ts';
import type { ImageFile } from '../image-file.ts';
import { MemoryFile } from './memory-file.ts';

type Event =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'sync' }
  /** The disk was told to write this version to a sector, and begins to. */
  | { readonly kind: 'told'; readonly sector: number; readonly version: number }
  /** `flush` has returned. */
  | { readonly kind: 'flushed' };

/** Which syncs a recording forgets: the negative controls. `inner` ones order a commit's steps, the `last` one makes it durable. */
export type Forgotten = 'none' | 'inner' | 'last';

/** A file that notes what is done to it. */
class RecordingFile extends MemoryFile {
  constructor(
    content: Uint8Array,
    readonly events: Event[],
  ) {
    super();
    super.write(0, content);
  }

  override write(offset: number, from: Uint8Array): void {
    this.events.push({ kind: 'write', offset, bytes: from.slice() });
    super.write(offset, from);
  }

  override sync(): void {
    this.events.push({ kind: 'sync' });
  }
}

/** Numbers from a seed: the same cuts in every run. */
export function sequence(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A sector that says which version it is. */
export function stamped(version: number): Uint8Array {
  const sector = new Uint8Array(sectorBytes);
  const view = new DataView(sector.buffer);
  for (let at = 0; at < sectorBytes; at += 4) view.setUint32(at, version);
  return sector;
}

export interface CrashRun {
  /** The image before. Its sectors hold what `initial` says (0 for zeros). */
  readonly content: Uint8Array;
  readonly initial: (sector: number) => number;
  readonly open: (file: ImageFile, readOnly: boolean) => BlockDevice;
  /** Sectors that are written and looked at. */
  readonly sectors: readonly number[];
  readonly writes: number;
  readonly seed: number;
  readonly forgotten?: Forgotten;
  /** Different losses tried at each cut. */
  readonly losses?: number;
  /** Gets the image as it is after the whole life. */
  readonly ended?: (file: ImageFile) => void;
}

/** Lives a disk's life, cuts it everywhere, and returns what is wrong with what is left, in sentences. */
export function crashEverywhere(run: CrashRun): string[] {
  const events = forget(record(run), run.forgotten ?? 'none');
  const random = sequence(run.seed + 1);
  const wrong: string[] = [];
  const durable = new MemoryFile(run.content);
  let pending: { offset: number; bytes: Uint8Array }[] = [];
  const allowed = new Map(run.sectors.map((sector) => [sector, new Set([run.initial(sector)])]));
  const latest = new Map<number, number>();
  const look = (at: number, choose: () => boolean, how: string) => {
    const left = new MemoryFile(durable.content);
    for (const write of pending) {
      for (let from = 0; from < write.bytes.length; from += sectorBytes) {
        if (choose()) left.write(write.offset + from, write.bytes.subarray(from, from + sectorBytes));
      }
    }
    for (const complaint of judge(left, run, allowed)) wrong.push(`cut at ${at} of ${events.length}, ${how}: ${complaint}`);
  };
  for (const [at, event] of events.entries()) {
    if (event.kind === 'write') pending.push(event);
    else if (event.kind === 'told') {
      allowed.get(event.sector)?.add(event.version);
      latest.set(event.sector, event.version);
      continue;
    } else if (event.kind === 'sync') {
      for (const write of pending) durable.write(write.offset, write.bytes);
      pending = [];
    } else {
      for (const [sector, version] of latest) allowed.set(sector, new Set([version]));
      latest.clear();
    }
    look(at, () => true, 'killed');
    for (let loss = 0; loss < (run.losses ?? 3) && pending.length > 0; loss++) {
      // Nearly all or nearly nothing lost is where the order shows.
      const share = [1, 5, 9][loss % 3] ?? 5;
      look(at, () => random(10) < share, 'power lost');
    }
    if (wrong.length > 20) break;
  }
  return wrong;
}

function record(run: CrashRun): Event[] {
  const events: Event[] = [];
  const file = new RecordingFile(run.content, events);
  const device = run.open(file, false);
  const random = sequence(run.seed);
  for (let version = 1; version <= run.writes; version++) {
    const sector = run.sectors[random(run.sectors.length)]!;
    events.push({ kind: 'told', sector, version: version + 1_000_000 });
    device.write(sector * sectorBytes, stamped(version + 1_000_000));
    if (random(8) > 0) continue;
    device.flush();
    events.push({ kind: 'flushed' });
  }
  device.close();
  events.push({ kind: 'flushed' });
  run.ended?.(file);
  return events;
}

function forget(events: Event[], which: Forgotten): Event[] {
  if (which === 'none') return events;
  return events.filter((event, at) => {
    if (event.kind !== 'sync') return true;
    const next = events.slice(at + 1).find(({ kind }) => kind === 'sync' || kind === 'flushed');
    return (next?.kind === 'sync') === (which === 'last');
  });
}

function judge(left: MemoryFile, run: CrashRun, allowed: ReadonlyMap<number, ReadonlySet<number>>): string[] {
  try {
    const { errors } = checkImage(left);
    if (errors.length > 0) return [`clusters ${errors.slice(0, 5).join(', ')} have too few references`];
    const complaints = misread(run.open(left, true), allowed);
    if (complaints.length > 0) return complaints;
    // It must also be fit to go on with.
    const device = run.open(left, false);
    for (const sector of run.sectors) device.write(sector * sectorBytes, stamped(7));
    device.close();
    return checkImage(left).errors.length > 0
      ? ['going on with it damages it']
      : misread(run.open(left, true), new Map(run.sectors.map((sector) => [sector, new Set([7])])));
  } catch (error) {
    return [String(error)];
  }
}

function misread(device: BlockDevice, allowed: ReadonlyMap<number, ReadonlySet<number>>): string[] {
  const complaints: string[] = [];
  const sector = new Uint8Array(sectorBytes);
  const view = new DataView(sector.buffer);
  for (const [index, versions] of allowed) {
    device.read(index * sectorBytes, sector);
    const version = view.getUint32(0);
    const torn = Buffer.compare(sector, stamped(version)) !== 0;
    if (torn || !versions.has(version))
      complaints.push(`sector ${index} holds ${torn ? 'no version' : version}, not one of ${[...versions].join(', ')}`);
  }
  return complaints;
}
