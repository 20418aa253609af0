/** The processes of a pair, of which nothing is real but their sockets, their answers and their journal. */
import { rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Host, HostOptions } from '../host.ts';
import { PairFolder } from '../pair/folder.ts';
import { listenForLinks } from '../pair/link.ts';
import { packPicture } from '../pair/packed-picture.ts';
import type { Launch } from '../pair/pairs.ts';
import type { GatewayQuestion, GatewayStatus, SideQuestion, SideStatus } from '../pair/protocol.ts';
import { fakeEngine, fakeHost, temporaryFolder } from './fake-engine.ts';

/** What a test's pair is made with, unless it is about that. */
export const pairSettings = { port: 0, deadAfter: 1000, lateAfter: 200, stormAfter: 10, verify: false, leaseValidity: 400 };

/** A host with the machine `clerk`, off, whose pair's processes are those of `pair`. */
export async function hostOfPairs(): Promise<{ pair: FakePair; host: Host; options: HostOptions }> {
  const pair = new FakePair();
  onTestFinished(() => pair.close());
  const { host, options } = await fakeHost(await temporaryFolder(onTestFinished), { engine: { ...fakeEngine(), launch: pair.launch } });
  onTestFinished(() => host.close());
  await host.create({ name: 'Clerk', source: { kind: 'assembly-text', text: 'hlt' } });
  return { pair, host, options };
}

type Name = 'a' | 'b' | 'gateway';
type Answer = Omit<SideStatus, 'events' | 'recent'>;

export class FakePair {
  readonly launched: string[] = [];
  /** What sides were asked, but for their status. */
  readonly asked: string[] = [];
  /** Sides give no copy of their state. */
  refusesCopies = false;
  readonly sides: Record<'a' | 'b', Answer | undefined> = { a: undefined, b: undefined };
  readonly gateway: GatewayStatus = { pid: 1, port: 4001, term: 1, clients: 1, served: 1, bytesIn: 10, bytesOut: 20, waitingInputs: 0, lost: 0 };
  /** Of the only pixel that sides show. */
  red = 1;
  readonly #servers = new Map<Name, { server: Server; folder: PairFolder }>();

  readonly launch: Launch = (kind, machineFolder, side) => {
    const folder = PairFolder.of(machineFolder);
    this.launched.push(`${kind} ${side}`);
    if (kind === 'gateway') return void this.#listen('gateway', folder);
    if (kind === 'away') throw new Error('There is no other host here.');
    const other = side === 'a' ? 'b' : 'a';
    this.sides[side] = this.#answer(side, kind);
    const peer = this.sides[other];
    if (peer !== undefined) {
      this.sides[other] = { ...peer, mode: 'together', isProtected: true, reason: 'Protected: outputs agree.', lag: 2.5 };
      this.sides[side] = { ...this.#answer(side, kind), isProtected: true };
      folder.journal.append({ at: Date.now(), by: other, kind: 'protected', text: 'Protected: outputs agree.' });
    }
    if (this.#servers.get(side) === undefined) void this.#listen(side, folder);
  };

  #answer(side: 'a' | 'b', role: 'primary' | 'secondary'): Answer {
    return {
      pid: 2 ** 30,
      side,
      role,
      mode: role === 'primary' ? 'alone' : 'together',
      term: 1,
      generation: 1,
      periodic: false,
      isProtected: false,
      reason: role === 'primary' ? 'Unprotected: no secondary has joined yet.' : 'Protected: outputs are compared.',
      heldBytes: 7,
      heartbeatAge: 40,
      lag: null,
      leaseAge: role === 'primary' ? 12 : null,
      link: { sent: 1000, received: 500, states: 800 },
      roundTrip: 0.25,
      cost: null,
      resyncs: 1,
    };
  }

  async #listen(name: Name, folder: PairFolder): Promise<void> {
    rmSync(folder.socket(name), { force: true });
    const server = await listenForLinks(folder.socket(name), (link) => {
      link.onMessage = (message) => {
        // What `ask` sends.
        const { question } = message as { question: SideQuestion | GatewayQuestion };
        if (question.kind !== 'status') this.asked.push(`${name} ${question.kind}`);
        if (question.kind === 'copy' && this.refusesCopies) return link.send({ refused: 'It cannot be copied now.' });
        if (question.kind === 'suspend' || question.kind === 'copy') writeFileSync(question.path, 'state');
        if (question.kind === 'end') {
          link.send({ done: true });
          return this.#end(name);
        }
        if (question.kind === 'display') return link.send({ url: `ws://127.0.0.1:1/${name}` });
        if (question.kind === 'picture') return void packPicture({ width: 1, height: 1, rgba: Uint8Array.of(this.red, 0, 0, 255) }).then((packed) => link.send(packed));
        if (question.kind === 'outside') return link.send({ offset: question.from, bytes: Uint8Array.of(0x6f, 0x6b), inputs: [] });
        if (question.kind !== 'status') return link.send({ done: true });
        link.send(name === 'gateway' ? this.gateway : { ...this.sides[name], events: [], recent: [] });
      };
    });
    this.#servers.set(name, { server, folder });
  }

  /** A side is gone, as by a signal; the other one tells. */
  kill(name: Name): void {
    const folder = this.#servers.get(name)?.folder;
    this.#end(name);
    if (name === 'gateway') return;
    const reason = 'Unprotected: it took over, since the primary is gone.';
    folder?.journal.append({ at: Date.now(), by: name === 'a' ? 'b' : 'a', kind: 'unprotected', text: reason });
  }

  #end(name: Name): void {
    this.#servers.get(name)?.server.close();
    this.#servers.delete(name);
    if (name === 'gateway') return;
    this.sides[name] = undefined;
    const other = name === 'a' ? 'b' : 'a';
    const left = this.sides[other];
    if (left !== undefined)
      this.sides[other] = { ...left, role: 'primary', mode: 'alone', term: left.term + 1, isProtected: false, lag: null, link: null, reason: 'Unprotected: it took over, since the primary is gone.' };
  }

  close(): void {
    for (const { server } of this.#servers.values()) server.close();
  }
}
