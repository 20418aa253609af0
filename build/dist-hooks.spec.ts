import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signingOf, writeFingerprints } from './dist-hooks.mjs';

describe('what a build says of its signature', () => {
  it.each(['win32', 'darwin', 'linux'])('on %s without credentials: that it is unsigned, and what to set', (platform) => {
    const { signed, sentence } = signingOf(platform, {});
    expect(signed).toBe(false);
    expect(sentence).toMatch(/UNSIGNED.*set [A-Z_]+/);
  });

  it.each([
    ['win32', { WIN_CSC_LINK: 'x.pfx' }, 'WIN_CSC_LINK'],
    ['darwin', { CSC_LINK: 'x.p12' }, 'NOT notarized'],
    ['darwin', { CSC_LINK: 'x.p12', APPLE_API_KEY: 'k' }, 'notarized with APPLE_API_KEY'],
    ['linux', { VITRINE_GPG_KEY: 'ABCD' }, 'VITRINE_GPG_KEY'],
  ])('on %s with %j: by what it is signed', (platform, environment, words) => {
    const { signed, sentence } = signingOf(platform, environment);
    expect(signed).toBe(true);
    expect(sentence).toContain(words);
    expect(sentence).not.toContain('UNSIGNED');
    // The names of variables, never what is in them.
    for (const value of Object.values(environment)) expect(sentence).not.toContain(` ${value}`);
  });
});

describe('the list of fingerprints', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-dist-'));
    file = path.join(folder, 'vitrine.tar.gz');
    writeFileSync(file, 'a package');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const check = () => spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' });

  it('is what sha256sum checks, and tells a changed file', async () => {
    expect(await writeFingerprints(folder, [file], {})).toEqual([path.join(folder, 'SHA256SUMS')]);
    expect(check().status).toBe(0);
    writeFileSync(file, 'another');
    expect(check().status).not.toBe(0);
  });

  it('has no signature of an earlier build beside it', async () => {
    writeFileSync(path.join(folder, 'SHA256SUMS.asc'), 'old');
    await writeFingerprints(folder, [file], {});
    expect(existsSync(path.join(folder, 'SHA256SUMS.asc'))).toBe(false);
  });

  it.skipIf(spawnSync('gpg', ['--version']).error !== undefined)(
    'is signed by the key that is named, so that a change of it shows',
    async () => {
      const home = path.join(folder, 'keys');
      mkdirSync(home);
      chmodSync(home, 0o700);
      const environment = { ...process.env, GNUPGHOME: home };
      const gpg = (...args: string[]) =>
        spawnSync('gpg', ['--batch', '--passphrase', '', ...args], { env: environment, encoding: 'utf8' });
      try {
        expect(gpg('--quick-generate-key', 'Test <test@vitrine.invalid>', 'ed25519', 'sign', 'never').status).toBe(0);
        const [list, signature] = await writeFingerprints(folder, [file], {
          ...environment,
          VITRINE_GPG_KEY: 'test@vitrine.invalid',
        });
        if (list === undefined || signature === undefined) throw new Error('Nothing was signed.');
        expect(gpg('--verify', signature, list).status).toBe(0);
        writeFileSync(list, `${readFileSync(list, 'utf8')}\n`);
        expect(gpg('--verify', signature, list).status).not.toBe(0);
      } finally {
        spawnSync('gpgconf', ['--kill', 'all'], { env: environment });
      }
    },
  );

  it('is not passed off as signed when the key is not there', async () => {
    const environment = { ...process.env, GNUPGHOME: folder, VITRINE_GPG_KEY: 'nobody@vitrine.invalid' };
    await expect(writeFingerprints(folder, [file], environment)).rejects.toThrow('could not be signed');
    spawnSync('gpgconf', ['--kill', 'all'], { env: environment });
  });
});
