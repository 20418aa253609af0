/** A machine of the library as people are told of it. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { MEMORY_UNIT, type MachineSummary, type RunStateName } from '../contract/machine.ts';
import { writeAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { HOST_FILES, type StoredMachine } from './library.ts';
import { isOwnDisk } from './linking.ts';
import type { MachineFile } from './machine-file.ts';
import type { Session } from './session.ts';

const lastRun = z.object({ started: z.number() });

/** What a machine starts from. Our own firmware tries floppies first and disks last. */
export function startsFrom({ boot, drives = [], bootOrder = ['floppy', 'cdrom', 'disk'] }: MachineFile): MachineSummary['boot'] {
  if (boot.kind !== 'own-bios') return { kind: boot.kind, file: basename(boot.file) };
  const first = bootOrder.flatMap((kind) => drives.filter((drive) => drive.kind === kind))[0];
  return { kind: 'drives', file: first ? basename(first.file) : 'empty drives' };
}

/** When the machine was started last, in milliseconds since 1970; null: nobody knows. */
export async function lastStarted(folder: string): Promise<number | null> {
  try {
    return lastRun.parse(JSON.parse(await readFile(join(folder, HOST_FILES.lastRun), 'utf8'))).started;
  } catch {
    // Absent or damaged: it only says when, and the next start writes it anew.
    return null;
  }
}

/** The machine is started now. */
export function noteStart(disk: Disk, folder: string): Promise<void> {
  return writeAtomically(disk, join(folder, HOST_FILES.lastRun), Buffer.from(`${JSON.stringify({ started: Date.now() })}\n`));
}

/** As this host runs it itself; `suspended`: it has a kept state. */
export function runState(session: Session | undefined, suspended: boolean): RunStateName {
  if (!session?.on && suspended) return 'suspended';
  return session === undefined || session.state === 'suspended' ? 'off' : session.state;
}

function reasonOf(session: Session | undefined, suspended: boolean, started: number | null): string {
  if (session?.since) return session.reason;
  if (suspended) return 'Suspended.';
  return started === null ? 'Has never been started.' : 'Off.';
}

/** Without what its pair says. `suspended`: its kept state, if it is off and has one. */
export async function summarize(
  disk: Disk,
  { file, folder, id }: StoredMachine,
  session: Session | undefined,
  suspended: { since: number; bytes: number } | undefined,
): Promise<MachineSummary> {
  const started = await lastStarted(folder);
  const picture = await disk.status(join(folder, HOST_FILES.thumbnail));
  return {
    kind: 'machine',
    id,
    name: file.name,
    state: runState(session, suspended !== undefined),
    reason: reasonOf(session, suspended !== undefined, started),
    since: suspended?.since ?? session?.since ?? null,
    memoryBytes: file.memoryMiB * MEMORY_UNIT,
    cpus: file.cpus,
    clock: file.clock,
    boot: startsFrom(file),
    sample: file.sample ?? null,
    note: file.note ?? '',
    group: file.group ?? null,
    tags: file.tags ?? [],
    disks: (file.drives ?? []).filter(isOwnDisk).length,
    linkedTo: file.linkedTo ?? [],
    folder,
    thumbnail: picture?.modified ?? null,
    created: Date.parse(file.created),
    lastStarted: started,
    display: session?.display ?? null,
    suspended: suspended ?? null,
    pair: null,
  };
}
