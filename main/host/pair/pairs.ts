/** Pairs of a library's machines: making, looking, ending. Each call stands by itself: the pair lives in its processes and its folder. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdtempSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Image } from '../../../engine/machine/disk-service.ts';
import { openDriveImage } from '../../../engine/machine/drive-image.ts';
import { StorageError } from '../../../engine/storage/block-device.ts';
import type { DriveConfiguration, Machine, MachineConfiguration, MachineInput, Picture } from '../../../engine/machine/machine.ts';
import { other, type SideName } from '../../../engine/tolerance/messages.ts';
import { machineInput } from '../../contract/machine.ts';
import { lastFailover } from '../../contract/pair-events.ts';
import type { PairOutsideMessage } from '../../contract/pairs.ts';
import type { BootTools } from '../boot.ts';
import { examineDrive, lookAt } from '../drive-image.ts';
import { HostError, isSystemError } from '../errors.ts';
import { packageRoot } from '../places.ts';
import { HOST_FILES, type StoredMachine } from '../library.ts';
import { driveConfigurations } from '../linking.ts';
import { configureMachine } from '../machine-configuration.ts';
import { KnownPeers } from '../peer/known-peers.ts';
import { AwaySide, newPairId, type AwayDrive } from './away-side.ts';
import { PairFolder, type PairDescription } from './folder.ts';
import { runGateway } from './gateway-process.ts';
import type { JournalEntry, JournalKind, JournalPlace } from './journal.ts';
import type { Link } from './link.ts';
import { unpackPicture, type PackedPicture } from './packed-picture.ts';
import { askProcess } from './reach.ts';
import type { Fault, GatewayQuestion, GatewayStatus, SideQuestion, SideStatus } from './protocol.ts';
import { SideProcess } from './side-process.ts';

export type PairProcess = 'gateway' | 'primary' | 'secondary';

/** Starts a process of a pair, which outlives this one, with the machine's folder; `away`: a side for another host, with the side's own folder. */
export type Launch = (process: PairProcess | 'away', folder: string, side: SideName, log: string) => void;

/** By the program that runs this, which is Node or Electron as Node, and the built command line's hidden verb. */
export const launchProcess: Launch = (kind, machineFolder, side, log) => {
  const script = join(packageRoot(), 'out', 'cli', 'vitrine.js');
  const env = process.versions['electron'] === undefined ? process.env : { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  const file = openSync(log, 'a', 0o600);
  try {
    spawn(process.execPath, [script, 'pair-process', kind, machineFolder, side], { detached: true, stdio: ['ignore', file, file], env }).unref();
  } finally {
    closeSync(file);
  }
};

export interface PairStatus {
  readonly machine: string;
  readonly isProtected: boolean;
  /** A sentence. */
  readonly reason: string;
  readonly gateway: GatewayStatus | null;
  readonly sides: { readonly a: SideStatus | null; readonly b: SideStatus | null };
  /** The side that speaks. */
  readonly primary: SideName | null;
}

export interface PairOptions {
  readonly port: number;
  readonly deadAfter: number;
  readonly lateAfter: number;
  readonly stormAfter: number;
  /** Where the lease is kept: in a file here, or in etcd. */
  readonly lease: PairDescription['lease'];
  readonly verify: boolean;
  /** The name of the host that side b runs on; undefined: this one. */
  readonly peer?: string | undefined;
}

/** Milliseconds for which processes are waited for. */
const patience = 60_000;
/** A process that is stopped answers nothing. */
const answerWithin = 2000;
const copyBytes = 1 << 20;
/** As long as a state gets on. */
const longestPatience = 3_600_000;

/** The drives whose images each side has for itself. */
export function ownDrives(drives: readonly DriveConfiguration[] = []): DriveConfiguration[] {
  return drives.filter(({ kind, readOnly }) => kind !== 'cdrom' && readOnly !== true);
}

/** An image of a process that was killed is free when the system has cleared it away, which takes a moment. */
async function openWhenFree(drive: DriveConfiguration): Promise<Image> {
  for (const end = performance.now() + patience; ; await delay(100)) {
    try {
      return openDriveImage(drive, 'the end of a pair');
    } catch (error) {
      if (!(error instanceof StorageError && error.code === 'locked') || performance.now() > end) throw error;
    }
  }
}

function refuseAs(answer: unknown): void {
  if (typeof answer === 'object' && answer !== null && 'refused' in answer) throw new HostError('WRONG_STATE', String(answer.refused));
}

const FAULT_WORDS: Record<Fault['kind'] | 'kill' | 'stop', string> = {
  kill: 'Killed on purpose.',
  stop: 'Stopped on purpose.',
  cut: 'Its link was cut on purpose.',
  delay: 'Its link was delayed on purpose.',
  'flip-memory': 'A bit of its memory was flipped on purpose.',
  'flip-register': 'A bit of one of its registers was flipped on purpose.',
  'flip-output': 'The next byte that it says is flipped on purpose.',
  'fail-at': 'It will fail at a step of the protocol, on purpose.',
};

export class Pair {
  readonly folder: PairFolder;

  constructor(
    private readonly machine: StoredMachine,
    private readonly launch: Launch,
  ) {
    this.folder = PairFolder.of(machine.folder);
  }

  /** The machine is off. Done when the pair is protected. */
  async create(library: string, { lease, peer, ...options }: PairOptions): Promise<PairStatus> {
    const { machine, folder } = this;
    if (folder.exists) throw new HostError('CONFLICT', `${machine.file.name} is in a pair already; "vitrine pair status ${machine.id}" shows how it fares.`);
    if (existsSync(join(machine.folder, HOST_FILES.suspended)))
      throw new HostError('WRONG_STATE', `${machine.file.name} is suspended. Resume it and power it off, or discard its state.`);
    const host = peer === undefined ? undefined : new KnownPeers(library).named(peer);
    if (host !== undefined && lease.kind === 'file') throw new HostError('BAD_INPUT', 'Two hosts share no file that could be the lease; name an etcd that both reach.');
    rmSync(folder.path, { recursive: true, force: true });
    folder.write({
      version: 1,
      id: newPairId(),
      library,
      machine: machine.id,
      ...options,
      lease,
      away: host === undefined ? null : { peer: host.fingerprint, host: host.address?.host ?? '', port: 0 },
      home: null,
      disks: { a: [], b: [] },
    });
    try {
      await this.folder.owner();
      this.launch('gateway', machine.folder, 'a', folder.log('gateway'));
      await this.#until('the gateway', ({ gateway }) => gateway !== null);
      this.launch('primary', machine.folder, 'a', folder.log('a'));
      await this.#until('the primary', ({ sides }) => sides.a !== null);
      await this.#startSecondary('b');
      return await this.#untilProtected();
    } catch (error) {
      await this.#endAll();
      throw error;
    }
  }

  async status(): Promise<PairStatus> {
    this.folder.read();
    const of = async (name: SideName | 'gateway'): Promise<unknown> => {
      try {
        return await askProcess(this.folder, name, { kind: 'status' }, 0, answerWithin);
      } catch {
        // It is gone, or stands still.
        return null;
      }
    };
    // Each process answers with its own kind of status.
    const [gateway, a, b] = (await Promise.all([of('gateway'), of('a'), of('b')])) as [GatewayStatus | null, SideStatus | null, SideStatus | null];
    const speaking = [a, b].filter((side): side is SideStatus => side !== null && side.role === 'primary' && side.mode !== 'fenced');
    // Of two that believe so the one with the newer term is right.
    const primary = speaking.sort((one, two) => two.term - one.term)[0];
    const isProtected = primary?.isProtected === true && gateway !== null;
    const reason =
      gateway === null
        ? 'The gateway does not answer: clients cannot reach the guest. End the pair; its machine is kept, suspended.'
        : (primary?.reason ?? 'No side answers as the primary.');
    return { machine: this.machine.id, isProtected, reason, gateway, sides: { a, b }, primary: primary?.side ?? null };
  }

  /** As the journal has it; undefined without one. */
  async lastFailover(): Promise<JournalEntry | undefined> {
    return lastFailover((await this.folder.journal.read()).entries);
  }

  /** Kills the primary as a power failure would. Done when the other side goes on. */
  async failover(): Promise<PairStatus> {
    const { primary, sides, isProtected } = await this.status();
    const side = primary === null ? null : sides[primary];
    if (side === null || primary === null || !isProtected)
      throw new HostError('WRONG_STATE', 'The pair is not protected, so nobody could take over; "vitrine pair reprotect" adds a secondary.');
    const killed = Date.now();
    await this.#signal(primary, side.pid, 'SIGKILL');
    const after = await this.#until('the take-over', (now) => now.primary === other(primary) && now.sides[now.primary]?.mode === 'alone');
    const took = (after.sides[other(primary)]?.events.findLast(({ at }) => at >= killed)?.at ?? Date.now()) - killed;
    this.#journal('failover', `Side ${primary}, the primary, was killed for a test; side ${other(primary)} went on after ${took} ms.`, took);
    return after;
  }

  /** Gives a side that goes on alone a secondary again. */
  async reprotect(): Promise<PairStatus> {
    this.folder.read();
    const release = this.folder.claim('reprotect');
    if (release === undefined) throw new HostError('CONFLICT', 'Another program gives the pair a secondary just now.');
    try {
      return await this.#reprotect();
    } finally {
      release();
    }
  }

  async #reprotect(): Promise<PairStatus> {
    const { primary, sides, gateway } = await this.status();
    const side = primary === null ? null : sides[primary];
    if (gateway === null)
      throw new HostError('WRONG_STATE', 'The gateway does not answer, and a pair gets no other one. End the pair ("vitrine pair break"): its machine is kept, suspended as far as it has come.');
    if (side === null || primary === null) throw new HostError('WRONG_STATE', 'No side of the pair goes on, so there is nothing to protect.');
    if (side.mode !== 'alone') throw new HostError('WRONG_STATE', 'The pair has two sides.');
    if (side.link !== null || sides[other(primary)] !== null)
      throw new HostError('WRONG_STATE', `Side ${other(primary)} is there and joins, or ends; "vitrine pair status ${this.machine.id}" shows how far it is.`);
    await this.#startSecondary(other(primary));
    return this.#untilProtected();
  }

  /**
   * Ends the pair; the machine is left suspended in the library, with everything that its guest has done. Where no side is left, as after a power failure
   * of the host, it is off, with the disks of the side that spoke last.
   */
  async break(): Promise<'suspended' | 'off'> {
    const { primary, sides } = await this.status();
    const kept = join(this.folder.path, HOST_FILES.suspended);
    let speaker: SideName | undefined = primary ?? undefined;
    if (primary !== null) {
      if (sides[other(primary)] !== null) {
        await this.#ask(other(primary), { kind: 'end' });
        await this.#until('the end of the secondary', (now) => now.sides[primary]?.mode === 'alone');
      }
      const part = `${kept}.part`;
      rmSync(part, { force: true });
      // On another host it is kept there, under a name of its own.
      await this.#ask(primary, { kind: 'suspend', path: part });
      // From here on the state is whole, and a second call takes up what this one could not end.
      if (this.#awayOf(primary) === undefined) renameSync(part, kept);
      await this.#ask(primary, { kind: 'end' });
      await this.#until('the end of the primary', (now) => now.sides[primary] === null);
    } else {
      if (sides.a !== null || sides.b !== null) throw new HostError('WRONG_STATE', 'A side of the pair is there, and does not speak yet. Try again.');
      speaker = await this.folder.owner();
    }
    const away = speaker === undefined ? undefined : this.#awayOf(speaker);
    if (away !== undefined) await this.#bringHome(away, kept);
    else if (speaker !== undefined) await this.#bringDisksHome(speaker);
    const isKept = existsSync(kept);
    if (isKept) renameSync(kept, join(this.machine.folder, HOST_FILES.suspended));
    await this.#endAll();
    return isKept ? 'suspended' : 'off';
  }

  /** Does something bad to one of the sides. */
  async inject(which: 'primary' | 'secondary', fault: Fault | { kind: 'kill' } | { kind: 'stop'; seconds: number }): Promise<void> {
    const { primary, sides } = await this.status();
    const name = primary === null ? null : which === 'primary' ? primary : other(primary);
    const side = name === null ? null : sides[name];
    if (side === null || name === null) throw new HostError('WRONG_STATE', `The pair has no ${which} now.`);
    this.#journal('fault', `${FAULT_WORDS[fault.kind]} Side ${name}, the ${which}.`);
    switch (fault.kind) {
      case 'kill':
        await this.#signal(name, side.pid, 'SIGKILL');
        return;
      case 'stop':
        await this.#signal(name, side.pid, 'SIGSTOP');
        try {
          await delay(fault.seconds * 1000);
        } finally {
          await this.#signal(name, side.pid, 'SIGCONT');
        }
        return;
      default:
        await this.#ask(name, { kind: 'inject', fault });
    }
  }

  /** Where a side's machine shows its picture, on the host that it runs on; the URL has a secret in it. */
  async display(side: SideName): Promise<{ url: string }> {
    // What a side answers to this question.
    return (await askProcess(this.folder, side, { kind: 'display' } satisfies SideQuestion, 0)) as { url: string };
  }

  /** What went in and out last, of COM1 from `from` on. Throws WRONG_STATE when the gateway does not answer. */
  async outside(from: number): Promise<PairOutsideMessage> {
    this.folder.read();
    try {
      // What the gateway answers to this question.
      return (await askProcess(this.folder, 'gateway', { kind: 'outside', from } satisfies GatewayQuestion, 0, answerWithin)) as PairOutsideMessage;
    } catch (cause) {
      throw new HostError('WRONG_STATE', 'The gateway of the pair does not answer, so nobody knows what went in and out.', { cause });
    }
  }

  /** What a side shows now; undefined where it does not answer. */
  async picture(side: SideName): Promise<Picture | undefined> {
    try {
      // What a side answers to this question, but for a refusal.
      const answer = (await askProcess(this.folder, side, { kind: 'picture' } satisfies SideQuestion, 0, answerWithin)) as PackedPicture | { refused: string };
      return 'refused' in answer ? undefined : await unpackPicture(answer);
    } catch {
      // It is gone, or stands still, or shows nothing.
      return undefined;
    }
  }

  /** Writes the primary's state to a file that must not exist, while the pair goes on; output waits as long as that takes. */
  async copy(path: string): Promise<void> {
    const { primary } = await this.status();
    if (primary === null) throw new HostError('WRONG_STATE', 'No side of the pair answers as the primary.');
    refuseAs(await askProcess(this.folder, primary, { kind: 'copy', path } satisfies SideQuestion, 0, patience));
    const away = this.#awayOf(primary);
    if (away !== undefined && !(await bringState(away, 'copy', path))) throw new HostError('WRONG_STATE', 'The copy of the primary’s state is not there.');
  }

  isAway(side: SideName): boolean {
    return side === 'b' && this.folder.read().away !== null;
  }

  /** The picture of a side on another host: see AwaySide. */
  async view(side: SideName, take: (link: Link) => void): Promise<void> {
    const away = this.#awayOf(side);
    if (away === undefined) throw new HostError('NOT_FOUND', 'That side is on this host.');
    await away.view(take);
  }

  /** What side b on another host has lived through since `from`. */
  async awayJournal(from: JournalPlace | undefined): Promise<{ entries: JournalEntry[]; next: JournalPlace | undefined }> {
    return (await this.#awayOf('b')?.journal(from)) ?? { entries: [], next: from };
  }

  /** The host that this side runs on, if it is another. */
  #awayOf(side: SideName): AwaySide | undefined {
    const { away, library, id } = this.folder.read();
    return side === 'b' && away !== null ? new AwaySide(library, away.peer, id) : undefined;
  }

  async #signal(side: SideName, pid: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const away = this.#awayOf(side);
    try {
      if (away !== undefined) await away.signal(signal);
      else process.kill(pid, signal);
    } catch (error) {
      // One that was stopped may have been ended meanwhile.
      if (signal !== 'SIGCONT' || !(error instanceof HostError || isSystemError(error, 'ESRCH'))) throw error;
    }
  }

  /** A side without a state, to which the one that is alone gives its own. */
  async #startSecondary(side: SideName): Promise<void> {
    const { machine, folder } = this;
    const pair = folder.read();
    const away = this.#awayOf(side);
    if (away === undefined || pair.away === null || pair.lease.kind !== 'etcd') {
      folder.write({ ...pair, disks: { ...pair.disks, [side]: this.#makeDisks(side, pair.disks[side]) } });
      this.launch('secondary', machine.folder, side, folder.log(side));
      return;
    }
    const configuration = await askProcess(folder, other(side), { kind: 'configuration' } satisfies SideQuestion, 0);
    const { deadAfter, lateAfter, stormAfter, verify, lease } = pair;
    const drives = (driveConfigurations(machine) ?? []).map((drive): AwayDrive => {
      const { kind } = drive;
      const readOnly = ownDrives([drive]).length === 0;
      const { bytes } = lookAt({ kind: 'path', path: drive.path }, (file) => examineDrive(file, kind));
      return { kind, readOnly, bytes, ...(readOnly ? { open: () => openWhenFree({ ...drive, readOnly: true }) } : {}) };
    });
    const port = await away.start({ machine: pair.machine, deadAfter, lateAfter, stormAfter, verify, lease }, configuration, drives);
    folder.write({ ...pair, away: { peer: away.peer.fingerprint, host: away.peer.address?.host ?? '', port } });
  }

  #journal(kind: JournalKind, text: string, took?: number): void {
    this.folder.journal.append({ at: Date.now(), by: 'person', kind, text, ...(took === undefined ? {} : { took }) });
  }

  /** `isFull`: all of the state travels, not what was changed. */
  async resync(isFull = false): Promise<void> {
    const { primary } = await this.status();
    if (primary === null) throw new HostError('WRONG_STATE', 'No side of the pair answers as the primary.');
    await this.#ask(primary, { kind: 'resync', isFull });
  }

  /**
   * Gives the guest keys, mouse, positions or bytes of COM1: in this order, behind what came before, each once, whatever happens to a side. Done when the
   * gateway has them. Throws WRONG_STATE when the guest takes no more, or nobody is there; BAD_INPUT for what no machine could take.
   */
  async input(inputs: readonly MachineInput[]): Promise<void> {
    this.folder.read();
    const checked = machineInput.array().safeParse(inputs);
    // One that a machine refuses would be in the way of all others for good.
    if (!checked.success) throw new HostError('BAD_INPUT', `A pair takes no such input: ${z.prettifyError(checked.error)}`);
    let answer: unknown;
    try {
      answer = await askProcess(this.folder, 'gateway', { kind: 'input', inputs: checked.data } satisfies GatewayQuestion, 0, answerWithin);
    } catch (cause) {
      throw new HostError('WRONG_STATE', 'The gateway of the pair does not answer, so nothing can be given to the guest.', { cause });
    }
    refuseAs(answer);
  }

  async #ask(side: SideName, question: SideQuestion): Promise<void> {
    refuseAs(await askProcess(this.folder, side, question, 0));
  }

  /** A first state may be large: as long as it gets on. */
  #untilProtected(): Promise<PairStatus> {
    return this.#until(
      'protection',
      ({ isProtected }) => isProtected,
      ({ primary, sides }) => (primary === null ? 0 : (sides[primary]?.link?.states ?? 0)),
    );
  }

  /** `progress`: patience begins anew when this has grown, but not for ever: a state may be refused again and again. */
  async #until(what: string, condition: (status: PairStatus) => boolean, progress: (status: PairStatus) => number = () => 0): Promise<PairStatus> {
    let seen = 0;
    const last = performance.now() + longestPatience;
    for (let end = performance.now() + patience; ; await delay(50)) {
      const status = await this.status();
      if (condition(status)) return status;
      const now = progress(status);
      if (now > seen) [seen, end] = [now, Math.min(last, performance.now() + patience)];
      if (performance.now() > end) throw new HostError('WRONG_STATE', `Waited for ${what} in vain. ${status.reason} The logs are in ${this.folder.path}.`);
    }
  }

  /** Empty images for a side that is about to join; the checkpoint fills them. Those of the side before it are of no use any more, `before`. */
  #makeDisks(side: SideName, before: readonly string[]): string[] {
    for (const old of new Set(before.map(dirname))) if (dirname(old) === this.folder.path) rmSync(old, { recursive: true, force: true });
    // Never a name that was used before: its process may be there still, stopped.
    const folder = mkdtempSync(join(this.folder.path, `disks-${side}-`));
    return ownDrives(driveConfigurations(this.machine)).map(({ kind, path }, index) => {
      const { bytes } = lookAt({ kind: 'path', path }, (file) => examineDrive(file, kind));
      const image = join(folder, `${kind}${index}.img`);
      const file = openSync(image, 'wx', 0o600);
      try {
        ftruncateSync(file, bytes);
      } finally {
        closeSync(file);
      }
      return image;
    });
  }

  /** What the survivor's guest has written comes to the machine's own images. */
  async #bringDisksHome(side: SideName): Promise<void> {
    const images = this.folder.read().disks[side];
    for (const [index, drive] of ownDrives(driveConfigurations(this.machine)).entries()) {
      const path = images[index];
      if (path === undefined) continue;
      const from = await openWhenFree({ kind: drive.kind, path, format: 'raw', readOnly: true });
      try {
        const to = await openWhenFree(drive);
        try {
          for (let at = 0; at < from.bytes; at += copyBytes) {
            const bytes = new Uint8Array(Math.min(copyBytes, from.bytes - at));
            await from.read(at, bytes);
            await to.write(at, bytes);
          }
          await to.flush();
        } finally {
          await to.close();
        }
      } finally {
        await from.close();
      }
    }
  }

  /** What another host's side has kept: its state, when it was suspended, and what its guest has written. */
  async #bringHome(away: AwaySide, kept: string): Promise<void> {
    const part = `${kept}.part`;
    rmSync(part, { force: true });
    const isThere = await bringState(away, 'state', part);
    for (const [index, drive] of ownDrives(driveConfigurations(this.machine)).entries()) {
      const to = await openWhenFree(drive);
      try {
        for await (const { offset, bytes } of away.read(index)) await to.write(offset, bytes);
        await to.flush();
      } finally {
        await to.close();
      }
    }
    if (isThere) renameSync(part, kept);
  }

  async #endAll(): Promise<void> {
    for (const name of ['a', 'b', 'gateway'] as const) {
      try {
        await askProcess(this.folder, name, { kind: 'end' }, 0, answerWithin);
      } catch {
        // It is gone already.
      }
    }
    await delay(100);
    try {
      await this.#awayOf('b')?.discard();
    } catch {
      // The other host cannot be reached, and goes on without us; its side ends for want of a gateway and a term.
    }
    await this.folder.forget();
    this.folder.remove();
  }
}

/** Brings a state from another host to a file that must not exist. False when there is none. */
async function bringState(away: AwaySide, what: 'state' | 'copy', path: string): Promise<boolean> {
  let file: number | undefined;
  try {
    for await (const { bytes } of away.read(what)) {
      file ??= openSync(path, 'wx', 0o600);
      // A nearly full disk takes a part.
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    }
    if (file !== undefined) fsyncSync(file);
  } finally {
    if (file !== undefined) closeSync(file);
  }
  return file !== undefined;
}

/** The work of a process of a pair. Never ends by itself. */
export async function runPairProcess(
  kind: PairProcess,
  machine: StoredMachine,
  side: SideName,
  tools: BootTools,
  createMachine: (configuration: MachineConfiguration) => Promise<Machine>,
): Promise<void> {
  const folder = PairFolder.of(machine.folder);
  // It is a file in the pair's folder: a full disk is no reason to stop.
  process.stderr.on('error', () => undefined);
  if (kind === 'gateway') return runGateway(folder);
  const configuration = await configureMachine(tools, machine);
  const images = folder.read().disks[side];
  let index = 0;
  const drives = configuration.drives?.map((drive): DriveConfiguration => {
    if (ownDrives([drive]).length === 0) return drive;
    const path = images[index++];
    return path === undefined ? drive : { kind: drive.kind, path, format: 'raw' };
  });
  await SideProcess.run(folder, side, kind, { ...configuration, ...(drives === undefined ? {} : { drives }) }, createMachine);
}

/** The library that a machine's folder is in. */
export function libraryOf(machineFolder: string): string {
  return dirname(machineFolder);
}
