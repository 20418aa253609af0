import type { Command } from 'commander';
import { libraryFolder } from '../host/places.ts';
import { CommandError, SIGNAL_EXIT } from './exit.ts';
import { libraryOptions } from './library-commands.ts';
import { clientGuest } from './script/guest.ts';
import { runScript } from './script/run-script.ts';
import { readScript } from './script/script-file.ts';
import { findMachine, requireHolder, type Services } from './services.ts';
import type { Terminal } from './terminal.ts';

const EXIT_HELP = `
The steps: wait-screen, wait-serial, wait-stop, wait-off, wait, type, keys, send, screenshot, break, pause, continue, peek, assert;
docs/formats/script.md explains them. The whole file is checked before the first step.

Exit status: 0 all steps are done · 1 a step failed · 124 a step waited in vain · 2 bad usage or a fault in the script · 130 Ctrl-C.`;

/** `vitrine script`: takes the steps of a file with a machine that is on, in the program that has the library open. */
export function addScriptCommand(
  program: Command,
  services: Services,
  terminal: Terminal,
  finish: (status: number) => void,
): void {
  libraryOptions(
    program
      .command('script')
      .description('take the steps of a file with a running machine: wait for its screen, type, look into it, check')
      .argument('<machine>')
      .argument('<file>')
      .addHelpText('after', EXIT_HELP),
  ).action(async (word: string, file: string, options: { library?: string; json?: boolean }) => {
    const { disk } = services;
    const script = await readScript(disk, file);
    const holder = await requireHolder(services, libraryFolder(options.library, terminal.environment), word);
    const stop = new AbortController();
    const stopListening = terminal.onSignal((signal) => {
      finish(SIGNAL_EXIT[signal]);
      stop.abort();
    });
    try {
      const guest = clientGuest(holder.client, await findMachine(holder.client, word));
      const end = await runScript(script, guest, { disk, terminal, json: options.json ?? false }, stop.signal);
      if (end.kind === 'failed') throw new CommandError(end.status, end.sentence);
    } finally {
      stopListening();
      holder.close();
    }
  });
}
