/**
 * A pair of two hosts, in network namespaces of their own, with etcd on a third, while cables between them are pulled. A client of the gateway gets every answer once, in order
 * and right. Cut are: both links between the hosts; each of them alone; either host and etcd. VITRINE_PAIR=N sends N requests in each part and plays all of them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFailed } from 'vitest';
import { ClerkOracle } from '../../engine/tolerance/testing/clerk.ts';
import { PairFolder } from '../../main/host/pair/folder.ts';
import { ask } from '../../main/host/pair/link.ts';
import type { PairStatus } from '../../main/host/pair/pairs.ts';
import type { GatewayStatus, SideStatus } from '../../main/host/pair/protocol.ts';
import { sidesFolder } from '../../main/host/peer/sides-here.ts';
import { Certificates } from '../support/certificates.ts';
import { Etcd, hasEtcd } from '../support/etcd.ts';
import { noNetwork, Triangle } from '../support/network.ts';
import { CommandLine } from './vitrine.ts';

const isLong = process.env['VITRINE_PAIR'] !== undefined;
const requests = Number(process.env['VITRINE_PAIR'] ?? 12);
const why = hasEtcd ? noNetwork() : 'there is no etcd';
const machine = 'bank-clerk';
const patience = 90_000;

type Look = { gateway: GatewayStatus | null; a: SideStatus | null; b: SideStatus | null };

class TwoHosts {
  readonly #pids = new Set<number>();
  readonly #logs: string[] = [];
  #serve: ReturnType<CommandLine['begin']> | undefined;

  private constructor(
    readonly network: Triangle,
    readonly etcd: Etcd,
    readonly home: CommandLine,
    readonly away: CommandLine,
    /** Of an etcd behind TLS: files that only the first host has. */
    private readonly certificates: Certificates | undefined,
  ) {}

  static async open(isSecure: boolean): Promise<TwoHosts> {
    const network = new Triangle();
    const certificates = isSecure ? new Certificates() : undefined;
    certificates?.authority('ca');
    certificates?.signed('server', 'ca', network.address.e);
    certificates?.signed('client', 'ca');
    const url = `${isSecure ? 'https' : 'http'}://${network.address.e}:2379`;
    const etcd = await Etcd.start(url, network.on('e'), certificates?.etcdWords('server', 'ca'));
    const hosts = new TwoHosts(network, etcd, await CommandLine.open(network.on('a')), await CommandLine.open(network.on('b')), certificates);
    await hosts.#pairUp();
    return hosts;
  }

  async #pairUp(): Promise<void> {
    const serve = (this.#serve = this.away.begin('serve', '--json', '--peer', `${this.network.address.ba}:0`));
    await until('the other host to listen', () => serve.said.out.includes('\n'));
    const { peer } = JSON.parse(serve.said.out) as { peer: { address: string; code: string } };
    const added = await this.home.run('peer', 'add', peer.address, peer.code, '--name', 'north');
    expect(added).toMatchObject({ status: 0, err: '' });
  }

  async pair(...words: string[]): Promise<PairStatus> {
    const ended = await this.home.run('pair', ...words, '--json');
    expect(ended.err, this.#processes()).toBe('');
    await this.look();
    return JSON.parse(ended.out) as PairStatus;
  }

  create(): Promise<PairStatus> {
    const { certificates } = this;
    const shown = certificates === undefined ? [] : ['--etcd-ca', certificates.at('ca.pem'), '--etcd-cert', certificates.at('client.pem'), '--etcd-key', certificates.at('client.key')];
    return this.pair('create', machine, '--peer', 'north', '--etcd', this.etcd.url, ...shown, '--dead-after', '4000', '--late-after', '2000', '--verify');
  }

  /** Sockets in folders are seen from everywhere; side b is asked on its own host. */
  async look(): Promise<Look> {
    const of = async (socket: string | undefined): Promise<unknown> => {
      try {
        return socket === undefined ? null : await ask(socket, { kind: 'status' }, 0, 2000);
      } catch {
        return null;
      }
    };
    const here = PairFolder.of(join(this.home.library, machine));
    const sides = sidesFolder(this.away.library);
    const [there] = existsSync(sides) ? readdirSync(sides) : [];
    const [gateway, a, b] = (await Promise.all([of(here.socket('gateway')), of(here.socket('a')), of(there === undefined ? undefined : new PairFolder(join(sides, there)).socket('b'))])) as [
      Look['gateway'],
      Look['a'],
      Look['b'],
    ];
    for (const one of [gateway, a, b]) if (one !== null) this.#pids.add(one.pid);
    for (const one of [a, b]) if (one !== null) this.#logs.push(...one.events.map(({ at, text }) => `${at} ${one.side}: ${text}`));
    return { gateway, a, b };
  }

  async until(what: string, condition: (look: Look) => boolean): Promise<Look> {
    let last: Look | undefined;
    await until(what, async () => condition((last = await this.look())), () => JSON.stringify(last));
    if (last === undefined) throw new Error('not looked');
    return last;
  }

  /** One of two, whatever has been: who is alone is given a second one. */
  async protect(): Promise<void> {
    for (const end = Date.now() + patience; ; ) {
      const { a, b } = await this.look();
      if ((a?.role === 'primary' ? a : b)?.isProtected === true) return;
      const ended = await this.home.run('pair', 'reprotect', machine);
      if (ended.status === 0) return;
      if (Date.now() > end) throw new Error(`Not protected: ${ended.err}`);
    }
  }

  /** What the processes of the pair have printed. */
  #processes(): string {
    const folders = [join(this.home.library, machine, 'pair'), ...(existsSync(sidesFolder(this.away.library)) ? readdirSync(sidesFolder(this.away.library)).map((name) => join(sidesFolder(this.away.library), name)) : [])];
    return folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')).map((name) => `${name}:\n${readFileSync(join(folder, name), 'utf8')}`) : [])).join('\n');
  }

  get log(): string {
    return [...new Set(this.#logs)].sort().join('\n');
  }

  async close(): Promise<void> {
    for (const pid of this.#pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    this.#serve?.child.kill('SIGKILL');
    await this.#serve?.ended;
    await this.etcd.end();
    this.network.close();
    this.certificates?.remove();
    await this.home.close();
    await this.away.close();
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>, told: () => string = () => ''): Promise<void> {
  for (const end = Date.now() + patience; !(await condition()); await delay(100)) if (Date.now() > end) throw new Error(`Waited for ${what}. ${told()}`);
}

const through = `const s = require('net').connect(+process.argv[1], '127.0.0.1'); process.stdin.pipe(s); s.pipe(process.stdout); s.on('close', () => process.exit(9));`;

/** A client on the gateway's host: one connection for the whole test. */
class Client {
  readonly #oracle = new ClerkOracle();
  readonly #child: ChildProcess;
  #said = '';
  /** When it said something last. */
  #heardAt = 0;

  constructor(hosts: TwoHosts, port: number) {
    const [program = '', ...words] = [...hosts.network.on('a'), process.execPath, '-e', through, String(port)];
    this.#child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (bytes: Buffer) => {
      this.#said += bytes.toString('latin1');
      this.#heardAt = performance.now();
    });
  }

  async line(expected: string): Promise<void> {
    await until(`"${expected}"`, () => {
      if (this.#child.exitCode !== null) throw new Error('The connection was closed.');
      return this.#said.includes('\n');
    });
    const at = this.#said.indexOf('\n');
    expect(this.#said.slice(0, at)).toBe(expected);
    this.#said = this.#said.slice(at + 1);
  }

  /** Some on their way at a time; `midway` happens in the middle of them. */
  async requests(count: number, midway: () => unknown = () => undefined): Promise<void> {
    const waiting: string[] = [];
    for (let number = 0; number < count; number++) {
      if (number === Math.floor(count / 2)) await midway();
      const { request, answer } = this.#oracle.next((number * 7) % 100, number * 1001 + 1);
      this.#child.stdin?.write(request);
      waiting.push(answer.trimEnd());
      if (waiting.length >= 4) await this.line(waiting.shift() ?? '');
    }
    for (const answer of waiting) await this.line(answer);
  }

  /** Milliseconds from `what` to the answer to a request that is sent right behind it. */
  async after(what: () => void): Promise<number> {
    const { request, answer } = this.#oracle.next(5, 77);
    const began = performance.now();
    what();
    this.#child.stdin?.write(request);
    await this.line(answer.trimEnd());
    return this.#heardAt - began;
  }

  close(): void {
    expect([this.#said, this.#child.exitCode]).toEqual(['', null]);
    this.#child.kill('SIGKILL');
  }
}

const alone = (side: SideStatus | null) => side?.mode === 'alone';

describe.skipIf(why !== undefined)(`a pair of two hosts${why === undefined ? '' : ` (not tried: ${why})`}`, { timeout: 420_000 + requests * 2000 }, () => {
  let hosts: TwoHosts;
  afterEach(() => hosts.close());

  it('goes on where the primary is killed, on either host, with an etcd behind TLS', async () => {
    hosts = await TwoHosts.open(true);
    // Nobody is at the pair's files yet, and nothing is left of it.
    const refused = await hosts.home.run('pair', 'create', machine, '--peer', 'north', '--etcd', hosts.etcd.url);
    expect([refused.status, refused.err]).toEqual([1, expect.stringContaining('is not trusted') as string]);
    onTestFailed(() => void process.stderr.write(`${hosts.log}\n`));
    const created = await hosts.create();
    const client = new Client(hosts, created.gateway?.port ?? 0);
    await client.line('clerk 0');
    const times: string[] = [];
    for (const expected of isLong ? (['a', 'b', 'a', 'b'] as const) : (['a', 'b'] as const)) {
      await hosts.protect();
      await client.requests(4);
      const { a, b } = await hosts.look();
      const speaker = a?.role === 'primary' ? a : b;
      const took = await client.after(() => process.kill(speaker?.pid ?? 0, 'SIGKILL'));
      times.push(`${speaker?.side ?? '?'} ${Math.round(took)}`);
      await client.requests(4);
      // A host that stood still for too long may have cost a side before; then it is the other's turn.
      if (speaker?.side !== expected) times.push('(out of turn)');
    }
    process.stderr.write(`From the kill of the primary to the first answer, ms: ${times.join(', ')}\n`);
    client.close();
  });

  it('answers every request once and right while cables are pulled, and comes home over the link', async () => {
    hosts = await TwoHosts.open(false);
    onTestFailed(() => void process.stderr.write(`${hosts.log}\n`));
    const { network } = hosts;
    const created = await hosts.create();
    expect(created).toMatchObject({ isProtected: true, primary: 'a' });
    const client = new Client(hosts, created.gateway?.port ?? 0);
    await client.line('clerk 0');
    await client.requests(requests);

    /** Of two that are there one goes on. A host that stood still for too long may have cost one of them before: then again. */
    const pulled = async (cable: (isIn: boolean) => void, isExpected: (look: Look) => boolean) => {
      for (let tries = 0; ; tries++) {
        await hosts.protect();
        const before = await hosts.look();
        const answered = client.requests(requests, () => cable(false));
        const after = await hosts.until('one side', (look) => isExpected(look) || (look.a === null) !== (look.b === null));
        const isDone = isExpected(after) || isExpected(await hosts.until('one side', (look) => isExpected(look) || alone(look.a) || alone(look.b)));
        cable(true);
        await answered;
        if (isDone) return;
        if (tries === 2) throw new Error(`The wrong side goes on: ${JSON.stringify([before, after])}`);
      }
    };

    if (isLong) {
      // The hosts do not reach each other: who has the gateway goes on, and the other ends.
      await client.requests(requests, () => network.cable('a', 'b', false));
      await hosts.until('the secondary’s end', ({ a, b }) => alone(a) && b === null);
      network.cable('a', 'b', true);
      await hosts.protect();

      // The secondary does not reach etcd, and nobody minds.
      await client.requests(requests, () => network.cable('b', 'e', false));
      network.cable('b', 'e', true);

      network.slow('a', 'b', true);
      await client.requests(requests);
      network.slow('a', 'b', false);
      await hosts.protect();
    }

    // The primary cannot prove its lease, and the secondary could have it: the other host goes on, and the gateway serves its clients from there.
    await pulled(
      (isIn) => network.cable('a', 'e', isIn),
      ({ a, b }) => a === null && alone(b),
    );
    await client.requests(4);

    if (isLong) {
      for (const which of ['gateway', 'a'] as const) {
        await hosts.protect();
        const { gateway, a } = await hosts.look();
        const { away } = PairFolder.of(join(hosts.home.library, machine)).read();
        const spared = network.portsOf((which === 'gateway' ? a : gateway)?.pid ?? 0, away?.port ?? 0);
        expect(spared).toHaveLength(1);
        // One of the two links between the hosts: either way one side goes on with the gateway.
        await client.requests(requests, () => network.lose(away?.port ?? 0, spared, true));
        await hosts.until('one side', ({ a: one, b: two }) => alone(one) !== alone(two));
        network.lose(away?.port ?? 0, spared, false);
        await client.requests(4);
        if (alone((await hosts.look()).a)) {
          await hosts.protect();
          await hosts.pair('failover', machine);
        }
      }
    }

    // The primary is on the other host, which cannot be reached any more: it leaves the term to who has the gateway.
    await pulled(
      (isIn) => network.cable('a', 'b', isIn),
      ({ a, b }) => alone(a) && b === null,
    );
    await client.requests(4);

    await hosts.protect();
    await hosts.pair('failover', machine);
    await client.requests(4);
    client.close();
    const ended = await hosts.home.run('pair', 'break', machine, '--json');
    expect([ended.err, JSON.parse(ended.out)]).toEqual(['', { machine, state: 'suspended' }]);
    expect(readdirSync(sidesFolder(hosts.away.library))).toEqual([]);
  });
});
