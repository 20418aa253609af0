import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../host/disk.ts';
import { handedOver, Openings, pathsOf } from './opening.ts';

describe('the files of a command line', () => {
  const here = path.resolve('/home/someone');

  it('are what follows the program, as whole paths', () => {
    expect(pathsOf(['/opt/vitrine-app', 'disk.img', '/data/x.iso'], here)).toEqual([
      path.join(here, 'disk.img'),
      path.resolve('/data/x.iso'),
    ]);
  });

  it('are no switches, neither Chromium’s nor ours', () => {
    expect(pathsOf(['vitrine-app', '--lang=en-GB', '-x', 'disk.img', '--user-data-dir=/tmp/x'], here)).toEqual([
      path.join(here, 'disk.img'),
    ]);
  });

  it('are file addresses too, as desktops pass them, and no other addresses', () => {
    const file = path.join(here, 'a disk.img');
    expect(pathsOf(['vitrine-app', pathToFileURL(file).href, 'https://example.org/x.iso', 'file://elsewhere/x'], here)).toEqual([
      file,
    ]);
  });

  it('begin after the app’s own folder in a checkout', () => {
    expect(pathsOf(['electron', '-r', '/loader.js', '--no-sandbox', '/src/vitrine', 'x.iso'], here, '/src/vitrine')).toEqual([
      path.join(here, 'x.iso'),
    ]);
    expect(pathsOf(['electron', '-r', '/loader.js'], here, '/src/vitrine')).toEqual([]);
  });

  it('are refused from another start when they are something else', () => {
    expect(handedOver.safeParse({ paths: ['/x'] }).success).toBe(true);
    for (const wrong of [null, {}, { paths: [1] }, { paths: 'x' }, { paths: ['x'.repeat(5000)] }])
      expect(handedOver.safeParse(wrong).success).toBe(false);
  });
});

describe('what is to be opened', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-opening-'));
    writeFileSync(path.join(folder, 'disk.img'), '');
    writeFileSync(path.join(folder, 'machine.json'), '{}');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const first = async (openings: Openings) => {
    const end = new AbortController();
    const { value } = await openings.watch(end.signal).next();
    end.abort();
    return value;
  };

  it('waits for a page, and is taken once', async () => {
    const openings = new Openings(nodeDisk);
    await openings.add(path.join(folder, 'disk.img'));
    expect(await first(openings)).toEqual({ path: path.join(folder, 'disk.img'), name: 'disk.img', folder: false });
    await openings.add(path.join(folder, 'later.img'));
    expect(await first(openings)).toMatchObject({ name: 'later.img' });
  });

  it('reaches a page that is there already', async () => {
    const openings = new Openings(nodeDisk);
    const end = new AbortController();
    const watching = openings.watch(end.signal);
    const next = watching.next();
    await openings.add(folder);
    expect((await next).value).toMatchObject({ path: folder, folder: true });
    end.abort();
  });

  it('is a machine’s folder where its machine.json is named', async () => {
    const openings = new Openings(nodeDisk);
    await openings.add(path.join(folder, 'machine.json'));
    expect(await first(openings)).toMatchObject({ path: folder, folder: true });
  });
});
