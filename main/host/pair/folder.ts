/** What a pair keeps in its machine's folder: its description, its lease, the sockets of its processes, copies of disks. */
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Lease, Standing } from '../../../engine/tolerance/lease.ts';
import type { SideName } from '../../../engine/tolerance/messages.ts';
import { leaseValidity } from '../../contract/pairs.ts';
import { HostError, isSystemError } from '../errors.ts';
import { isHeld, lockFile, processStart } from '../library-lock.ts';
import { fingerprintSchema } from '../peer/known-peers.ts';
import { anyEtcd, etcdOver } from './etcd.ts';
import { etcdCredentials } from './etcd-credentials.ts';
import { clearEtcd, EtcdLease, etcdOwner } from './etcd-lease.ts';
import { Journal } from './journal.ts';

export const etcdLease = z.strictObject({
  kind: z.literal('etcd'),
  endpoints: z.array(z.url({ protocol: /^https?$/u })).min(1),
  validity: leaseValidity,
  credentials: etcdCredentials,
});
export type EtcdPlace = z.infer<typeof etcdLease>;
export const pairId = z.string().regex(/^[0-9a-f]{24}$/u);

const claimHolder = lockFile.pick({ pid: true, started: true, host: true });

const description = z.strictObject({
  version: z.literal(1),
  /** Names the pair among all there ever were. */
  id: pairId,
  library: z.string(),
  machine: z.string(),
  /** TCP port on loopback where clients of COM1 connect. */
  port: z.int().min(0).max(65535),
  /** Milliseconds of silence after which the other side counts as gone. */
  deadAfter: z.int().min(50),
  /** Milliseconds for which output waits for its equal. */
  lateAfter: z.int().min(10),
  /** More resyncs for divergence than this within 10 s are a storm: outputs are committed by periodic checkpoints then. */
  stormAfter: z.int().min(1),
  /** Whether both sides' digests are compared after each resync. */
  verify: z.boolean(),
  /** Who says which side may speak: a file for one host, etcd for several. `validity`: milliseconds for which a proof counts. */
  lease: z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('file') }), etcdLease]),
  /** Where side b is when that is another host: who it is, and where its process listens (port 0: there is none yet). */
  away: z.strictObject({ peer: fingerprintSchema, host: z.string(), port: z.int().min(0).max(65535) }).nullable(),
  /** Of side b's own folder on that other host: the host that it answers to, and the address that its process listens on. */
  home: z.strictObject({ peer: fingerprintSchema, listen: z.string() }).nullable(),
  /** By side: the images of the machine's disks, in the order of its drives; empty: the machine's own. */
  disks: z.strictObject({ a: z.array(z.string()), b: z.array(z.string()) }),
});

export type PairDescription = z.infer<typeof description>;

const journalFile = 'journal.jsonl';
/** The state of a side for another host's report. */
export const copyFile = 'copy.state';
/** sun_path has 104 bytes and more (unix(7), unix(4)), with the ending zero. */
const socketPathLimit = 103;

/** A local socket of this name: in the folder, or among the temporary files when its path would be too long. */
export function socketPath(folder: string, name: string): string {
  const inside = join(folder, `${name}.sock`);
  if (Buffer.byteLength(inside) <= socketPathLimit) return inside;
  const elsewhere = join(tmpdir(), `vitrine-pair-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`);
  mkdirSync(elsewhere, { recursive: true, mode: 0o700 });
  return join(elsewhere, `${name}.sock`);
}

/** Milliseconds for which etcd is waited for. A later answer proves nothing; a change to be written may take longer than a proof may. */
const etcdPatience = (validity: number) => Math.max(1000, validity);
/** Where one question is all. */
const oncePatience = 2000;
/** Pairs' names are never used again, so that nothing of an earlier one counts. */
const etcdPrefix = (id: string) => `/vitrine/pairs/${id}/`;

export class PairFolder {
  constructor(readonly path: string) {}

  static of(machineFolder: string): PairFolder {
    return new PairFolder(join(machineFolder, 'pair'));
  }

  get exists(): boolean {
    return existsSync(join(this.path, 'pair.json'));
  }

  read(): PairDescription {
    const file = join(this.path, 'pair.json');
    try {
      return description.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) throw new HostError('NOT_FOUND', 'This machine is in no pair.', { cause: error });
      throw new HostError('BROKEN', `${file} is damaged.`, { cause: error });
    }
  }

  write(pair: PairDescription): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const file = join(this.path, 'pair.json');
    // It may have a key in it.
    writeFileSync(`${file}.new`, `${JSON.stringify(description.parse(pair), undefined, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** The socket of a process of the pair. */
  socket(process: SideName | 'gateway'): string {
    return socketPath(this.path, process);
  }

  log(process: SideName | 'gateway'): string {
    return join(this.path, `${process}.log`);
  }

  get journal(): Journal {
    return new Journal(join(this.path, journalFile));
  }

  /** `note` hears of trouble with it. */
  lease(side: SideName, note: (sentence: string) => void): Lease {
    const { lease, id } = this.read();
    if (lease.kind === 'file') return new FileLease(this.path, side, id);
    const { endpoints, validity, credentials } = lease;
    return new EtcdLease({ call: etcdOver(endpoints, etcdPatience(validity), credentials), prefix: etcdPrefix(id), side, validity, note });
  }

  /** The side that has the newest term; rejects, with a sentence, when etcd, which has it, does not answer. */
  async owner(): Promise<SideName | undefined> {
    const { lease, id } = this.read();
    if (lease.kind === 'file') return new FileLease(this.path, 'a', id).owner();
    const [side] = (await anyEtcd(lease.endpoints, (call) => etcdOwner(call, etcdPrefix(id)), oncePatience, lease.credentials)) ?? '';
    return side === 'a' || side === 'b' ? side : undefined;
  }

  /** Takes what the pair has elsewhere away. What etcd does not hear of now is left there, and means nothing to anybody. */
  async forget(): Promise<void> {
    const { lease, id } = this.read();
    if (lease.kind !== 'etcd') return;
    try {
      await anyEtcd(lease.endpoints, (call) => clearEtcd(call, etcdPrefix(id)), oncePatience, lease.credentials);
    } catch {
      // Its name is never used again.
    }
  }

  /** Whether this process is the one that does something, until it releases it or is gone. Undefined: another one does. */
  claim(what: string): (() => void) | undefined {
    const file = join(this.path, `${what}.claim`);
    const part = `${file}.${process.pid}`;
    writeFileSync(part, JSON.stringify({ pid: process.pid, host: hostname(), started: processStart(process.pid) }));
    try {
      for (let tries = 0; tries < 2; tries++) {
        try {
          // With its whole content at once.
          linkSync(part, file);
          return () => rmSync(file, { force: true });
        } catch (error) {
          if (!isSystemError(error, 'EEXIST')) throw error;
        }
        try {
          if (isHeld(claimHolder.parse(JSON.parse(readFileSync(file, 'utf8'))))) return undefined;
        } catch (error) {
          // It was released meanwhile.
          if (!isSystemError(error, 'ENOENT')) throw error;
        }
        rmSync(file, { force: true });
      }
      return undefined;
    } finally {
      rmSync(part, { force: true });
    }
  }

  /** Takes away all but the journal, for a side that begins anew: what it has lived through is still to be told. */
  clear(): void {
    rmSync(this.socket('b'), { force: true });
    for (const name of readdirSync(this.path)) if (!name.startsWith(journalFile)) rmSync(join(this.path, name), { recursive: true, force: true });
  }

  remove(): void {
    for (const name of ['a', 'b', 'gateway'] as const) rmSync(this.socket(name), { force: true });
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * The lease of a pair on one host: a file for each term, made exclusively (link(2)) by who gets it, never removed while the pair lives. A process
 * that is killed or stopped holds nothing back: the next term is there for whoever asks first. Whose a term is stands in it from the first moment, and a full disk
 * keeps nobody from getting one: each is another name of a file that is there. `id`: of the pair, so that a process which was stopped over its
 * end takes no term of a later one in the same folder.
 */
export class FileLease implements Lease {
  /** A term that is this side's: whose a term is never changes. */
  #own = 0;

  readonly isReachable = true;

  constructor(
    private readonly folder: string,
    private readonly side: SideName,
    private readonly id: string,
  ) {}

  get #prefix(): string {
    return `lease.${this.id}.`;
  }

  #file(term: number): string {
    return join(this.folder, `${this.#prefix}${term}`);
  }

  async acquire(term: number, after = 0): Promise<boolean> {
    if (after > 0) await delay(after);
    return this.#take(term);
  }

  #take(term: number): boolean {
    // Who does not know the newest term is too late.
    if (this.newest() !== term - 1) return false;
    // Whoever is first makes both: the other may need its own when nothing can be written.
    for (const side of ['a', 'b'] as const) if (!existsSync(this.#owner(side))) this.#makeOwner(side);
    try {
      this.#name(term);
    } catch (error) {
      if (isSystemError(error, 'EEXIST')) return false;
      throw error;
    }
    return true;
  }

  #name(term: number): void {
    try {
      linkSync(this.#owner(this.side), this.#file(term));
    } catch (error) {
      if (!isSystemError(error, 'EMLINK')) throw error;
      // A file has so many names at most.
      this.#makeOwner(this.side);
      linkSync(this.#owner(this.side), this.#file(term));
    }
  }

  #makeOwner(side: SideName): void {
    // At one instant: a term may be another name of the one that is there.
    const part = `${this.#owner(side)}.${process.pid}`;
    writeFileSync(part, side);
    renameSync(part, this.#owner(side));
  }

  #owner(side: SideName): string {
    return join(this.folder, `owner-${side}`);
  }

  standing(term: number): Standing {
    if (existsSync(this.#file(term + 1))) return 'lost';
    if (term === this.#own) return 'held';
    try {
      if (readFileSync(this.#file(term), 'utf8') !== this.side) return 'lost';
    } catch {
      return 'lost';
    }
    this.#own = term;
    return 'held';
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  /** The side that has the newest term. */
  owner(): SideName | undefined {
    const term = this.newest();
    if (term === 0) return undefined;
    const owner = readFileSync(this.#file(term), 'utf8');
    return owner === 'a' || owner === 'b' ? owner : undefined;
  }

  /** 0 before the first. */
  newest(): number {
    const prefix = this.#prefix;
    const terms = readdirSync(this.folder).flatMap((name) => (name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)) ? [Number(name.slice(prefix.length))] : []));
    return Math.max(0, ...terms);
  }
}
