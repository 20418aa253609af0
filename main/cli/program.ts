import { Command, CommanderError } from 'commander';
import { addAssemblyCommands } from './assembly-commands.ts';
import { addDisplayCommands } from './display-commands.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addGdbCommand } from './gdb-command.ts';
import { EXIT, outcomeOf } from './exit.ts';
import { addGuardCommands } from './guard-commands.ts';
import { addDriveCommand } from './drive-command.ts';
import { addLibraryCommands } from './library-commands.ts';
import { addRunCommands } from './run-commands.ts';
import { addPairCommands } from './pair-commands.ts';
import { addPeerCommands } from './peer-commands.ts';
import { addPeekCommand } from './peek-command.ts';
import { addReportCommand } from './report-command.ts';
import { addScriptCommand } from './script-command.ts';
import { addServeCommand } from './serve-command.ts';
import type { Services } from './services.ts';
import { addSmmCommands } from './smm-commands.ts';
import { line, type Terminal } from './terminal.ts';

/** Runs one command line (without the program's own name) and returns its exit status. Never throws. */
export async function runCommandLine(words: readonly string[], services: Services, terminal: Terminal): Promise<number> {
  let status: number = EXIT.done;
  const finish = (value: number): void => {
    status = value;
  };
  const program = new Command('vitrine')
    .description('A hypervisor manager you can see inside. Each command has --help.')
    .version(services.version, '-V, --version', 'print the version')
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'vitrine: ')),
    })
    .exitOverride();
  addRunCommands(program, services, terminal, finish);
  addLibraryCommands(program, services, terminal);
  addDriveCommand(program, services, terminal);
  addSmmCommands(program, services, terminal);
  addGuardCommands(program, services, terminal);
  addDisplayCommands(program, services, terminal);
  addPairCommands(program, services, terminal);
  addPeerCommands(program, terminal);
  addAssemblyCommands(program, services, terminal);
  addPeekCommand(program, services, terminal);
  addReportCommand(program, services, terminal);
  addScriptCommand(program, services, terminal, finish);
  addServeCommand(program, services, terminal, finish);
  addGdbCommand(program, services, terminal);
  addDoctorCommand(program, services, terminal, finish);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const outcome = outcomeOf(error);
    line(terminal.stderr, `vitrine: ${outcome.sentence}`);
    if (terminal.environment['VITRINE_DEBUG'] === '1' && error instanceof Error && error.stack) line(terminal.stderr, error.stack);
    return outcome.status;
  }
}
