import { isAbsolute } from 'node:path';
import { placeDrives, type DrivePosition } from '../../engine/machine/drives.ts';
import type { DriveKind, MachineDrive, MachineDrives, NewDrive } from '../contract/library.ts';
import type { MachineSummary } from '../contract/machine.ts';
import type { Disk } from './disk.ts';
import { checkPlaces, draftDrives, isNamed, type MachineDrives as DrivesOfFile } from './drive-drafting.ts';
import { examineDrive, lookAt } from './drive-image.ts';
import { HostError } from './errors.ts';
import { resolveFile, type Library, type StoredMachine } from './library.ts';
import type { TaskList } from './tasks.ts';

export interface DriveEditingHost {
  disk: Disk;
  library: Library;
  tasks: TaskList;
  exclusive<Result>(work: () => Promise<Result>): Promise<Result>;
  announce(machine: StoredMachine): Promise<MachineSummary>;
  /** WRONG_STATE while the machine is on, suspended, or being cloned. */
  refuseUnlessOff(machine: StoredMachine): Promise<void>;
}

export interface DriveChange {
  drives: readonly ({ keep: string; readOnly?: boolean | undefined } | NewDrive)[];
  bootOrder?: DriveKind[] | null | undefined;
}

const PLACES: Record<DrivePosition, string> = {
  floppy0: 'A:',
  floppy1: 'B:',
  'ide0.0': 'Primary master',
  'ide0.1': 'Primary slave',
  'ide1.0': 'Secondary master',
  'ide1.1': 'Secondary slave',
};

/** The drives of a machine as people see them. */
export function listDrives(machine: StoredMachine): MachineDrives {
  const drives = machine.file.drives ?? [];
  const places = new Map<string, DrivePosition>();
  const placed = placeDrives(drives.map(({ kind }, index) => ({ kind, path: String(index) })));
  for (const [position, { path }] of placed) places.set(path, position);
  return {
    drives: drives.map(({ kind, file, readOnly, format }, index): MachineDrive => {
      const position = places.get(String(index));
      const shown = {
        kind,
        file,
        format: format ?? 'raw',
        readOnly: readOnly ?? kind === 'cdrom',
        place: position ? PLACES[position] : '',
      };
      try {
        const path = resolveFile(machine, file);
        const bytes = lookAt({ kind: 'path', path }, (opened) => examineDrive(opened, kind).bytes);
        return { ...shown, bytes, problem: null };
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        return { ...shown, bytes: null, problem: error.message };
      }
    }),
    bootOrder: machine.file.bootOrder?.length ? machine.file.bootOrder : null,
  };
}

/** Puts images into a machine that is off, and takes them out. */
export class DriveEditing {
  constructor(private readonly host: DriveEditingHost) {}

  async configure(id: string, change: DriveChange): Promise<MachineDrives> {
    const { library } = this.host;
    const before = await library.get(id);
    await this.host.refuseUnlessOff(before);
    const taken = await library.files(id);
    const wanted = change.drives.filter((drive): drive is NewDrive => !('keep' in drive));
    const drafted = await draftDrives(this.host.disk, wanted, false, (name) => isNamed(taken, name));
    // Before anything is copied: it may be for nothing.
    checkPlaces(arrange(before, change, drafted.drives));
    const store = (advance: (bytes: number) => void = () => undefined): Promise<StoredMachine> =>
      library.addFiles(id, drafted.files, {
        advance,
        commit: (put) =>
          this.host.exclusive(async () => {
            await this.host.refuseUnlessOff(await library.get(id));
            await put();
            return library.update(id, (file) => {
              const { bootOrder: order, ...rest } = file;
              const next = change.bootOrder === undefined ? order : (change.bootOrder ?? undefined);
              const drives = arrange({ ...before, file }, change, drafted.drives);
              return { ...rest, drives, ...(next ? { bootOrder: next } : {}) };
            });
          }),
      });
    const stored =
      drafted.copiedBytes === 0
        ? await store()
        : await this.host.tasks.run(
            `Adding images to ${before.file.name}`,
            'Cancel removes what has been copied so far; the machine stays as it is.',
            async (progress) => {
              progress.expect(drafted.copiedBytes);
              return store(progress.advance);
            },
            () => `${before.file.name} has its drives.`,
          );
    await this.host.announce(stored);
    return listDrives(stored);
  }
}

/** The list of drives as it will be. Throws BAD_INPUT for one that the machine does not have. */
function arrange({ file }: StoredMachine, change: DriveChange, added: DrivesOfFile): DrivesOfFile {
  const left = [...added];
  const had = [...(file.drives ?? [])];
  return change.drives.map((drive) => {
    if (!('keep' in drive)) {
      const next = left.shift();
      if (!next) throw new Error('a drive was not drafted');
      return next;
    }
    const index = had.findIndex((one) => one.file === drive.keep);
    const [kept] = index < 0 ? [] : had.splice(index, 1);
    if (!kept)
      throw new HostError(
        'BAD_INPUT',
        `${file.name} has no drive with ${drive.keep}${isAbsolute(drive.keep) ? '' : ' in its folder'}.`,
      );
    const { readOnly: was, ...plain } = kept;
    return (drive.readOnly ?? was) ? { ...plain, readOnly: true } : plain;
  });
}
