/** Lets one step of a disk's life fail, at every place in turn, and goes on with the disk as a guest would. */
import { sectorBytes, StorageError, type BlockDevice, type StorageErrorCode } from '../block-device.ts';
import type { ImageFile } from '../image-file.ts';
import { checkImage } from '../qcow2-check.ts';
import { sequence, stamped } from './crash.ts';
import { MemoryFile } from './memory-file.ts';

type Step = 'read' | 'write' | 'sync';

/** A file of which one step fails. A write that fails has done the first half of its sectors. */
class FailingFile extends MemoryFile {
  steps = 0;

  constructor(
    content: Uint8Array,
    private readonly fails: Step,
    private readonly code: StorageErrorCode,
    private readonly at: number,
  ) {
    super();
    super.write(0, content);
  }

  #step(step: Step): boolean {
    return step === this.fails && ++this.steps === this.at;
  }

  #refuse(): never {
    throw new StorageError(this.code, 'The host refused it.');
  }

  override read(offset: number, into: Uint8Array): void {
    if (this.#step('read')) this.#refuse();
    super.read(offset, into);
  }

  override write(offset: number, from: Uint8Array): void {
    if (!this.#step('write')) return super.write(offset, from);
    super.write(offset, from.subarray(0, Math.floor(from.length / 2 / sectorBytes) * sectorBytes));
    this.#refuse();
  }

  override sync(): void {
    if (this.#step('sync')) this.#refuse();
  }
}

export interface FailingRun {
  readonly content: Uint8Array;
  readonly open: (file: ImageFile, readOnly: boolean) => BlockDevice;
  readonly sectors: readonly number[];
  readonly writes: number;
  readonly seed: number;
  readonly fails: Step;
  readonly code: StorageErrorCode;
  /** The disk must work again after the failure, as if only that request had failed. */
  readonly recovers: boolean;
}

/** What each sector may hold: what was flushed, and what was written since, each with whether that write was answered well. */
class Model {
  readonly #durable = new Map<number, Set<number>>();
  readonly #told = new Map<number, { version: number; well: boolean }[]>();

  tell(sector: number, version: number, well: boolean): void {
    this.#told.set(sector, [...(this.#told.get(sector) ?? []), { version, well }]);
  }

  /** What a read may find now. */
  now(sector: number): Set<number> {
    const told = this.#told.get(sector) ?? [];
    const last = told.findLastIndex(({ well }) => well);
    const recent = told.slice(Math.max(0, last)).map(({ version }) => version);
    return new Set(last < 0 ? [...this.#before(sector), ...recent] : recent);
  }

  /** What may be on the medium now. */
  medium(sector: number): Set<number> {
    return new Set([...this.#before(sector), ...(this.#told.get(sector) ?? []).map(({ version }) => version)]);
  }

  flushed(): void {
    for (const sector of this.#told.keys()) this.#durable.set(sector, this.now(sector));
    this.#told.clear();
  }

  #before(sector: number): Set<number> {
    return this.#durable.get(sector) ?? new Set([0]);
  }
}

/** Lets each step fail once in a life of its own, and returns what is wrong, in sentences. Throws what is no StorageError. */
export function failEverywhere(run: FailingRun): { wrong: string[]; lives: number } {
  const wrong: string[] = [];
  for (let at = 1; ; at++) {
    const file = new FailingFile(run.content, run.fails, run.code, at);
    const complaints = live(run, file);
    wrong.push(...complaints.map((sentence) => `${run.fails} ${at} fails: ${sentence}`));
    // The whole life had fewer steps of this kind.
    if (file.steps < at || wrong.length > 10) return { wrong, lives: at - 1 };
  }
}

function refusal(action: () => void): StorageError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

function live(run: FailingRun, file: FailingFile): string[] {
  const random = sequence(run.seed);
  const model = new Model();
  const wrong: string[] = [];
  let device: BlockDevice | undefined;
  const opened = refusal(() => (device = run.open(file, false)));
  if (device === undefined) return opened ? [] : ['it opens no device'];
  const disk = device;
  let refusals = 0;
  for (let version = 1; version <= run.writes; version++) {
    const sector = run.sectors[random(run.sectors.length)]!;
    const refused = refusal(() => disk.write(sector * sectorBytes, stamped(version)));
    model.tell(sector, version, refused === undefined);
    if (refused) refusals++;
    const looked = run.sectors[random(run.sectors.length)]!;
    const content = new Uint8Array(sectorBytes);
    if (refusal(() => disk.read(looked * sectorBytes, content))) refusals++;
    else wrong.push(...misread(looked, content, model.now(looked)));
    if (random(8) > 0) continue;
    if (refusal(() => disk.flush())) refusals++;
    else model.flushed();
  }
  if (refusal(() => disk.close())) refusals++;
  else model.flushed();
  if (run.recovers && refusals > 1) wrong.push(`${refusals} requests were refused, not one`);
  return [...wrong, ...judge(run, file, model)];
}

function judge(run: FailingRun, left: FailingFile, model: Model): string[] {
  const file = new MemoryFile(left.content);
  const { errors } = checkImage(file);
  if (errors.length > 0) return [`clusters ${errors.slice(0, 5).join(', ')} have too few references`];
  const device = run.open(file, true);
  const content = new Uint8Array(sectorBytes);
  return run.sectors.flatMap((sector) => {
    device.read(sector * sectorBytes, content);
    return misread(sector, content, model.medium(sector));
  });
}

function misread(sector: number, content: Uint8Array, allowed: ReadonlySet<number>): string[] {
  const version = new DataView(content.buffer).getUint32(0);
  if (allowed.has(version) && Buffer.compare(content, stamped(version)) === 0) return [];
  return [`sector ${sector} holds ${version}, not one of ${[...allowed].join(', ')}`];
}
