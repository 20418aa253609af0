/** Reports of the machines of a library: taken, shown, saved. Main thread. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriveConfiguration, MachineConfiguration } from '../../../engine/machine/machine.ts';
import type { ReportFormat, TakenReport } from '../../contract/reports.ts';
import type { Report } from '../../contract/report.ts';
import { examineDrive, lookAt } from '../drive-image.ts';
import { HostError } from '../errors.ts';
import type { StoredMachine } from '../library.ts';
import { formatSize } from '../memory-size.ts';
import { Session, type MachineFactory } from '../session.ts';
import type { TaskList } from '../tasks.ts';
import { gatherAbsent, gatherReport, type AbsentSubject, type Subject } from './gather.ts';
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
import { toleranceOf, type PairLook } from './tolerance.ts';

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
  /** Undefined: it runs in no pair. */
  pair(machine: StoredMachine): Promise<PairEvidence | undefined>;
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

/** What is done while the machine stands still. */
type Work<Result> = (subject: Subject | AbsentSubject) => Promise<Result>;

/** What a report needs of a pair. */
export interface PairEvidence {
  /** Writes the primary's state to a file. Throws where it cannot be had. */
  copy(path: string): Promise<void>;
  /** How it fares and what it has lived through, and what has left it by COM1; `problems`: what of that could not be had. */
  look(): Promise<PairLook & { serial: Report['serial'] | undefined; problems: string[] }>;
}

const NOT_INCLUDED =
  'Registers, memory, chips, screens and the guard are not included: the machine runs as a pair, in processes of its own, and its state could not be copied.';
const NOT_KEPT =
  'Alerts of the guard, breakpoints, traces and the chain behind a triple fault are not included: the machine runs as a pair, whose processes do not keep them.';

const drivesReadOnly = ({ file }: StoredMachine): boolean[] => (file.drives ?? []).map(({ readOnly }) => readOnly === true);

/** Why the state could not be copied; undefined: it is there. */
async function copied(pair: PairEvidence, path: string): Promise<string | undefined> {
  try {
    await pair.copy(path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A drive as large as this one with nothing on it: a state is put up with drives of the sizes that it was saved with. */
async function blank({ kind, path }: DriveConfiguration, at: string): Promise<DriveConfiguration> {
  const { bytes } = lookAt({ kind: 'path', path }, (file) => examineDrive(file, kind));
  await writeFile(at, '');
  await truncate(at, bytes);
  return { kind, path: at, format: 'raw', readOnly: true };
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
    const report = await this.#whileStill(id, async (subject) => (subject.session === undefined ? gatherAbsent(subject) : gatherReport(subject, this.parts.disassemble)));
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

  #whileStill<Result>(id: string, work: Work<Result>): Promise<Result> {
    const running = this.#hold(id, work);
    this.#running.add(running);
    const done = (): void => void this.#running.delete(running);
    running.then(done, done);
    return running;
  }

  #hold<Result>(id: string, work: Work<Result>): Promise<Result> {
    return this.parts.withSession(id, async (session, machine) => {
      const pair = await this.parts.pair(machine);
      if (pair !== undefined) return this.#paired(machine, session, pair, work);
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
    work: Work<Result>,
  ): Promise<Result> {
    const { id } = machine;
    this.refuseWhileRead(id);
    this.#reading.add(id);
    try {
      const configuration = await this.parts.configure(machine);
      const drives = configuration.drives?.map((drive) => ({ ...drive, readOnly: true }));
      return await this.#beside(machine, past, { ...configuration, drives }, state, (session) =>
        work({ session, past, state: 'suspended', reason: 'Suspended.', id, boot: this.parts.boot(machine), drivesReadOnly: drivesReadOnly(machine) }),
      );
    } finally {
      this.#reading.delete(id);
    }
  }

  /** Puts a saved state up in a session of its own, which never runs an instruction. */
  async #beside<Result>(
    machine: StoredMachine,
    past: Session,
    configuration: MachineConfiguration,
    state: string,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    const session = new Session(undefined, this.parts.disk, () => undefined, this.parts.warn, this.parts.ownSymbols(machine.id));
    session.debug.symbols.addAll(past.debug.symbols);
    try {
      await session.start(this.parts.createMachine, () => Promise.resolve(configuration), true, state);
      return await whileHeld(session, () => work(session));
    } finally {
      await session.dispose();
    }
  }

  /**
   * A machine that runs as a pair: the primary's state is copied, in one moment, and put up beside it while the pair goes on. Its disks are blank then, since a
   * report has nothing of them.
   */
  async #paired<Result>(machine: StoredMachine, past: Session, pair: PairEvidence, work: Work<Result>): Promise<Result> {
    const configuration = await this.parts.configure(machine);
    const folder = await mkdtemp(join(machine.folder, 'report-'));
    const about = {
      at: new Date().toISOString(),
      state: 'running' as const,
      id: machine.id,
      boot: this.parts.boot(machine),
      drivesReadOnly: drivesReadOnly(machine),
      drivesFiles: configuration.drives?.map(({ path }) => path),
    };
    try {
      const state = join(folder, 'state');
      const problem = await copied(pair, state);
      const look = await pair.look();
      const known = { ...about, reason: look.status.reason, tolerance: toleranceOf(look), serial: look.serial };
      if (problem !== undefined)
        return await work({ ...known, session: undefined, configuration, missing: [`${NOT_INCLUDED} ${problem}`, ...look.problems] });
      const drives = await Promise.all((configuration.drives ?? []).map((drive, index) => blank(drive, join(folder, `drive-${index}`))));
      return await this.#beside(machine, past, { ...configuration, drives }, state, (session) =>
        work({ ...known, session, past: session, missing: [NOT_KEPT, ...look.problems] }),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
