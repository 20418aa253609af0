/** What `vitrine serve --peer` listens with: pairing for strangers, and requests of hosts that are known. */
import { rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { socketPath } from '../pair/folder.ts';
import { ask, listenForLinks, type Link } from '../pair/link.ts';
import type { Address } from './address.ts';
import { HostError } from '../errors.ts';
import { hostIdentity, peerFolder } from './identity.ts';
import { KnownPeers, type KnownPeer } from './known-peers.ts';
import { PairingCodes, codeLife } from './pairing-code.ts';
import { answerPairing } from './pairing.ts';
import { LinkTaker } from './relay.ts';
import { listenSecurely, type SecureServer } from './secure.ts';

/** Milliseconds in which a stranger has to say what it wants. */
const strangerPatience = 10_000;

/** Answers a request of a known host, with a LinkTaker to have the link for itself; what it throws is told as a sentence. */
export type RequestHandler = (peer: KnownPeer, request: unknown) => Promise<unknown>;

export class PeerServer {
  private constructor(
    private readonly server: SecureServer,
    private readonly local: Server,
    private readonly codes: PairingCodes,
  ) {}

  /** `warn` hears of hosts that have been added. */
  static async start(library: string, where: Address, handle: RequestHandler, warn: (sentence: string) => void): Promise<PeerServer> {
    const identity = hostIdentity(library);
    const known = new KnownPeers(library);
    const codes = new PairingCodes(identity.fingerprint);
    const server = await listenSecurely(identity, where, (link, fingerprint) => {
      let peer: KnownPeer | undefined;
      try {
        // Looked at for each connection: who was removed is a stranger again.
        peer = known.get(fingerprint);
      } catch (error) {
        warn(sentenceOf(error));
        link.close();
        return;
      }
      if (peer !== undefined) return serve(link, peer, handle);
      const timer = setTimeout(() => link.close(), strangerPatience);
      link.onClose = () => clearTimeout(timer);
      link.onMessage = (message) => {
        // One try for each connection.
        link.onMessage = () => link.close();
        answerPairing({ identity, known, codes }, link, fingerprint, message).then(
          (added) => {
            if (added !== undefined) warn(`${added.name} is a peer now.`);
          },
          (error: unknown) => {
            warn(`A peer could not be added: ${sentenceOf(error)}`);
            link.close();
          },
        );
      };
    });
    const path = socketOf(library);
    rmSync(path, { force: true });
    const local = await listenForLinks(path, (link) => {
      link.onMessage = () => link.send({ code: codes.next(), seconds: codeLife / 1000 });
    });
    return new PeerServer(server, local, codes);
  }

  get address(): Address {
    return this.server.address;
  }

  /** A new pairing code; the one before is void. */
  code(): string {
    return this.codes.next();
  }

  async close(): Promise<void> {
    this.local.close();
    await this.server.close();
  }
}

function socketOf(library: string): string {
  return socketPath(peerFolder(library), 'serve');
}

/** A new code of the program that listens for this library. Throws HostError when there is none. */
export async function askForCode(library: string): Promise<{ code: string; seconds: number }> {
  try {
    // Answered by the server above.
    return (await ask(socketOf(library), { kind: 'code' }, 0)) as { code: string; seconds: number };
  } catch (error) {
    throw new HostError('WRONG_STATE', 'Nothing listens for peers on this host; "vitrine serve --peer" does.', { cause: error });
  }
}

function serve(link: Link, peer: KnownPeer, handle: RequestHandler): void {
  link.trust();
  link.onMessage = (message) => {
    handle(peer, message).then(
      (answer) => {
        if (!(answer instanceof LinkTaker)) return link.send({ kind: 'answer', answer });
        link.send({ kind: 'answer', answer: null });
        answer.take(link);
      },
      (error: unknown) => link.send({ kind: 'refused', reason: sentenceOf(error) }),
    );
  };
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
