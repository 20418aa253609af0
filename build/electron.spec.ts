import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyRelease } from './electron.mjs';

const files: Record<string, string> = { electron: 'the binary', version: '42.0.0', 'locales/en-GB.pak': 'words' };
let folder: string;
let list: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-electron-'));
  mkdirSync(path.join(folder, 'release/locales'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, 'release', name), content);
  list = path.join(folder, 'list.sha256');
  const lines = Object.entries(files).map(([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}`);
  writeFileSync(list, `${lines.join('\n')}\n`);
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a fetched Electron', () => {
  const verify = () => verifyRelease(path.join(folder, 'release'), list);

  it('is accepted when each file has its fingerprint', async () => {
    expect(await verify()).toBe(3);
  });

  it('is refused when one byte of one file differs', async () => {
    writeFileSync(path.join(folder, 'release/electron'), 'the binarz');
    await expect(verify()).rejects.toThrow('electron differs from the release');
  });

  it('is refused when a file is missing', async () => {
    rmSync(path.join(folder, 'release/locales/en-GB.pak'));
    await expect(verify()).rejects.toThrow('locales/en-GB.pak is missing');
  });

  it('is refused when a file came along that the release does not have', async () => {
    writeFileSync(path.join(folder, 'release/locales/extra.node'), 'x');
    await expect(verify()).rejects.toThrow('locales/extra.node is not part of the release');
  });

  it('is refused when the list of fingerprints is empty', async () => {
    writeFileSync(list, '');
    await expect(verify()).rejects.toThrow('lists no fingerprints');
  });
});
