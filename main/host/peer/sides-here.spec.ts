import fc from 'fast-check';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostError } from '../errors.ts';
import { HOST_FILES } from '../library.ts';
import type { Launch } from '../pair/pairs.ts';
import { PairFolder } from '../pair/folder.ts';
import { journalEntries } from '../pair/journal.ts';
import { listeningFile } from '../pair/side-links.ts';
import { SidesHere, sidesFolder } from './sides-here.ts';

const id = '0123456789abcdef01234567';
const settings = { machine: 'clerk', deadAfter: 1000, lateAfter: 200, stormAfter: 10, verify: false, lease: { kind: 'etcd', endpoints: ['http://127.0.0.1:2379'], validity: 400, credentials: {} } };
const configuration = { name: 'Clerk', cpus: 1, memoryBytes: 1 << 24, clock: 'wall', boot: { kind: 'boot-sector', image: new Uint8Array(512) } };
const drives = [
  { kind: 'disk', readOnly: false, bytes: 4096 },
  { kind: 'cdrom', readOnly: true, bytes: 2_000_000 },
];
const prepare = { kind: 'prepare', id, settings, configuration, drives };
const peer = (digit: string) => ({ version: 1 as const, name: `host-${digit}`, fingerprint: digit.repeat(64), address: null });
const owner = peer('a');

describe('sides of other hosts’ pairs', { timeout: 60_000 }, () => {
  let library: string;
  let sides: SidesHere;
  const children: ChildProcess[] = [];
  /** A process that does nothing, with the folder on its command line, as a side has it. */
  const launch: Launch = (_kind, folder) => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', folder], { stdio: 'ignore' });
    children.push(child);
    writeFileSync(join(folder, listeningFile), JSON.stringify({ pid: child.pid, port: 4711 }));
  };
  beforeEach(() => {
    library = mkdtempSync(join(tmpdir(), 'vitrine-sides-'));
    sides = new SidesHere(library, '127.0.0.1', launch);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(library, { recursive: true, force: true });
  });
  const folder = () => join(sidesFolder(library), id);

  it('are made, filled, started, stopped, read and removed', async () => {
    await sides.handle(owner, prepare);
    expect(readdirSync(folder()).sort()).toEqual(['cdrom1.img', 'disk0.img', 'machine.bin', 'pair.json']);
    const bytes = new Uint8Array(1000).fill(7);
    await sides.handle(owner, { kind: 'fill', id, drive: 1, offset: 5000, bytes });
    expect(readFileSync(join(folder(), 'cdrom1.img')).subarray(4999, 6001)).toEqual(Buffer.concat([Buffer.of(0), bytes, Buffer.of(0)]));

    await expect(sides.handle(owner, { kind: 'signal', id, signal: 'SIGKILL' })).rejects.toThrow(/does not run/);
    expect(await sides.handle(owner, { kind: 'start', id })).toEqual({ port: 4711 });
    await expect(sides.handle(owner, { kind: 'start', id })).rejects.toThrow(/runs already/);

    writeFileSync(join(folder(), 'disk0.img'), Buffer.alloc(4096, 5));
    expect(await sides.handle(owner, { kind: 'read', id, what: 0, offset: 4000 })).toEqual({ bytes: new Uint8Array(96).fill(5), total: 4096 });
    // Only what is written has a place; the CD-ROM has none.
    expect(await sides.handle(owner, { kind: 'read', id, what: 1, offset: 0 })).toBeNull();
    expect(await sides.handle(owner, { kind: 'read', id, what: 'state', offset: 0 })).toBeNull();
    writeFileSync(join(folder(), HOST_FILES.suspended), 'state');
    expect(await sides.handle(owner, { kind: 'read', id, what: 'state', offset: 1 })).toEqual({ bytes: new Uint8Array(Buffer.from('tate')), total: 5 });

    const [child] = children;
    const ended = new Promise((resolve) => child?.once('exit', (_code, signal) => resolve(signal)));
    await sides.handle(owner, { kind: 'discard', id });
    expect([await ended, existsSync(folder())]).toEqual(['SIGKILL', false]);
  });

  it('tell what they have lived through, also before they were begun anew', async () => {
    const read = async (from: unknown) => (await sides.handle(owner, { kind: 'journal', id, from })) as { text: string; next: unknown; now: number };
    await sides.handle(owner, prepare);
    expect(await read(null)).toMatchObject({ text: '', next: undefined });
    const { journal } = new PairFolder(folder());
    journal.append({ at: 1, by: 'b', kind: 'note', text: 'one' });
    const first = await read(null);
    expect(journalEntries(first.text)).toMatchObject([{ text: 'one' }]);
    expect(Math.abs(first.now - Date.now())).toBeLessThan(5000);
    writeFileSync(join(folder(), 'disk0.img'), 'left');
    await sides.handle(owner, prepare);
    expect(readFileSync(join(folder(), 'disk0.img'))).toEqual(Buffer.alloc(4096));
    journal.append({ at: 2, by: 'b', kind: 'note', text: 'two' });
    expect(journalEntries((await read(first.next)).text)).toMatchObject([{ text: 'two' }]);
    await sides.handle(owner, { kind: 'discard', id });
    expect(existsSync(folder())).toBe(false);
  });

  it('are not killed for another process that has their number now', async () => {
    await sides.handle(owner, prepare);
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    children.push(stranger);
    writeFileSync(join(folder(), listeningFile), JSON.stringify({ pid: stranger.pid, port: 4711 }));
    await expect(sides.handle(owner, { kind: 'signal', id, signal: 'SIGKILL' })).rejects.toThrow(/does not run/);
    await sides.handle(owner, { kind: 'discard', id });
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  });

  it('are nobody else’s', async () => {
    await sides.handle(owner, prepare);
    const before = readFileSync(join(folder(), 'pair.json'), 'utf8');
    for (const request of [prepare, { kind: 'start', id }, { kind: 'read', id, what: 0, offset: 0 }, { kind: 'discard', id }, { kind: 'signal', id, signal: 'SIGKILL' }, { kind: 'journal', id, from: null }, { kind: 'view', id }])
      await expect(sides.handle(peer('b'), request)).rejects.toThrow('There is no side of such a pair here.');
    expect(readFileSync(join(folder(), 'pair.json'), 'utf8')).toBe(before);
  });

  it('name no files, write no disk of theirs, and stay within their images', async () => {
    await sides.handle(owner, prepare);
    const refused = [
      { ...prepare, id: '../../../../tmp/x' },
      { ...prepare, configuration: { ...configuration, drives: [{ kind: 'disk', path: '/etc/passwd' }] } },
      { ...prepare, drives: [{ kind: 'disk', readOnly: false, bytes: 1, path: '/etc/passwd' }] },
      { ...prepare, settings: { ...settings, lease: { kind: 'file' } } },
      { ...prepare, settings: { ...settings, lease: { ...settings.lease, endpoints: ['file:///etc/passwd'] } } },
      { kind: 'fill', id, drive: 0, offset: 0, bytes: new Uint8Array(1) },
      { kind: 'fill', id, drive: 1, offset: 1_999_999, bytes: new Uint8Array(2) },
      { kind: 'read', id, what: '../pair.json', offset: 0 },
    ];
    for (const request of refused) await expect(sides.handle(owner, request)).rejects.toBeInstanceOf(HostError);
    expect(readdirSync(sidesFolder(library))).toEqual([id]);
  });

  it('refuse with a sentence whatever else is asked', async () => {
    const requests = [prepare, { kind: 'fill', id, drive: 1, offset: 0, bytes: new Uint8Array(1) }, { kind: 'read', id, what: 0, offset: 0 }];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom<Record<string, unknown>>(...requests), fc.nat(), fc.anything({ maxDepth: 1 }), async (request, at, value) => {
        const keys = Object.keys(request);
        const key = keys[at % keys.length] ?? '';
        try {
          await sides.handle(owner, { ...request, [key]: value });
        } catch (error) {
          expect(error).toBeInstanceOf(HostError);
        }
        expect(existsSync(sidesFolder(library)) ? readdirSync(sidesFolder(library)).filter((name) => name !== id) : []).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
