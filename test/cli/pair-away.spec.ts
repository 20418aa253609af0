/**
 * A pair of two libraries on this host, joined by TLS as two hosts would be: the screen of the other side and its journal come over that link, and to nobody else.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { encodings, RfbViewer } from '../../engine/display/testing/rfb-viewer.ts';
import type { PairEventMessage } from '../../main/contract/pairs.ts';
import type { PairStatus } from '../../main/host/pair/pairs.ts';
import { AwaySide } from '../../main/host/pair/away-side.ts';
import { PairFolder } from '../../main/host/pair/folder.ts';
import { journalEntries } from '../../main/host/pair/journal.ts';
import { formatAddress } from '../../main/host/peer/address.ts';
import { hostIdentity } from '../../main/host/peer/identity.ts';
import { KnownPeers } from '../../main/host/peer/known-peers.ts';
import { sidesFolder } from '../../main/host/peer/sides-here.ts';
import { askHost } from '../e2e/host-client.ts';
import { Etcd, hasEtcd } from '../support/etcd.ts';
import { CommandLine } from './vitrine.ts';

const machine = 'sign';
const patience = 60_000;

describe.skipIf(!hasEtcd)('a pair of two libraries', { timeout: 240_000 }, () => {
  let etcd: Etcd;
  let home: CommandLine;
  let north: CommandLine;
  let peer: { address: string; code: string };
  const serving = new Map<CommandLine, ReturnType<CommandLine['begin']>>();
  const pids = new Set<number>();

  async function serve(line: CommandLine, ...words: string[]): Promise<unknown> {
    const begun = line.begin('serve', '--json', ...words);
    serving.set(line, begun);
    await until('a server', () => begun.said.out.includes('\n'));
    return JSON.parse(begun.said.out);
  }
  async function stop(line: CommandLine): Promise<void> {
    const begun = serving.get(line);
    serving.delete(line);
    begun?.child.kill('SIGKILL');
    await begun?.ended;
  }
  async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = Date.now() + patience; !(await condition()); await delay(100)) if (Date.now() > end) throw new Error(`Waited for ${what}.`);
  }
  async function pair(...words: string[]): Promise<PairStatus> {
    const ended = await home.run('pair', ...words, '--json');
    expect(ended.err).toBe('');
    const status = JSON.parse(ended.out) as PairStatus;
    for (const one of [status.gateway, status.sides?.a, status.sides?.b]) if (one) pids.add(one.pid);
    return status;
  }

  beforeAll(async () => {
    etcd = await Etcd.start();
    home = await CommandLine.open();
    north = await CommandLine.open();
    ({ peer } = (await serve(north, '--peer', '0')) as { peer: typeof peer });
    expect(await home.run('peer', 'add', peer.address, peer.code, '--name', 'north')).toMatchObject({ status: 0, err: '' });
    await writeFile(home.at('sign.asm'), readFileSync(new URL('guests/sign.asm', import.meta.url)));
    expect(await home.run('create', 'Sign', '--asm', home.at('sign.asm'), '--memory', '16M')).toMatchObject({ status: 0, err: '' });
    await serve(home);
    const created = await pair('create', machine, '--peer', 'north', '--etcd', etcd.url, '--dead-after', '30000', '--late-after', '3000');
    expect(created).toMatchObject({ isProtected: true, primary: 'a' });
  }, 240_000);
  afterAll(async () => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    for (const line of [...serving.keys()]) await stop(line);
    await etcd.end();
    await home.close();
    await north.close();
  });

  /** What a viewer of a side sees, as the app's panel connects. */
  async function picture(side: 'a' | 'b'): Promise<{ width: number; height: number; picture: Buffer }> {
    const { url } = await askHost(home.library, (host) => host.pairs.display({ id: machine, side }));
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const viewer = new RfbViewer((bytes) => socket.send(bytes));
    socket.on('message', (data: Buffer) => viewer.feed(data));
    socket.on('close', () => viewer.end());
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    try {
      await viewer.connect();
      viewer.setEncodings(encodings.zrle, encodings.desktopSize);
      viewer.request(false);
      await viewer.update();
      // Only some encodings say the fourth byte, which means nothing.
      for (let at = 3; at < viewer.picture.length; at += 4) viewer.picture[at] = 0;
      return viewer;
    } finally {
      socket.close();
    }
  }

  it('shows both screens, which are the same', async () => {
    await until('two equal pictures', async () => {
      const [a, b] = [await picture('a'), await picture('b')];
      expect([b.width, b.height]).toEqual([a.width, a.height]);
      // The sign's blue behind its letters.
      return a.picture.equals(b.picture) && a.picture.includes(Buffer.of(0, 0, 0xaa));
    });
  });

  it('has both in the library, as pictures that are the same', async () => {
    const [a, b] = await askHost(home.library, async (host) => {
      for await (const event of await host.library.watch()) {
        const entries = event.kind === 'changed' ? [event.entry] : event.kind === 'removed' ? [] : event.entries;
        if (!entries.some((entry) => entry.kind === 'machine' && entry.pair?.screens.length === 2 && entry.pair.screens.every((screen) => screen.picture !== null))) continue;
        return Promise.all((['a', 'b'] as const).map(async (side) => (await host.pairs.picture({ id: machine, side }))?.png));
      }
      return [];
    });
    expect(a?.length).toBeGreaterThan(100);
    expect(Buffer.compare(a ?? Buffer.of(1), b ?? Buffer.of(2))).toBe(0);
  });

  /** Of side b, as the app shows them. */
  const shown = () =>
    askHost(home.library, async (host) => {
      for await (const message of await host.pairs.watch({ id: machine })) if (message.kind === 'now') return message.events;
      throw new Error('There is no pair.');
    });
  const ofB = (events: readonly PairEventMessage[]) => events.filter(({ by }) => by === 'b').map(({ kind, text }) => `${kind} ${text.replace(/^(?:Unp|P)rotected: /u, '').toLowerCase()}`);
  function written(): string[] {
    const [id = ''] = readdirSync(sidesFolder(north.library));
    const entries = journalEntries(readFileSync(join(sidesFolder(north.library), id, 'journal.jsonl'), 'utf8'));
    return ofB(entries.sort((one, two) => one.at - two.at));
  }

  it('tells what side b has lived through in order of time, and after the link was lost what was missed, once', async () => {
    expect(await pair('failover', machine)).toMatchObject({ primary: 'b' });
    await pair('reprotect', machine);
    await until('what side b has written', async () => ofB(await shown()).length >= 3 && ofB(await shown()).length === written().length);
    expect(ofB(await shown())).toEqual(written());
    await stop(north);
    const before = written().length;
    for (let round = 0; round < 3; round++) {
      expect(await home.run('pair', 'inject', machine, 'resync')).toMatchObject({ status: 0, err: '' });
      await until('a resync', () => written().length > before + round);
    }
    await delay(2500);
    expect(ofB(await shown())).toHaveLength(before);
    await serve(north, '--peer', peer.address);
    await until('what was missed', async () => ofB(await shown()).length >= before + 3);
    await delay(2500);
    const events = await shown();
    expect(ofB(events)).toEqual(written());
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).sort((one, two) => one - two));
    expect(new Set(events.map(({ by }) => by))).toEqual(new Set(['a', 'b', 'person']));
  });

  it('gives neither to a host that is not paired, nor to one that the pair is not of', async () => {
    const fingerprint = hostIdentity(north.library).fingerprint;
    const { id } = PairFolder.of(join(home.library, machine)).read();
    const stranger = await CommandLine.open();
    try {
      const [address] = new KnownPeers(home.library).list().flatMap((one) => one.address ?? []);
      expect(address === undefined ? '' : formatAddress(address)).toBe(peer.address);
      await new KnownPeers(stranger.library).add('north', fingerprint, address ?? null);
      const side = new AwaySide(stranger.library, fingerprint, id);
      await expect(side.journal(undefined)).rejects.toThrow();
      await expect(side.view(() => undefined)).rejects.toThrow();
      // Now north knows it, and it still has no business with this pair.
      const { code } = JSON.parse((await north.run('peer', 'code', '--json')).out) as { code: string };
      expect(await stranger.run('peer', 'add', peer.address, code)).toMatchObject({ status: 0 });
      await expect(side.journal(undefined)).rejects.toThrow('There is no side of such a pair here.');
      await expect(side.view(() => undefined)).rejects.toThrow('There is no side of such a pair here.');
    } finally {
      await stranger.close();
    }
    // The host that it is of has both all the time.
    await picture('b');
  });

  it('shows none of it when the pair has ended, and the machine is suspended', async () => {
    const { url } = await askHost(home.library, (host) => host.pairs.display({ id: machine, side: 'b' }));
    await askHost(home.library, (host) => host.pairs.break({ id: machine }));
    const ended = await new Promise((resolve) => new WebSocket(url).once('error', ({ message }) => resolve(message)));
    expect(ended).toContain('ECONNREFUSED');
    expect(existsSync(sidesFolder(north.library)) ? readdirSync(sidesFolder(north.library)) : []).toEqual([]);
  });
});
