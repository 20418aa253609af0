/**
 * Sides of pairs that run on this host for others: a folder for each, with the machine, its images and what a pair's process keeps. Only the host that made one may
 * say anything about it.
 */
import { closeSync, existsSync, ftruncateSync, fstatSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { DriveConfiguration, Machine, MachineConfiguration } from '../../../engine/machine/machine.ts';
import { HostError, isSystemError } from '../errors.ts';
import { HOST_FILES } from '../library.ts';
import { copyFile, PairFolder } from '../pair/folder.ts';
import { ask } from '../pair/link.ts';
import type { Launch } from '../pair/pairs.ts';
import { listeningFile } from '../pair/side-links.ts';
import { SideProcess } from '../pair/side-process.ts';
import { decode, encode } from '../pair/wire.ts';
import type { KnownPeer } from './known-peers.ts';
import { connectDisplay, LinkTaker, relay } from './relay.ts';
import { awayRequest, pieceBytes, type AwayConfiguration } from './side-requests.ts';

const listening = z.strictObject({ pid: z.int().min(1), port: z.int().min(1).max(65535) });
/** Milliseconds for which a process is waited for. */
const patience = 30_000;
const machineFile = 'machine.bin';

interface KeptMachine {
  readonly configuration: AwayConfiguration;
  readonly drives: readonly { readonly kind: DriveConfiguration['kind']; readonly readOnly: boolean; readonly path: string }[];
}

export function sidesFolder(library: string): string {
  return join(library, '.sides');
}

export class SidesHere {
  constructor(
    private readonly library: string,
    /** Where their processes listen. */
    private readonly address: string,
    private readonly launch: Launch,
  ) {}

  /** A request of a known host. Throws HostError with what is told it. */
  async handle(peer: KnownPeer, message: unknown): Promise<unknown> {
    const read = awayRequest.safeParse(message);
    if (!read.success) throw new HostError('BAD_INPUT', 'That is no request that this version knows.');
    const request = read.data;
    if (request.kind === 'prepare') return this.#prepare(peer, request);
    const folder = this.#folderOf(peer, request.id);
    switch (request.kind) {
      case 'fill':
        return this.#fill(folder, request);
      case 'start':
        return this.#start(folder);
      case 'signal':
        if (!signal(folder, request.signal)) throw new HostError('WRONG_STATE', 'Side b does not run.');
        return null;
      case 'read':
        return this.#read(folder, request.what, request.offset);
      case 'journal':
        return { ...(await folder.journal.readText(request.from ?? undefined)), now: Date.now() };
      case 'view':
        return this.#view(folder);
      case 'discard':
        return this.#discard(folder);
    }
  }

  #folder(id: string): PairFolder {
    return new PairFolder(join(sidesFolder(this.library), id));
  }

  #folderOf(peer: KnownPeer, id: string): PairFolder {
    const folder = this.#folder(id);
    // As if it were not there, for who has no business with it.
    if (!folder.exists || folder.read().home?.peer !== peer.fingerprint) throw new HostError('NOT_FOUND', 'There is no side of such a pair here.');
    return folder;
  }

  async #prepare(peer: KnownPeer, { id, settings, configuration, drives }: Extract<z.infer<typeof awayRequest>, { kind: 'prepare' }>): Promise<null> {
    const before = this.#folder(id);
    if (before.exists) {
      await this.#end(this.#folderOf(peer, id));
      before.clear();
    }
    const { machine, ...timing } = settings;
    const folder = this.#folder(id);
    const images = drives.map(({ kind }, index) => join(folder.path, `${kind}${index}.img`));
    const written = images.filter((_, index) => drives[index]?.readOnly === false);
    folder.write({
      version: 1,
      id,
      library: this.library,
      machine,
      port: 0,
      ...timing,
      away: null,
      home: { peer: peer.fingerprint, listen: this.address },
      disks: { a: [], b: written },
    });
    for (const [index, { bytes }] of drives.entries()) {
      const image = openSync(images[index] ?? '', 'wx', 0o600);
      try {
        ftruncateSync(image, bytes);
      } finally {
        closeSync(image);
      }
    }
    const kept: KeptMachine = { configuration, drives: drives.map(({ kind, readOnly }, index) => ({ kind, readOnly, path: images[index] ?? '' })) };
    writeFileSync(join(folder.path, machineFile), Buffer.concat(encode(kept)), { mode: 0o600 });
    return null;
  }

  #fill(folder: PairFolder, { drive, offset, bytes }: { drive: number; offset: number; bytes: Uint8Array }): null {
    const image = machineOf(folder).drives[drive];
    if (image?.readOnly !== true) throw new HostError('BAD_INPUT', 'Only an image that nobody writes is filled.');
    const file = openSync(image.path, 'r+');
    try {
      if (offset + bytes.length > fstatSync(file).size) throw new HostError('BAD_INPUT', 'That is beyond the image’s end.');
      writeSync(file, bytes, 0, bytes.length, offset);
    } finally {
      closeSync(file);
    }
    return null;
  }

  async #start(folder: PairFolder): Promise<{ port: number }> {
    if (pidOf(folder) !== undefined) throw new HostError('CONFLICT', 'Side b runs already.');
    rmSync(join(folder.path, listeningFile), { force: true });
    this.launch('away', folder.path, 'b', folder.log('b'));
    for (const end = performance.now() + patience; performance.now() < end; await delay(20)) {
      const told = listeningOf(folder);
      if (told !== undefined) return { port: told.port };
    }
    throw new HostError('WRONG_STATE', `Side b did not start; its log is ${folder.log('b')} there.`);
  }

  #read(folder: PairFolder, what: 'state' | 'copy' | number, offset: number): { bytes: Uint8Array; total: number } | null {
    const path = what === 'state' ? join(folder.path, HOST_FILES.suspended) : what === 'copy' ? join(folder.path, copyFile) : folder.read().disks.b[what];
    if (path === undefined || !existsSync(path)) return null;
    const file = openSync(path, 'r');
    try {
      const total = fstatSync(file).size;
      const bytes = new Uint8Array(Math.max(0, Math.min(pieceBytes, total - offset)));
      const count = readSync(file, bytes, 0, bytes.length, offset);
      // A copy is for one reader.
      if (what === 'copy' && offset + count >= total) rmSync(path);
      return { bytes: bytes.subarray(0, count), total };
    } finally {
      closeSync(file);
    }
  }

  async #view(folder: PairFolder): Promise<LinkTaker> {
    let answer: unknown;
    try {
      answer = await ask(folder.socket('b'), { kind: 'display' }, 0);
    } catch (cause) {
      throw new HostError('WRONG_STATE', 'Side b does not run.', { cause });
    }
    const socket = await connectDisplay(z.object({ url: z.url({ protocol: /^ws$/u, hostname: /^127\.0\.0\.1$/u }) }).parse(answer).url);
    return new LinkTaker((link) => relay(socket, link));
  }

  async #discard(folder: PairFolder): Promise<null> {
    await this.#end(folder);
    folder.remove();
    return null;
  }

  async #end(folder: PairFolder): Promise<void> {
    try {
      await ask(folder.socket('b'), { kind: 'end' }, 0, 2000);
    } catch {
      // It is gone, or stands still.
    }
    for (const end = performance.now() + patience; pidOf(folder) !== undefined && performance.now() < end; await delay(20)) signal(folder, 'SIGKILL');
  }
}

function listeningOf(folder: PairFolder): z.infer<typeof listening> | undefined {
  try {
    return listening.parse(JSON.parse(readFileSync(join(folder.path, listeningFile), 'utf8')));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The process of this side, if it is still that: numbers of processes are used again. */
function pidOf(folder: PairFolder): number | undefined {
  const pid = listeningOf(folder)?.pid;
  if (pid === undefined) return undefined;
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/cmdline') || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder.path) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** False when there is no such process. */
function signal(folder: PairFolder, name: NodeJS.Signals): boolean {
  const pid = pidOf(folder);
  if (pid === undefined) return false;
  process.kill(pid, name);
  return true;
}

function machineOf(folder: PairFolder): KeptMachine {
  // Written by this program.
  return decode(readFileSync(join(folder.path, machineFile))) as KeptMachine;
}

/** The work of side b's process on this host. Never ends by itself. */
export async function runSideHere(path: string, createMachine: (configuration: MachineConfiguration) => Promise<Machine>): Promise<void> {
  const folder = new PairFolder(path);
  if (basename(dirname(path)) !== '.sides' || folder.read().home === null) throw new HostError('BAD_INPUT', `${path} is no side of another host’s pair.`);
  const { configuration, drives } = machineOf(folder);
  await SideProcess.run(folder, 'b', 'secondary', { ...configuration, drives: drives.map(({ kind, readOnly, path: image }) => ({ kind, path: image, format: 'raw', readOnly })) }, createMachine);
}
