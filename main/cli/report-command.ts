import { resolve } from 'node:path';
import type { Command } from 'commander';
import { HostError } from '../host/errors.ts';
import { formatSize } from '../host/memory-size.ts';
import { libraryFolder } from '../host/places.ts';
import { ReportJournal } from '../host/report/files.ts';
import type { Subject } from '../host/report/gather.ts';
import { formatOf, saveReport, whileHeld, type Saved } from '../host/report/save.ts';
import type { Session } from '../host/session.ts';
import { CommandError, SIGNAL_EXIT, usage } from './exit.ts';
import { libraryOptions } from './library-commands.ts';
import { findMachine, withLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface ReportOptions {
  library?: string;
  json?: boolean;
  output?: string;
  redact?: boolean;
  notes?: string;
}

/** Takes the report of a run into a file; a signal ends it. */
export type TakeReport = (session: Session, path: string, signal: AbortSignal) => Promise<Saved>;

/** `run --report`: of a machine that need not be in a library. */
export function runReport({ disk, engine }: Services, about: Pick<Subject, 'id' | 'boot'>): TakeReport {
  const journal = new ReportJournal(disk, undefined);
  return (session, path, signal) =>
    whileHeld(session, (before) =>
      saveReport(
        { ...before, ...about, session, past: session },
        [{ format: formatOf(path), path }],
        { redact: false, notes: '' },
        { disk, disassemble: engine.disassemble, journal },
        {
          expect: () => undefined,
          advance: () => {
            if (signal.aborted) throw new HostError('CANCELLED', 'The report was cancelled; nothing of it is left.');
          },
        },
      ),
    );
}

export function addReportCommand(program: Command, services: Services, terminal: Terminal): void {
  libraryOptions(
    program
      .command('report')
      .description('save a debug report of a machine that is on or suspended; one that runs stands still for the copy only')
      .argument('<machine>')
      .option('-o, --output <file>', 'where to: .json, .html, .md, or .core (ELF64, for gdb and Volatility 3)')
      .option('--redact', 'leave out memory contents, screens, serial text and paths (docs/formats/report.md)')
      .option('--notes <text>', 'a text for whoever reads it'),
  ).action(async (word: string, options: ReportOptions) => {
    if (options.output === undefined) throw usage('Say where the report goes: -o FILE.json, .html, .md or .core.');
    const path = resolve(options.output);
    const format = formatOf(path);
    const abort = new AbortController();
    let signalled: 'SIGINT' | 'SIGTERM' | undefined;
    const stopListening = terminal.onSignal((signal) => {
      signalled ??= signal;
      abort.abort();
    });
    try {
      await withLibrary(services, terminal, libraryFolder(options.library, terminal.environment), async (client) => {
        const id = await findMachine(client, word);
        const saved = await client.reports.save(
          { id, place: { kind: 'file', path }, formats: [format], redact: options.redact ?? false, notes: options.notes ?? '' },
          { signal: abort.signal },
        );
        if (options.json) return jsonLine(terminal.stdout, saved);
        for (const file of saved.files) line(terminal.stdout, `${file.path}: ${saved.title}, ${formatSize(file.bytes)}.`);
        for (const problem of saved.problems) line(terminal.stderr, `vitrine: ${problem}`);
      });
    } catch (error) {
      if (signalled === undefined) throw error;
      throw new CommandError(SIGNAL_EXIT[signalled], 'The report was cancelled; nothing of it is left.', { cause: error });
    } finally {
      stopListening();
    }
  });
}
