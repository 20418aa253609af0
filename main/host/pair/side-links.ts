/**
 * The links of a side. On the gateway's host the side connects to the gateway, and who joins connects to who is alone. A side on another host only listens: its port is
 * the only one that has to be reached, and the gateway and the other side come to it, again and again where need be.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SideName } from '../../../engine/tolerance/messages.ts';
import { hostIdentity } from '../peer/identity.ts';
import { listenSecurely } from '../peer/secure.ts';
import type { PairDescription, PairFolder } from './folder.ts';
import { connectLink, listenForLinks, type Link } from './link.ts';
import type { SideQuestion, ToPeerProcess } from './protocol.ts';
import { reach } from './reach.ts';

export const beatInterval = 100;
/** Milliseconds between two tries to reach a side on another host that may join. */
const dialInterval = 200;

export interface SideLinkEvents {
  control(link: Link, question: SideQuestion): void;
  /** The other side, if it may come now; else false. */
  peer(link: Link): boolean;
  gateway(link: Link): void;
}

/** What a side on another host tells the program that started it, in its folder. */
export const listeningFile = 'listening.json';

export class SideLinks {
  #isDialing = false;
  #dialed = 0;

  constructor(
    private readonly folder: PairFolder,
    private readonly pair: PairDescription,
    private readonly name: SideName,
    private readonly events: SideLinkEvents,
  ) {}

  async listen(): Promise<void> {
    const { folder, pair, name } = this;
    rmSync(folder.socket(name), { force: true });
    await listenForLinks(folder.socket(name), (link) => this.#accept(link));
    const { home } = pair;
    if (home === null) return;
    const server = await listenSecurely(hostIdentity(pair.library), { host: home.listen, port: 0 }, (link, fingerprint) => {
      // The one host that it is for; whoever else is known here has no business with this pair.
      if (fingerprint !== home.peer) return link.close();
      link.trust();
      this.#accept(link);
    });
    const file = join(folder.path, listeningFile);
    writeFileSync(`${file}.new`, JSON.stringify({ pid: process.pid, port: server.address.port }));
    renameSync(`${file}.new`, file);
  }

  #accept(link: Link): void {
    link.onMessage = (value) => {
      // Written by a process of this build, on this host or a known one.
      const message = value as ToPeerProcess;
      if (message.kind === 'control') this.events.control(link, message.question as SideQuestion);
      else if (message.kind === 'gateway') {
        link.keepAlive(beatInterval, this.pair.deadAfter);
        this.events.gateway(link);
      } else if (message.kind !== 'peer' || !this.events.peer(link)) link.close();
    };
  }

  /** A side on another host waits for the gateway to come. */
  async connectGateway(patience: number): Promise<void> {
    if (this.pair.home !== null) return;
    const link = await connectLink(this.folder.socket('gateway'), patience);
    link.send({ kind: 'side', side: this.name });
    this.events.gateway(link);
  }

  /** This side joins. On another host it is the other that comes. */
  async joinPeer(patience: number): Promise<void> {
    if (this.pair.home !== null) return;
    const link = await reach(this.folder, this.name === 'a' ? 'b' : 'a', patience);
    link.send({ kind: 'peer', side: this.name });
    if (!this.events.peer(link)) link.close();
  }

  /** This side is alone, and looks whether the one on the other host wants to join. Nothing happens where both are here. */
  lookForPeer(): void {
    const now = performance.now();
    if (this.pair.away === null || this.name !== 'a' || this.#isDialing || now - this.#dialed < dialInterval) return;
    this.#isDialing = true;
    this.#dialed = now;
    const done = () => {
      this.#isDialing = false;
    };
    reach(this.folder, 'b', 0).then((link) => {
      link.send({ kind: 'peer', side: this.name });
      link.onClose = done;
      // Its first word is that it is ready.
      link.onMessage = (first) => {
        done();
        link.onClose = () => {};
        if (this.events.peer(link)) link.onMessage(first);
        else link.close();
      };
    }, done);
  }
}
