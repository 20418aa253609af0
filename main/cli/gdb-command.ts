import type { Command } from 'commander';
import type { GdbServerMessage } from '../contract/debug.ts';
import type { Session } from '../host/session.ts';
import { libraryFolder } from '../host/places.ts';
import { usage } from './exit.ts';
import { libraryOptions } from './library-commands.ts';
import { parsePort } from './port.ts';
import { findMachine, withLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

/** `run --gdb`: serves gdb from a machine that stands before its first instruction, and says where. */
export async function serveGdb(session: Session, port: number, terminal: Terminal): Promise<void> {
  const { lines } = await session.debug.startGdb(port);
  line(terminal.stderr, `vitrine: ${lines.gdb}`);
}

function print(server: GdbServerMessage, terminal: Terminal): void {
  const { host, port, attached, lines } = server;
  line(terminal.stdout, `gdb can attach at ${host}, port ${port}${attached ? '; one is attached' : ''}.`);
  line(terminal.stdout, '');
  line(terminal.stdout, `gdb      ${lines.gdb}`);
  line(terminal.stdout, `Ghidra   ${lines.ghidra}`);
  line(terminal.stdout, `IDA      ${lines.ida}`);
  line(terminal.stdout, 'VS Code  in launch.json:');
  for (const text of lines.vscode.split('\n')) line(terminal.stdout, `         ${text}`);
}

export function addGdbCommand(program: Command, services: Services, terminal: Terminal): void {
  libraryOptions(
    program
      .command('gdb')
      .description('let gdb attach to a machine that is on, and print the lines for gdb, VS Code, Ghidra and IDA')
      .argument('<machine>')
      .option('--port <port>', 'port to listen on (default: any that is free, or the one that is served already)')
      .option('--host <address>', 'address to listen on (default: loopback; gdb’s protocol knows no password)')
      .option('--stop', 'end it'),
  ).action(async (word: string, options: { library?: string; json?: boolean; port?: string; host?: string; stop?: boolean }) => {
    const port = options.port === undefined ? undefined : parsePort('--port', options.port);
    if (options.stop && (port !== undefined || options.host !== undefined))
      throw usage('--stop goes with neither --port nor --host.');
    await withLibrary(services, terminal, libraryFolder(options.library, terminal.environment), async (client) => {
      const id = await findMachine(client, word);
      if (options.stop) {
        await client.debug.gdb.stop({ id });
        if (options.json) jsonLine(terminal.stdout, null);
        else line(terminal.stdout, `gdb can no longer attach to ${id}.`);
        return;
      }
      const server = await client.debug.gdb.start({ id, port, host: options.host });
      if (options.json) jsonLine(terminal.stdout, server);
      else print(server, terminal);
    });
  });
}
