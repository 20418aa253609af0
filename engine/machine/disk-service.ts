/**
 * The service worker's side of drives: opens the images at power-on, carries out requests outside of the device lock, closes the images when the
 * machine is off. Requests of one drive are carried out in the order in which they came, also those that were cancelled.
 */
import type { DiskStatus } from './bus.ts';
import type { DeviceLock } from './device-lock.ts';
import type { DiskEntry, DiskSet, PendingRequest } from './disks.ts';
import { mediumBytes, placeDrives } from './drives.ts';
import { MachineError, type DriveConfiguration, type MachineEvent } from './machine.ts';

/** What the service needs of an image: engine/storage has the real ones. Offsets and lengths are multiples of 512 bytes. */
export interface Image {
  readonly bytes: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): Promise<void> | void;
  write(offset: number, from: Uint8Array): Promise<void> | void;
  /** What was written before is on the medium when this is done. */
  flush(): Promise<void> | void;
  close(): Promise<void> | void;
}

export type OpenImage = (drive: DriveConfiguration) => Promise<Image> | Image;

export interface DiskServiceHooks {
  /** Completions are delivered now; while false they wait for `deliver`. */
  isRunning(): boolean;
  isVirtual(): boolean;
  onEvent(event: MachineEvent): void;
}

interface OpenDrive {
  readonly entry: DiskEntry;
  readonly configuration: DriveConfiguration;
  readonly image: Image;
  /** The last request that was begun. */
  seen: number;
  work: Promise<void>;
  /** Written to since the last flush. */
  dirty: boolean;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** ENOSPC and EDQUOT: the guest may be helped by a person who makes room. */
function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'no-space'].includes(String(error.code));
}

export class DiskService {
  #open: OpenDrive[] = [];

  constructor(
    private readonly configurations: readonly DriveConfiguration[],
    private readonly disks: DiskSet,
    private readonly lock: DeviceLock,
    private readonly openImage: OpenImage,
    private readonly hooks: DiskServiceHooks,
  ) {}

  /** Opens every image; none stays open when one cannot be. Throws MachineError with the image's name. The machine is off. */
  async open(): Promise<void> {
    await this.close();
    try {
      for (const [name, configuration] of placeDrives(this.configurations)) {
        const entry = this.disks.entries.get(name);
        if (entry === undefined) throw new Error(`The machine has no drive ${name}.`);
        let image: Image;
        try {
          image = await this.openImage(configuration);
        } catch (cause) {
          throw new MachineError('bad-image', `The image ${configuration.path} cannot be used. ${reasonOf(cause)}`, { cause });
        }
        this.#open.push({ entry, configuration, image, seen: -1, work: Promise.resolve(), dirty: false });
        entry.setMedium(mediumBytes(configuration.kind, configuration.path, image.bytes), image.readOnly || configuration.kind === 'cdrom');
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Begins what drives have asked for. */
  look(): void {
    for (const drive of this.#open) {
      const { entry } = drive;
      const found = this.lock.with(() => {
        const pending = entry.pending;
        if (pending === undefined || pending.sequence === drive.seen) return undefined;
        const { request } = pending;
        return { pending, data: request.kind === 'write' ? entry.outgoing(request.bytes) : undefined };
      });
      if (found === undefined) continue;
      drive.seen = found.pending.sequence;
      drive.work = drive.work.then(() => this.#perform(drive, found.pending, found.data));
    }
  }

  async #perform(drive: OpenDrive, { sequence, request }: PendingRequest, outgoing: Uint8Array | undefined): Promise<void> {
    const { entry, image, configuration } = drive;
    let status: DiskStatus = 'done';
    let data: Uint8Array | undefined;
    try {
      if (request.kind === 'flush') {
        await image.flush();
        drive.dirty = false;
      } else if (outgoing !== undefined) {
        drive.dirty = true;
        await image.write(request.offset, outgoing);
      } else {
        data = new Uint8Array(request.bytes);
        await image.read(request.offset, data);
      }
    } catch (error) {
      data = undefined;
      status = isFull(error) ? 'full' : 'failed';
      const reason = `A ${request.kind} of the image ${configuration.path} failed: ${reasonOf(error)}`;
      this.hooks.onEvent({ kind: 'diskError', drive: entry.name, path: configuration.path, reason });
    }
    this.lock.with(() => {
      if (entry.finish(sequence, status, data) && !this.hooks.isVirtual() && this.hooks.isRunning()) entry.complete();
    });
    // The drive may have asked for more from within.
    this.look();
  }

  /** When the machine goes on: tells the drives what was finished meanwhile (wall clock), and begins what a resumed machine had asked for. */
  deliver(): void {
    if (this.#open.length === 0) return;
    if (!this.hooks.isVirtual()) {
      this.lock.with(() => {
        for (const { entry } of this.#open) entry.complete();
      });
    }
    this.look();
  }

  /** Every request that was begun is finished: what the machine's memory holds is not in motion. */
  async settle(): Promise<void> {
    this.look();
    await Promise.all(this.#open.map((drive) => drive.work));
  }

  /** What was written so far is on the medium when this is done. Throws MachineError 'file-failed' with the image's name. */
  async flush(): Promise<void> {
    await this.settle();
    for (const drive of this.#open) {
      if (!drive.dirty) continue;
      try {
        await drive.image.flush();
      } catch (cause) {
        throw new MachineError('file-failed', `The image ${drive.configuration.path} could not be written to the end: ${reasonOf(cause)}`, { cause });
      }
      drive.dirty = false;
    }
  }

  get any(): boolean {
    return this.#open.length > 0;
  }

  /** Brings what was written to the medium, and closes the images. What fails is an event, since nobody can be asked any more. */
  async close(): Promise<void> {
    const drives = this.#open;
    this.#open = [];
    for (const { work, image, entry, configuration, dirty } of drives) {
      await work;
      try {
        try {
          if (dirty) await image.flush();
        } finally {
          await image.close();
        }
      } catch (error) {
        const reason = `The image ${configuration.path} could not be written to the end: ${reasonOf(error)}`;
        this.hooks.onEvent({ kind: 'diskError', drive: entry.name, path: configuration.path, reason });
      }
      entry.setMedium(0, false);
    }
  }
}
