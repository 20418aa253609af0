/** Reports of the machines of a library: taken, shown, saved. Main thread. */
import { randomUUID } from 'node:crypto';
import type { MachineConfiguration } from '../../../engine/machine/machine.ts';
import type { ReportFormat, TakenReport } from '../../contract/reports.ts';
import type { Report } from '../../contract/report.ts';
import { HostError } from '../errors.ts';
import type { StoredMachine } from '../library.ts';
import { formatSize } from '../memory-size.ts';
import { Session, type MachineFactory } from '../session.ts';
import type { TaskList } from '../tasks.ts';
import { gatherReport, type Subject } from './gather.ts';
import {
  checkWish,
  filesIn,
  formatOf,
  renderReport,
  saveReport,
  whileHeld,
  writeFiles,
  type SaveParts,
  type Saved,
  type Wording,
} from './save.ts';
import { sectionsOf } from './sections.ts';

/** What reports need of the host. */
export interface ReportsParts extends SaveParts {
  tasks: TaskList;
  createMachine: MachineFactory;
  /** The machine of the library, with its session. */
  withSession<Result>(id: string, work: (session: Session, machine: StoredMachine) => Promise<Result>): Promise<Result>;
  /** The file with the state of a suspended machine; undefined for others. */
  suspendedState(machine: StoredMachine): Promise<string | undefined>;
  configure(machine: StoredMachine): Promise<MachineConfiguration>;
  boot(machine: StoredMachine): Subject['boot'];
  /** Names of a machine's own source, for a session beside its own. */
  ownSymbols(id: string): ConstructorParameters<typeof Session>[4];
  warn(sentence: string): void;
}

interface SaveWish extends Wording {
  id: string;
  capture?: string | undefined;
  place: { kind: 'file' | 'folder'; path: string };
  formats: ReportFormat[];
}

const CANCEL_SAYS = 'Cancel removes what has been written so far; the machine goes on.';

export class Reports {
  /** The last report that was taken of each machine. */
  readonly #taken = new Map<string, { capture: string; report: Report }>();
  /** Suspended machines whose state is being read. */
  readonly #reading = new Set<string>();

  readonly #running = new Set<Promise<unknown>>();

  constructor(private readonly parts: ReportsParts) {}

  /** Refuses while the state of a suspended machine is read for a report: it must stay what it is. */
  refuseWhileRead(id: string): void {
    if (this.#reading.has(id))
      throw new HostError('WRONG_STATE', 'A report is being made of the machine’s suspended state; wait until it is done.');
  }

  async take(id: string): Promise<TakenReport> {
    const report = await this.#whileStill(id, (subject) => gatherReport(subject, this.parts.disassemble));
    const capture = randomUUID();
    this.#taken.set(id, { capture, report });
    return {
      capture,
      title: report.title,
      at: Date.parse(report.made.at),
      isPast: report.machine.state === 'running',
      contents: sectionsOf(report).map(({ id: section, title, amount, isEmpty }) => ({ id: section, title, amount, isEmpty })),
      problems: report.problems,
    };
  }

  #report(id: string, capture: string): Report {
    const taken = this.#taken.get(id);
    if (taken?.capture !== capture) throw new HostError('NOT_FOUND', 'This report was followed by another one; take a new one.');
    return taken.report;
  }

  render(id: string, capture: string, format: Exclude<ReportFormat, 'core'>, wording: Wording): string {
    return renderReport(this.#report(id, capture), format, wording);
  }

  /** `signal`: whoever asked for it wants it no longer. */
  async save({ id, capture, place, formats, ...wording }: SaveWish, signal?: AbortSignal): Promise<Saved> {
    checkWish(formats, wording);
    const { tasks } = this.parts;
    const name = await this.parts.withSession(id, (_session, { file }) => Promise.resolve(file.name));
    const files =
      place.kind === 'folder'
        ? filesIn(place.path, name, new Date(), formats)
        : formats.map((format) => ({ format, path: place.path }));
    if (place.kind === 'file') {
      if (formats.length !== 1) throw new HostError('BAD_INPUT', 'Several formats are saved to a folder, not to one file.');
      if (formatOf(place.path) !== formats[0])
        throw new HostError('BAD_INPUT', `The ending of ${place.path} is that of another format.`);
    }
    const title = `Report of ${name}`;
    return tasks.run(
      title,
      CANCEL_SAYS,
      async (progress) => {
        const following = {
          expect: progress.expect,
          advance: (bytes: number) => {
            try {
              progress.advance(bytes);
            } catch {
              throw new HostError('CANCELLED', `${title} was cancelled.`);
            }
          },
        };
        if (capture !== undefined && !formats.includes('core')) {
          return writeFiles(this.#report(id, capture), undefined, files, wording, this.parts, following);
        }
        return this.#whileStill(id, (subject) => saveReport(subject, files, wording, this.parts, following));
      },
      ({ files: written }) => `${written.map(({ path, bytes }) => `${path} (${formatSize(bytes)})`).join(', ')}.`,
      signal,
    );
  }

  /** When no machine is held for a report any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #whileStill<Result>(id: string, work: (subject: Subject) => Promise<Result>): Promise<Result> {
    const running = this.#hold(id, work);
    this.#running.add(running);
    const done = (): void => void this.#running.delete(running);
    running.then(done, done);
    return running;
  }

  #hold<Result>(id: string, work: (subject: Subject) => Promise<Result>): Promise<Result> {
    return this.parts.withSession(id, async (session, machine) => {
      const boot = this.parts.boot(machine);
      if (session.on) return whileHeld(session, (before) => work({ ...before, session, past: session, id, boot }));
      const state = await this.parts.suspendedState(machine);
      if (state === undefined)
        throw new HostError('WRONG_STATE', `${machine.file.name} is off, so there is nothing to report. Start it first.`);
      return this.#suspended(machine, session, state, work);
    });
  }

  /**
   * A suspended machine is put up beside its own session, never runs an instruction, and is taken down again: its state and its disks stay what they
   * are.
   */
  async #suspended<Result>(
    machine: StoredMachine,
    past: Session,
    state: string,
    work: (subject: Subject) => Promise<Result>,
  ): Promise<Result> {
    const { id } = machine;
    this.refuseWhileRead(id);
    this.#reading.add(id);
    const session = new Session(undefined, this.parts.disk, () => undefined, this.parts.warn, this.parts.ownSymbols(id));
    session.debug.symbols.addAll(past.debug.symbols);
    try {
      const configure = async (): Promise<MachineConfiguration> => {
        const configuration = await this.parts.configure(machine);
        return { ...configuration, drives: configuration.drives?.map((drive) => ({ ...drive, readOnly: true })) };
      };
      await session.start(this.parts.createMachine, configure, true, state);
      const drives = machine.file.drives ?? [];
      return await whileHeld(session, () =>
        work({
          session,
          past,
          state: 'suspended',
          reason: 'Suspended.',
          id,
          boot: this.parts.boot(machine),
          drivesReadOnly: drives.map(({ readOnly }) => readOnly === true),
        }),
      );
    } finally {
      await session.dispose();
      this.#reading.delete(id);
    }
  }
}
