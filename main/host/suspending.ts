/** Machines that are kept as they are: their state in a file of their folder, and back again. Refusals are HostErrors. */
import { join } from 'node:path';
import type { MachineSummary } from '../contract/machine.ts';
import type { Disk } from './disk.ts';
import { explain, HostError } from './errors.ts';
import { HOST_FILES, type Library, type StoredMachine } from './library.ts';
import { formatSize } from './memory-size.ts';
import type { Session } from './session.ts';
import type { TaskList } from './tasks.ts';

export interface SuspendingHost {
  disk: Disk;
  library: Library;
  tasks: TaskList;
  /** Machines that were on in this process, by id. */
  sessions: ReadonlyMap<string, Session>;
  session(machine: StoredMachine): Session;
  /** Runs a change of the library in turn with all others. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Tells every front of a machine that has changed. */
  announce(machine: StoredMachine): Promise<MachineSummary>;
  /** See Host.control. */
  control(id: string, work: (session: Session, machine: StoredMachine) => Promise<void>): Promise<MachineSummary>;
  /** Powers on, standing still, with the state in the file `restore`. */
  powerOn(machine: StoredMachine, restore: string): Promise<MachineSummary>;
  /** WRONG_STATE while its files are read for a report. */
  refuseWhileRead(id: string): void;
}

export class Suspending {
  constructor(private readonly host: SuspendingHost) {}

  /** The kept state in a machine's folder: since when (milliseconds since 1970), and how large. */
  async kept(folder: string): Promise<{ since: number; bytes: number } | undefined> {
    const status = await this.host.disk.status(join(folder, HOST_FILES.suspended));
    return status && !status.folder ? { since: status.modified, bytes: status.size } : undefined;
  }

  /** From paused, or from suspended. */
  async resume(id: string): Promise<MachineSummary> {
    const machine = await this.host.library.get(id);
    if (!this.host.sessions.get(id)?.on && (await this.kept(machine.folder))) await this.bringBack(machine);
    return this.host.control(id, (session) => session.machine.resume());
  }

  /**
   * A suspended machine as it was, standing still. The kept state goes when the machine has it, and before its guest runs: once the guest has
   * written to a disk, the state fits that disk no more.
   */
  async bringBack(machine: StoredMachine): Promise<void> {
    const path = join(machine.folder, HOST_FILES.suspended);
    await this.host.powerOn(machine, path);
    try {
      await this.#remove(machine);
    } catch (error) {
      await this.host.session(machine).powerOff();
      const refused = explain(error, path);
      const code = refused instanceof HostError ? refused.code : 'UNREADABLE';
      throw new HostError(
        code,
        `${machine.file.name} was not resumed: its kept state could not be removed. ${refused.message}`,
      );
    }
  }

  async #remove({ folder }: StoredMachine): Promise<void> {
    await this.host.disk.removeFile(join(folder, HOST_FILES.suspended));
    await this.host.disk.syncFolder(folder);
  }

  /** Keeps the machine's state in its folder, and ends it. */
  suspend(id: string): Promise<MachineSummary> {
    return this.host.control(id, (session, { file }) => this.#suspend(session, file.name));
  }

  async #suspend(session: Session, name: string): Promise<void> {
    // Refused before there is a task that could only fail.
    const { state } = session.machine;
    if (state !== 'running' && state !== 'paused')
      throw new HostError('WRONG_STATE', `${name} is ${state}, so it cannot be suspended.`);
    const title = `Suspending ${name}`;
    await this.host.tasks.run(
      title,
      'Cancel lets the machine go on.',
      async ({ expect, advance }) => {
        let told = 0;
        try {
          return await session.suspend((done, total) => {
            expect(total);
            advance(done - told);
            told = done;
          });
        } catch (error) {
          const refused = explain(error, session.folder ?? name);
          throw refused instanceof HostError && refused.code === 'CANCELLED'
            ? new HostError('CANCELLED', `${title} was cancelled; it goes on.`)
            : refused;
        }
      },
      (bytes) => `${formatSize(bytes)} kept.`,
    );
  }

  /** Removes a suspended machine's state. */
  discard(id: string): Promise<MachineSummary> {
    return this.host.exclusive(async () => {
      this.host.refuseWhileRead(id);
      const machine = await this.host.library.get(id);
      const session = this.host.session(machine);
      if (session.on || !(await this.kept(machine.folder)))
        throw new HostError('WRONG_STATE', `${machine.file.name} is not suspended.`);
      try {
        await this.#remove(machine);
      } catch (error) {
        throw explain(error, join(machine.folder, HOST_FILES.suspended));
      }
      session.discarded();
      return this.host.announce(machine);
    });
  }

  /**
   * Before the program ends: suspends every machine that can be. Returns a sentence for each that could not; it is on as before.
   * A crashed machine has nothing to keep and is left to the host's `close`.
   */
  async suspendAll(): Promise<string[]> {
    const failures: string[] = [];
    for (const [id, session] of this.host.sessions) {
      if (!session.on || (session.state !== 'running' && session.state !== 'paused')) continue;
      try {
        await this.suspend(id);
      } catch (error) {
        // Powered off meanwhile, by its guest or by somebody: there is nothing to keep.
        await session.settled();
        if (!session.on) continue;
        failures.push(`${id} was not suspended. ${explain(error, id).message}`);
      }
    }
    return failures;
  }
}
