/** Takes reports of machines and writes them. Main thread; a core is written by the machine's own service worker. */
import { extname, join } from 'node:path';
import type { ReportFormat } from '../../contract/reports.ts';
import { report as reportSchema, type Report } from '../../contract/report.ts';
import type { Disassemble } from '../assembler.ts';
import type { Disk } from '../disk.ts';
import { explain, HostError } from '../errors.ts';
import { folderName } from '../library.ts';
import type { Session } from '../session.ts';
import type { Progress } from '../tasks.ts';
import { checkPlace, PendingFiles, type ReportJournal } from './files.ts';
import { gatherAbsent, gatherReport, type AbsentSubject, type Subject } from './gather.ts';
import { renderHtml } from './html.ts';
import { renderMarkdown } from './markdown.ts';
import { redact } from './redact.ts';

export interface ReportFile {
  format: ReportFormat;
  path: string;
}

/** What a person says about the text of a report. */
export interface Wording {
  redact: boolean;
  notes: string;
}

export interface SaveParts {
  disk: Disk;
  disassemble: Disassemble;
  journal: ReportJournal;
}

const ENDINGS: Readonly<Record<ReportFormat, string>> = { json: '.json', html: '.html', markdown: '.md', core: '.core' };

/** The format that a file's name means, or BAD_INPUT. */
export function formatOf(path: string): ReportFormat {
  const ending = extname(path).toLowerCase();
  const found = Object.entries(ENDINGS).find(([, known]) => known === ending)?.[0];
  if (found === 'json' || found === 'html' || found === 'markdown' || found === 'core') return found;
  throw new HostError(
    'BAD_INPUT',
    `A report ends in ${Object.values(ENDINGS).join(', ')}, which says what it is; ${path} does not.`,
  );
}

/** Names of files in a folder: the machine's, the moment, the format's ending. */
export function filesIn(folder: string, name: string, at: Date, formats: readonly ReportFormat[]): ReportFile[] {
  const moment = at.toISOString().slice(0, 19).replace(/:/gu, '').replace('T', '-');
  return formats.map((format) => ({ format, path: join(folder, `${folderName(name)}-${moment}${ENDINGS[format]}`) }));
}

/** What a core and its redaction cannot be together is refused before anything is done. */
export function checkWish(formats: readonly ReportFormat[], wording: Wording): void {
  if (wording.redact && formats.includes('core')) {
    throw new HostError(
      'BAD_INPUT',
      'A core is the guest’s memory, so there is none of a redacted report. Save the other formats redacted, or the core as it is.',
    );
  }
}

/** Has the machine of a session stand still for `work`, and go on behind it. */
export async function whileHeld<Result>(
  session: Session,
  work: (before: Pick<Subject, 'state' | 'reason'>) => Promise<Result>,
): Promise<Result> {
  const { machine } = session;
  const before = { state: session.state, reason: session.reason };
  const { since } = session;
  await machine.hold();
  try {
    return await work(before);
  } finally {
    // A machine that has gone off meanwhile has nothing to go on with; that it did was told by itself.
    await machine.letGo().catch((error: unknown) => {
      if (session.on) throw error;
    });
    if (before.state === 'running') session.wentOn(since);
  }
}

function worded(report: Report, { redact: isRedacted, notes }: Wording): Report {
  const noted = { ...report, notes };
  return isRedacted ? redact(noted) : noted;
}

/** The text of a report. Throws when it does not fit its own schema, since a reader could not rely on it. */
export function renderReport(whole: Report, format: Exclude<ReportFormat, 'core'>, wording: Wording): string {
  const report = reportSchema.parse(worded(whole, wording));
  switch (format) {
    case 'json':
      return `${JSON.stringify(report, undefined, 2)}\n`;
    case 'html':
      return renderHtml(report);
    case 'markdown':
      return renderMarkdown(report);
  }
}

/** Writes a core of the machine, which is held, and follows it. */
async function writeCore(
  session: Session,
  path: string,
  cpu: number,
  progress: Progress,
): Promise<{ bytes: number; hasLinear: boolean }> {
  const { machine } = session;
  let told = 0;
  let refusal: unknown;
  const unfollow = machine.on((event) => {
    if (event.kind !== 'progress' || event.activity !== 'core') return;
    try {
      progress.expect(event.total);
      progress.advance(event.done - told);
      told = event.done;
    } catch (error) {
      // It was cancelled; the machine says so itself.
      refusal = error;
      void machine.cancelCore();
    }
  });
  try {
    return await machine.writeCore(path, cpu);
  } catch (error) {
    throw refusal ?? error;
  } finally {
    unfollow();
  }
}

/** The vCPU whose addresses a core has: the one that stopped, else the first. */
function coreVcpu({ past, state }: Subject): number {
  const stop = state === 'paused' ? past.debug.stop : null;
  return stop === null || stop.kind === 'pause' ? 0 : stop.cpu;
}

export interface Saved {
  report: Report;
  files: (ReportFile & { bytes: number })[];
  problems: string[];
}

/** Writes files of a machine that is held, or of a pair whose machine cannot be had. Nothing is left under the final names unless all of them are whole. */
export async function saveReport(
  subject: Subject | AbsentSubject,
  files: readonly ReportFile[],
  wording: Wording,
  parts: SaveParts,
  progress: Progress,
): Promise<Saved> {
  if (subject.session === undefined) {
    if (files.some(({ format }) => format === 'core')) throw new HostError('WRONG_STATE', `There is no core of this pair now. ${subject.missing?.[0] ?? ''}`);
    return writeFiles(gatherAbsent(subject), undefined, files, wording, parts, progress);
  }
  const report = await gatherReport(subject, parts.disassemble);
  return writeFiles(report, subject, files, wording, parts, progress);
}

/** As saveReport, of a report that was taken before. `subject` undefined: there is no core among the files. */
export async function writeFiles(
  report: Report,
  subject: Subject | undefined,
  files: readonly ReportFile[],
  wording: Wording,
  { disk, journal }: SaveParts,
  progress: Progress,
): Promise<Saved> {
  checkWish(
    files.map(({ format }) => format),
    wording,
  );
  for (const { path } of files) await checkPlace(disk, path);
  const pending = new PendingFiles(disk, journal);
  const problems = [...report.problems];
  try {
    const written: Saved['files'] = [];
    for (const { format, path } of files) {
      progress.advance(0);
      if (format === 'core') {
        if (subject === undefined) throw new HostError('WRONG_STATE', 'A core is taken of a machine that stands still.');
        const { bytes, hasLinear } = await pending.put(path, (temporary) =>
          writeCore(subject.session, temporary, coreVcpu(subject), progress),
        );
        if (!hasLinear)
          problems.push('The page tables have too many runs for a core: it has the physical addresses alone, from 2^40 on.');
        written.push({ format, path, bytes });
      } else {
        const bytes = Buffer.from(renderReport(report, format, wording));
        await pending.put(path, (temporary) => disk.writeDurably(temporary, bytes));
        written.push({ format, path, bytes: bytes.length });
      }
    }
    progress.advance(0);
    await pending.finish();
    return { report, files: written, problems };
  } catch (error) {
    await pending.abandon();
    throw explain(error, 'The report');
  }
}
