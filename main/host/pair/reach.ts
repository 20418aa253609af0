/** How the processes of a pair are reached: by sockets of the pair's folder, or, for a side on another host, by TLS. */
import type { SideName } from '../../../engine/tolerance/messages.ts';
import { hostIdentity } from '../peer/identity.ts';
import { connectSecurely } from '../peer/secure.ts';
import type { PairFolder } from './folder.ts';
import { askOver, connectLink, insist, type Link } from './link.ts';

/** Milliseconds for one try to reach another host. */
const handshakePatience = 3000;

/** Throws when nobody is there for `patience` milliseconds. */
export function reach(folder: PairFolder, process: SideName | 'gateway', patience: number): Promise<Link> {
  return insist(patience, async () => {
    // Read anew each time: a side that starts again listens elsewhere.
    const { away, library } = folder.read();
    if (process !== 'b' || away === null) return connectLink(folder.socket(process), 0);
    if (away.port === 0) throw new Error('Side b does not run.');
    const { link } = await connectSecurely(hostIdentity(library), away, (fingerprint) => fingerprint === away.peer, handshakePatience);
    return link;
  });
}

/** One question to a process of the pair, wherever it is, and its answer. */
export async function askProcess(folder: PairFolder, process: SideName | 'gateway', question: unknown, patience = 500, answerWithin?: number): Promise<unknown> {
  return askOver(await reach(folder, process, patience), { kind: 'control', question }, answerWithin);
}
