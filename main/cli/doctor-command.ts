import type { Command } from 'commander';
import { runDoctor } from '../host/doctor/doctor.ts';
import { libraryFolder } from '../host/places.ts';
import { EXIT } from './exit.ts';
import { libraryOptions } from './library-commands.ts';
import type { Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

const WORDS = { good: 'good', warning: 'warning', bad: 'BAD', 'not-applicable': 'n/a' } as const;

/** Needs no library of its own: what it checks may be why none can be opened. */
export function addDoctorCommand(program: Command, services: Services, terminal: Terminal, finish: (status: number) => void): void {
  libraryOptions(program.command('doctor').description('look for what could keep Vitrine from working, and say how to mend it')).action(
    async (options: { library?: string; json?: boolean }) => {
      const library = libraryFolder(options.library, terminal.environment);
      const results = await runDoctor({ library, workers: services.workers, guests: services.guests });
      if (options.json) jsonLine(terminal.stdout, results);
      else {
        for (const { title, outcome, description, fixes } of results) {
          line(terminal.stdout, `${WORDS[outcome].padEnd(8)} ${title}: ${description}`);
          for (const fix of fixes) line(terminal.stdout, `${' '.repeat(9)}→ ${fix}`);
        }
      }
      finish(results.some(({ outcome }) => outcome === 'bad') ? EXIT.failed : EXIT.done);
    },
  );
}
