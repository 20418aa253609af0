import type { Command } from 'commander';
import { formatAddress } from '../host/peer/address.ts';
import { PeerServer } from '../host/peer/peer-server.ts';
import { SidesHere } from '../host/peer/sides-here.ts';
import { libraryFolder } from '../host/places.ts';
import { startServer } from '../server/server.ts';
import { SIGNAL_EXIT, usage } from './exit.ts';
import { libraryOptions } from './library-commands.ts';
import { parsePlace } from './port.ts';
import { holdLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface ServeOptions {
  library?: string;
  json?: boolean;
  listen?: string;
  port?: string;
  hostName?: string[];
  peer?: string | true;
}

export function addServeCommand(program: Command, services: Services, terminal: Terminal, finish: (status: number) => void): void {
  libraryOptions(
    program
      .command('serve')
      .description('host the library for a browser until Ctrl-C; prints the address with its key')
      .option('--listen <address>', 'default: loopback only', '127.0.0.1')
      .option('--port <number>', 'default: any free one', '0')
      .option('--host-name <name...>', 'further names by which browsers reach this computer')
      .option('--peer [place]', 'let other hosts run sides of pairs here, at [ADDRESS:]PORT (default: loopback, any free port); prints a pairing code'),
  ).action(async (options: ServeOptions) => {
    const port = /^\d{1,5}$/.test(options.port ?? '') ? Number(options.port) : Number.NaN;
    if (!(port <= 65535)) throw usage(`--port takes a number from 0 to 65535, not ${options.port ?? ''}.`);
    const library = libraryFolder(options.library, terminal.environment);
    const place = options.peer === undefined ? undefined : parsePlace('--peer', options.peer === true ? '0' : options.peer);
    const held = await holdLibrary(services, terminal, library, 'vitrine serve');
    try {
      const { host, doctor, log } = held.context;
      const server = await startServer({
        context: { host, doctor, log },
        files: services.files,
        address: options.listen,
        port,
        hostNames: options.hostName,
      });
      let peers: PeerServer | undefined;
      try {
        const ended = signalled(terminal);
        if (place !== undefined) {
          const warn = (sentence: string) => line(terminal.stderr, `vitrine: ${sentence}`);
          const sides = new SidesHere(library, place.address, services.engine.launch);
          peers = await PeerServer.start(library, { host: place.address, port: place.port }, (peer, request) => sides.handle(peer, request), warn);
        }
        const pairing = peers === undefined ? undefined : { address: formatAddress(peers.address), code: peers.code() };
        if (server.exposed !== undefined) line(terminal.stderr, `vitrine: ${server.exposed}`);
        if (options.json) jsonLine(terminal.stdout, { url: server.url, port: server.port, library, ...(pairing === undefined ? {} : { peer: pairing }) });
        else line(terminal.stdout, `The library ${library} is served at\n  ${server.url}\nThe part after # is the key; keep it to yourself. Ctrl-C ends.`);
        if (pairing !== undefined && !options.json)
          line(terminal.stdout, `Peers connect to ${pairing.address}. To pair, within ten minutes, on the other host:\n  vitrine peer add ${pairing.address} ${pairing.code}`);
        const signal = await ended;
        if (host.running > 0 && !options.json) line(terminal.stderr, `vitrine: Suspending ${host.running === 1 ? 'one machine' : `${host.running} machines`} ...`);
        for (const failure of await host.suspending.suspendAll()) line(terminal.stderr, `vitrine: ${failure}`);
        finish(signal === 'SIGINT' ? 0 : SIGNAL_EXIT.SIGTERM);
      } finally {
        await peers?.close();
        await server.close();
      }
    } finally {
      await held.close();
    }
  });
}

function signalled(terminal: Terminal): Promise<'SIGINT' | 'SIGTERM'> {
  return new Promise((resolve) => {
    const stop = terminal.onSignal((signal) => {
      stop();
      resolve(signal);
    });
  });
}
