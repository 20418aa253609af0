/** A real etcd for tests: Debian's, on loopback or in a network namespace, with its data in a temporary folder. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endChild } from './end-child.ts';

export const hasEtcd = spawnSync('etcd', ['--version']).status === 0;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Etcd {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vitrine-etcd-'));
  #child: ChildProcess | undefined;
  #said = '';

  private constructor(readonly url: string) {}

  /**
   * Without an address: on a free port of loopback. `within`: the words of a command that runs the rest of its line, as in a namespace. `secure`: etcd's own words for TLS with
   * its clients.
   */
  static async start(url?: string, within: readonly string[] = [], secure: readonly string[] = []): Promise<Etcd> {
    for (let tries = 0; ; tries++) {
      const etcd = new Etcd(url ?? `${secure.length === 0 ? 'http' : 'https'}://127.0.0.1:${await freePort()}`);
      try {
        await etcd.#run(url === undefined ? `http://127.0.0.1:${await freePort()}` : 'http://127.0.0.1:2380', within, secure);
        return etcd;
      } catch (error) {
        await etcd.end();
        // Somebody else was faster with a port.
        if (tries === 3) throw error;
      }
    }
  }

  /** So many members of one cluster, on loopback. */
  static async cluster(count: number): Promise<Etcd[]> {
    for (let tries = 0; ; tries++) {
      const names = Array.from({ length: count }, (_, index) => `m${index}`);
      const members = await Promise.all(names.map(async (name) => ({ name, peer: `http://127.0.0.1:${await freePort()}`, etcd: new Etcd(`http://127.0.0.1:${await freePort()}`) })));
      const all = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
      const started = await Promise.allSettled(members.map(({ name, peer, etcd }) => etcd.#run(peer, [], ['--name', name, '--initial-cluster', all])));
      const failed = started.find((one) => one.status === 'rejected');
      if (failed === undefined) return members.map(({ etcd }) => etcd);
      await Promise.all(members.map(({ etcd }) => etcd.end()));
      if (tries === 3) throw failed.reason;
    }
  }

  async #run(peerUrl: string, within: readonly string[], further: readonly string[]): Promise<void> {
    const words = [
      ...within,
      'etcd',
      ...['--data-dir', join(this.#folder, 'data'), '--listen-client-urls', this.url, '--advertise-client-urls', this.url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`],
      ...further,
    ];
    const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr.on('data', (bytes: Buffer) => (this.#said += bytes.toString()));
    for (const end = Date.now() + 60_000; !this.#said.includes('ready to serve client requests'); await delay(50)) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`etcd did not start:\n${this.#said.slice(-2000)}`);
    }
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async end(): Promise<void> {
    await endChild(this.#child, 'SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
