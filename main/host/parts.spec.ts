import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { controlPath } from './control-socket.ts';
import { EventChannel } from './event-channel.ts';
import { HistoryRing } from './history-ring.ts';
import { scancodesOf } from './keyboard.ts';
import { formatSize, parseMemory } from './memory-size.ts';
import { shrink } from './picture.ts';
import { assetsFolder, libraryFolder, packageRoot } from './places.ts';
import { nodeDisk } from './disk.ts';
import { SettingsStore } from './settings.ts';
import { temporaryFolder } from './testing/fake-engine.ts';

describe('the history of a stream', () => {
  it('is the end of all that was pushed, with a count of what went before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 17 }), fc.array(fc.uint8Array({ maxLength: 40 })), (capacity, pieces) => {
        const ring = new HistoryRing(capacity);
        const all = pieces.flatMap((piece) => [...piece]);
        for (const piece of pieces) ring.push(piece);
        const { bytes, lost } = ring.read();
        expect([...bytes]).toEqual(all.slice(-Math.min(capacity, all.length || 1)).slice(0, all.length));
        expect(lost).toBe(all.length - bytes.length);
      }),
    );
  });
});

describe('an event channel', () => {
  it('gives each reader everything from the moment it joined', async () => {
    const channel = new EventChannel<number>();
    const first = channel.subscribe([0]);
    channel.publish(1);
    const second = channel.subscribe([10]);
    channel.publish(2);
    channel.close();
    const all = async (events: AsyncIterable<number>): Promise<number[]> => {
      const seen: number[] = [];
      for await (const event of events) seen.push(event);
      return seen;
    };
    expect(await all(first)).toEqual([0, 1, 2]);
    expect(await all(second)).toEqual([10, 2]);
  });

  it('joins what waits for a slow reader', async () => {
    const channel = new EventChannel<string>((last, next) => (last.length < 3 ? last + next : undefined));
    const reader = channel.subscribe([]);
    for (const letter of 'abcdefg') channel.publish(letter);
    channel.close();
    const seen: string[] = [];
    for await (const event of reader) seen.push(event);
    expect(seen).toEqual(['abc', 'def', 'g']);
  });

  it('forgets a reader that went away, also one that never began', async () => {
    const channel = new EventChannel<number>();
    const abort = new AbortController();
    const waiting = channel.subscribe([], abort.signal).next();
    const never = channel.subscribe([]);
    expect(channel.readers).toBe(2);
    abort.abort();
    expect(await waiting).toMatchObject({ done: true });
    await never.return();
    expect(channel.readers).toBe(0);
  });
});

describe('typing', () => {
  it('presses and lets go of the keys of a US keyboard', () => {
    expect(scancodesOf('a')).toEqual([[0x1e, 0x9e]]);
    expect(scancodesOf('A')).toEqual([[0x2a, 0x1e, 0x9e, 0xaa]]);
    expect(scancodesOf('|~\n /')).toEqual([[0x2a, 0x2b, 0xab, 0xaa], [0x2a, 0x29, 0xa9, 0xaa], [0x1c, 0x9c], [0x39, 0xb9], [0x35, 0xb5]]);
  });

  it('has a key for each printable ASCII character, and one only', () => {
    const printable = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('');
    expect(new Set(scancodesOf(printable).map(String)).size).toBe(95);
  });

  it('says which character has no key', () => {
    expect(() => scancodesOf('né')).toThrow('“é” (U+00E9) is not on a US keyboard and cannot be typed.');
  });
});

describe('amounts of memory', () => {
  it.each([['128M', 128], ['1G', 1024], ['65536K', 64], ['64', 64], ['16MiB', 16], ['1.5G', 1536], [' 2 gb ', 2048]])('%s is %i MiB', (text, mebibytes) => {
    expect(parseMemory(text)).toBe(mebibytes * 1024 * 1024);
  });

  it.each([['much', /not an amount/], ['-1M', /not an amount/], ['0', /from 1 MiB to 3072 MiB/], ['4G', /from 1 MiB/], ['1025K', /whole MiB/], ['', /not an amount/]])(
    '%s is refused',
    (text, sentence) => {
      expect(() => parseMemory(text)).toThrow(sentence);
    },
  );

  it('are written for people', () => {
    expect([0, 1, 1023, 1024, 1536, 1024 * 1024, 5.5 * 1024 * 1024].map(formatSize)).toEqual([
      '0 bytes',
      '1 byte',
      '1023 bytes',
      '1 KiB',
      '1.5 KiB',
      '1 MiB',
      '5.5 MiB',
    ]);
  });
});

describe('a thumbnail', () => {
  it('is the picture’s average, no wider than allowed', () => {
    const rgba = new Uint8Array([0, 0, 0, 255, 200, 100, 50, 255, 0, 0, 0, 255, 200, 100, 50, 255]);
    const small = shrink({ width: 4, height: 1, rgba }, 2);
    expect(small).toEqual({ width: 2, height: 1, rgba: new Uint8Array([100, 50, 25, 255, 100, 50, 25, 255]) });
    const as = { width: 4, height: 1, rgba };
    expect(shrink(as, 4)).toBe(as);
  });
});

describe('places', () => {
  it('of the library: the option, the variable, the data folder', () => {
    expect(libraryFolder('/a', { VITRINE_LIBRARY: '/b' })).toBe('/a');
    expect(libraryFolder(undefined, { VITRINE_LIBRARY: '/b' })).toBe('/b');
    if (process.platform === 'linux') expect(libraryFolder(undefined, { XDG_DATA_HOME: '/data' })).toBe('/data/vitrine');
    expect(() => libraryFolder('', {})).toThrow(/empty/);
  });

  it('of the program’s own files are found from wherever it was built', async () => {
    expect(await nodeDisk.status(join(packageRoot(), 'package.json'))).toMatchObject({ folder: false });
    expect(assetsFolder()).toBe(join(packageRoot(), 'assets'));
  });

  it('of the control socket fits what the system allows', () => {
    if (process.platform === 'win32') return;
    expect(controlPath('/home/a/library')).toBe('/home/a/library/.control');
    expect(Buffer.byteLength(controlPath(`/${'long/'.repeat(40)}`))).toBeLessThan(104);
  });
});

describe('making a folder', () => {
  it('makes its parents, is content if it is there, and fails where nothing can be made', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const deep = join(folder, 'a', 'b', 'c');
    await nodeDisk.makeFolder(deep);
    await nodeDisk.makeFolder(deep);
    expect(await nodeDisk.status(deep)).toMatchObject({ folder: true });
    await nodeDisk.writeDurably(join(folder, 'file'), new Uint8Array());
    await expect(nodeDisk.makeFolder(join(folder, 'file'))).rejects.toThrow('EEXIST');
    await expect(nodeDisk.makeFolder(join(folder, 'file', 'below'))).rejects.toThrow('ENOTDIR');
    if (process.platform === 'linux') await expect(nodeDisk.makeFolder('/proc/nowhere/at/all')).rejects.toThrow('ENOENT');
  });
});

describe('settings', () => {
  it('are kept, and each change is told', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const warnings: string[] = [];
    const store = await SettingsStore.open(nodeDisk, folder, (sentence) => warnings.push(sentence));
    const changes = store.watch();
    expect((await changes.next()).value).toMatchObject({ theme: 'system' });
    await store.set({ theme: 'dark' });
    expect((await changes.next()).value).toMatchObject({ theme: 'dark', scaling: 'pixel-exact' });
    expect((await SettingsStore.open(nodeDisk, folder, () => undefined)).get().theme).toBe('dark');
    expect(warnings).toEqual([]);
  });

  it('that are changed by two at once keep both changes', async () => {
    const store = await SettingsStore.open(nodeDisk, await temporaryFolder(onTestFinished), () => undefined);
    await Promise.all([store.set({ scaling: 'fit' }), store.set({ theme: 'dark' })]);
    expect(store.get()).toMatchObject({ scaling: 'fit', theme: 'dark' });
  });

  it('that are damaged cost the choices, not the start', async () => {
    const folder = await temporaryFolder(onTestFinished);
    await nodeDisk.writeDurably(join(folder, '.settings.json'), Buffer.from('{"version":7}'));
    const warnings: string[] = [];
    const store = await SettingsStore.open(nodeDisk, folder, (sentence) => warnings.push(sentence));
    expect(store.get().theme).toBe('system');
    expect(warnings).toHaveLength(1);
  });
});
