import { basename, dirname, isAbsolute, resolve } from 'node:path';
import type { MachineSummary } from '../contract/machine.ts';
import type { Disk } from './disk.ts';
import { HostError } from './errors.ts';
import { readMachine, type Library, type NewFile, type StoredMachine } from './library.ts';
import { freezeDisks, isOwnDisk, linkedDrives, standAlone } from './linking.ts';
import type { MachineFile } from './machine-file.ts';
import type { TaskList } from './tasks.ts';

/** What cloning needs of the host. */
export interface CloningHost {
  disk: Disk;
  library: Library;
  tasks: TaskList;
  /** Runs a change of the library in turn with all others. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Tells every front of a machine that is new or has changed. */
  announce(machine: StoredMachine): Promise<MachineSummary>;
  isSuspended(folder: string): Promise<boolean>;
}

/** Machines made of machines: full and linked clones, and folders adopted from elsewhere. */
export class Cloning {
  /** Machines whose files are being copied: they stay as they are meanwhile. */
  readonly #copied = new Set<string>();

  constructor(private readonly host: CloningHost) {}

  refuseWhileCopied(id: string): void {
    if (this.#copied.has(id))
      throw new HostError('WRONG_STATE', 'The machine is being cloned; wait until the copy is made, or cancel it.');
  }

  /** A machine of its own of one that is off. */
  async clone(original: StoredMachine, name: string | undefined, kind: 'full' | 'linked'): Promise<MachineSummary> {
    this.#copied.add(original.id);
    try {
      if (await this.host.isSuspended(original.folder)) {
        throw new HostError(
          'WRONG_STATE',
          'The machine is suspended, and its disks fit only its state. Resume it and power it off, or discard the state, before cloning it.',
        );
      }
      const wanted = name ?? `${original.file.name.slice(0, 56)} copy`;
      const title = `Cloning ${original.file.name}`;
      if (kind === 'linked') return await this.linkMachine(original, wanted, title);
      return await this.copyMachine(original, wanted, title, ({ name: made }) => `${made} is in the library.`);
    } finally {
      this.#copied.delete(original.id);
    }
  }

  /** Copies a machine's folder from elsewhere into the library; the original is only read. */
  async adopt(folder: string): Promise<MachineSummary> {
    const { disk, library } = this.host;
    if (!isAbsolute(folder)) throw new HostError('BAD_INPUT', `The folder must be named by its whole path, not ${folder}.`);
    const path = resolve(folder);
    if (dirname(path) === resolve(library.folder)) throw new HostError('CONFLICT', `${path} is in the library already.`);
    const status = await disk.status(path);
    if (!status?.folder)
      throw new HostError('UNREADABLE', status ? `${path} is a file, not a machine’s folder.` : `${path} does not exist.`);
    const original = await readMachine(disk, dirname(path), basename(path));
    if (!original) throw new HostError('BAD_INPUT', `${path} is no machine’s folder: it has no machine.json.`);
    if ('problem' in original) throw original.problem;
    if (original.file.linkedTo) {
      const why = `${path} is a linked clone, whose disks need those of ${original.file.linkedTo.join(', ')}.`;
      throw new HostError('BAD_INPUT', `${why} Make a full clone of it in its own library, and adopt that.`);
    }
    const outcome = ({ name }: MachineSummary): string => `${name} is in the library; ${path} was left as it is.`;
    return this.copyMachine(original, original.file.name, `Adopting ${original.file.name}`, outcome);
  }

  /** CONFLICT while linked clones stand on the machine's disks. */
  async refuseWhileNeeded(id: string): Promise<void> {
    const stored = await this.host.library.list();
    const clones = stored.flatMap((one) => ('file' in one && one.file.linkedTo?.includes(id) ? [one.file.name] : []));
    if (clones.length === 0) return;
    const whose = clones.length === 1 ? `The linked clone ${clones[0]} needs` : `The linked clones ${clones.join(', ')} need`;
    throw new HostError(
      'CONFLICT',
      `${whose} its disks. Delete the machine only, which leaves them, or delete the clones first.`,
    );
  }

  /** A full copy; the disks of a linked clone become whole in it. */
  private async copyMachine(
    original: StoredMachine,
    name: string,
    title: string,
    outcome: (made: MachineSummary) => string,
  ): Promise<MachineSummary> {
    refuseForeignDisks(original);
    const { linkedTo, ...plain } = original.file;
    const whole = linkedTo === undefined ? undefined : standAlone(original);
    const created = new Date().toISOString();
    const file: MachineFile = { ...plain, ...(whole ? { drives: whole.drives } : {}), name, created };
    const more = { files: whole?.files ?? [], bytes: whole?.bytes ?? 0 };
    return this.makeCopy(original, file, more, whole?.replaced, title, outcome);
  }

  /** The original's disks are frozen first: it goes on with overlays of its own. */
  private async linkMachine(original: StoredMachine, name: string, title: string): Promise<MachineSummary> {
    if (!(original.file.drives ?? []).some(isOwnDisk)) {
      const why = `${original.file.name} has no hard disk in its folder that a clone could be linked to.`;
      throw new HostError('BAD_INPUT', `${why} Make a full clone.`);
    }
    refuseForeignDisks(original);
    const base = freezeDisks(original);
    const { exclusive, library } = this.host;
    await exclusive(() => library.update(original.id, (file) => ({ ...file, drives: base.drives })));
    const { drives, files, linkedTo } = linkedDrives(original, base);
    const overlays = base.drives.filter(isOwnDisk).map((drive) => drive.file);
    const file: MachineFile = { ...original.file, name, created: new Date().toISOString(), drives, linkedTo };
    const outcome = ({ name: made }: MachineSummary): string => `${made} is in the library, linked to ${original.file.name}.`;
    return this.makeCopy(original, file, { files, bytes: 0 }, new Set([...base.shared, ...overlays]), title, outcome);
  }

  private makeCopy(
    original: StoredMachine,
    file: MachineFile,
    more: { files: NewFile[]; bytes: number },
    without: ReadonlySet<string> | undefined,
    title: string,
    outcome: (made: MachineSummary) => string,
  ): Promise<MachineSummary> {
    const { exclusive, library, tasks, announce } = this.host;
    return tasks.run(
      title,
      'Cancel removes what has been copied so far; the original is not touched.',
      async (progress) => {
        const copied = await library.copyOf(original.folder, without);
        progress.expect(copied.bytes + more.bytes);
        const files = [...more.files, ...copied.files];
        return announce(await library.create(file, files, { advance: progress.advance, inTurn: exclusive }));
      },
      outcome,
    );
  }
}

/** Two machines that write one image destroy it. */
function refuseForeignDisks(original: StoredMachine): void {
  const shared = original.file.drives?.find(
    ({ kind, file, readOnly }) => kind !== 'cdrom' && readOnly !== true && isAbsolute(file),
  );
  if (!shared) return;
  const why = `${original.file.name} writes ${shared.file}, which is outside of its folder; a copy would write it as well.`;
  throw new HostError('BAD_INPUT', `${why} Make that drive read-only, or move the image into the folder.`);
}
