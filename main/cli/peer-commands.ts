import type { Command } from 'commander';
import { formatAddress, parseAddress } from '../host/peer/address.ts';
import { hostIdentity } from '../host/peer/identity.ts';
import { KnownPeers, peerNameSchema, type KnownPeer } from '../host/peer/known-peers.ts';
import { addPeer } from '../host/peer/pairing.ts';
import { askForCode } from '../host/peer/peer-server.ts';
import { libraryFolder } from '../host/places.ts';
import { usage } from './exit.ts';
import { libraryOptions } from './library-commands.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface PeerOptions {
  library?: string;
  json?: boolean;
  name?: string;
}

/** `vitrine peer`: the hosts that this one trusts with the other side of a pair. */
export function addPeerCommands(program: Command, terminal: Terminal): void {
  const peer = program.command('peer').description('other hosts that may run the other side of a pair');
  const library = (options: PeerOptions) => libraryFolder(options.library, terminal.environment);

  libraryOptions(
    peer
      .command('add')
      .description('pair with a host on which "vitrine serve --peer" runs, by the code that it shows')
      .argument('<address>', 'ADDRESS:PORT')
      .argument('<code>')
      .option('--name <name>', 'what it is to be called here (default: its own name)'),
  ).action(async (address: string, code: string, options: PeerOptions) => {
    const where = parseAddress(address);
    if (where.port === 0) throw usage('A peer listens on a port from 1 to 65535.');
    if (options.name !== undefined && !peerNameSchema.safeParse(options.name).success) throw usage('A peer’s name has lower-case letters, digits and hyphens, 63 at most.');
    const folder = library(options);
    const added = await addPeer(hostIdentity(folder), new KnownPeers(folder), where, code, options.name);
    if (options.json) jsonLine(terminal.stdout, shown(added));
    else line(terminal.stdout, `${added.name} is a peer now, and knows this host. "vitrine pair create MACHINE --peer ${added.name}" uses it.`);
  });

  libraryOptions(peer.command('list').description('the hosts that are trusted')).action((options: PeerOptions) => {
    const all = new KnownPeers(library(options)).list();
    if (options.json) return jsonLine(terminal.stdout, all.map(shown));
    if (all.length === 0) line(terminal.stdout, 'There are no peers. "vitrine serve --peer" on one host shows a code for "vitrine peer add" on the other.');
    for (const one of all) line(terminal.stdout, `${one.name.padEnd(20)} ${(one.address === null ? '-' : formatAddress(one.address)).padEnd(24)} ${one.fingerprint}`);
  });

  libraryOptions(peer.command('remove').description('trust a host no more; it has to be paired again').argument('<name>')).action((name: string, options: PeerOptions) => {
    new KnownPeers(library(options)).remove(name);
    if (options.json) jsonLine(terminal.stdout, { removed: name });
    else line(terminal.stdout, `${name} is a stranger now. Pairs that run with it go on until they are broken. Remove this host there as well.`);
  });

  libraryOptions(peer.command('code').description('a new pairing code of the "vitrine serve --peer" that runs here; the one before is void')).action(async (options: PeerOptions) => {
    const { code, seconds } = await askForCode(library(options));
    if (options.json) jsonLine(terminal.stdout, { code, seconds });
    else line(terminal.stdout, `${code}\nGood for one host, for ${seconds / 60} minutes.`);
  });
}

const shown = ({ name, fingerprint, address }: KnownPeer) => ({ name, fingerprint, address: address === null ? null : formatAddress(address) });
