import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findChannel, Updates, type Channel, type Installation, type Updater, type UpdateState } from './updates.ts';

describe('the update channel', () => {
  let resources: string;
  const installation = (change: Partial<Installation> = {}): Installation => ({
    packaged: true,
    platform: 'linux',
    resources,
    environment: { APPIMAGE: '/x.AppImage' },
    ...change,
  });

  beforeEach(() => {
    resources = mkdtempSync(path.join(tmpdir(), 'vitrine-updates-'));
  });
  afterEach(() => {
    rmSync(resources, { recursive: true, force: true });
  });

  const named = (url: string, more: NodeJS.ProcessEnv = {}): Channel =>
    findChannel(installation({ environment: { APPIMAGE: '/x.AppImage', VITRINE_UPDATE_URL: url, ...more } }));

  it('is none unless somebody named one', () => {
    expect(findChannel(installation())).toEqual({ kind: 'none', why: 'no update channel is set' });
  });

  it('is the one of the environment, over https or on this computer', () => {
    expect(named('https://updates.invalid/vitrine')).toEqual({ kind: 'environment', url: 'https://updates.invalid/vitrine' });
    expect(named('http://127.0.0.1:8000/')).toMatchObject({ kind: 'environment' });
  });

  it.each(['http://updates.invalid/', 'file:///tmp/x', 'ftp://x.invalid/', 'nonsense'])(
    'is never %s, which others could change on its way',
    (url) => {
      expect(named(url)).toEqual({ kind: 'none', why: 'VITRINE_UPDATE_URL is no https address' });
    },
  );

  it('is the one that was named when the package was built, unless the environment turns it off', () => {
    writeFileSync(path.join(resources, 'app-update.yml'), 'provider: generic\n');
    expect(findChannel(installation())).toEqual({ kind: 'package' });
    expect(named('')).toMatchObject({ kind: 'none' });
  });

  it('is none for an archive, which cannot replace itself, and for a checkout', () => {
    const environment = { VITRINE_UPDATE_URL: 'https://updates.invalid/' };
    expect(findChannel(installation({ environment }))).toMatchObject({
      kind: 'none',
      why: expect.stringContaining('archive') as string,
    });
    writeFileSync(path.join(resources, 'package-type'), 'deb');
    expect(findChannel(installation({ environment }))).toMatchObject({ kind: 'environment' });
    expect(findChannel(installation({ environment, packaged: false }))).toMatchObject({ kind: 'none' });
  });
});

describe('updates', () => {
  const channel: Channel = { kind: 'environment', url: 'https://updates.invalid/' };
  const record = (updater: Updater, of: Channel = channel) => {
    const states: UpdateState[] = [];
    let made = 0;
    const updates = new Updates(
      of,
      async () => {
        made++;
        return updater;
      },
      (state) => states.push(state),
      () => undefined,
    );
    return { updates, states, made: () => made };
  };
  const newer: Updater = {
    check: async () => '9.0.0',
    download: async (progress) => progress(41.7),
  };

  it('make no updater and ask nothing without a channel', async () => {
    const { updates, made } = record(newer, { kind: 'none', why: 'no update channel is set' });
    await updates.check();
    await updates.download();
    expect(made()).toBe(0);
    expect(updates.state).toEqual({ kind: 'off', why: 'no update channel is set' });
  });

  it('are fetched only when the person says so, and are ready then', async () => {
    const { updates, states } = record(newer);
    await updates.check();
    expect(updates.state).toEqual({ kind: 'available', version: '9.0.0' });
    await updates.download();
    expect(states).toEqual([
      { kind: 'checking' },
      { kind: 'available', version: '9.0.0' },
      { kind: 'downloading', version: '9.0.0', percent: 0 },
      { kind: 'downloading', version: '9.0.0', percent: 41 },
      { kind: 'ready', version: '9.0.0' },
    ]);
    await updates.check();
    expect(updates.state.kind).toBe('ready');
  });

  it('say that the version is current', async () => {
    const { updates } = record({ ...newer, check: async () => undefined });
    await updates.check();
    expect(updates.state).toEqual({ kind: 'current' });
    await updates.download();
    expect(updates.state).toEqual({ kind: 'current' });
  });

  it('say what failed, and can be tried again', async () => {
    let tries = 0;
    const { updates } = record({
      ...newer,
      check: async () => {
        if (tries++ === 0) throw new Error('no route');
        return '9.0.0';
      },
    });
    await updates.check();
    expect(updates.state).toMatchObject({ kind: 'failed', sentence: 'The update channel could not be asked. The log says why.' });
    await updates.check();
    expect(updates.state.kind).toBe('available');
  });
});
