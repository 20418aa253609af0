/**
 * What `npm run dist` makes, as a person without rights has it: unpacked in an empty folder, run without Node in PATH and with Chromium's
 * sandbox. The archive is the real one, packed at the lowest compression.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { displayMissing, startDisplay, type DisplayServer } from '../e2e/display-server.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Nobody's account: only numbers are needed. */
const PERSON = 23456;
const isRoot = process.getuid?.() === 0;
const missing = displayMissing() ?? (isRoot ? undefined : 'another account can only be taken as root');

/** Whether this kernel lets a person make the namespaces that Chromium's sandbox is built of. */
function hasUserNamespaces(): boolean {
  return spawnSync('unshare', ['--user', '--map-root-user', 'true'], isRoot ? { uid: PERSON, gid: PERSON } : {}).status === 0;
}

describe.skipIf(missing !== undefined)('the archive for Linux', () => {
  let folder: string;
  let app: string;
  let environment: NodeJS.ProcessEnv;
  const person = isRoot ? { uid: PERSON, gid: PERSON } : {};

  const vitrine = (...words: string[]): string =>
    execFileSync(path.join(app, 'bin/vitrine'), words, {
      ...person,
      env: environment,
      cwd: folder,
      encoding: 'utf8',
      timeout: 90_000,
    });

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-dist-'));
    const made = path.join(folder, 'made');
    execFileSync(process.execPath, [path.join(ROOT, 'build/dist.mjs'), 'tar.gz', '--to', made], {
      cwd: ROOT,
      env: { ...process.env, ELECTRON_BUILDER_COMPRESSION_LEVEL: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const archive = readdirSync(made).find((name) => name.endsWith('.tar.gz'));
    if (archive === undefined) throw new Error(`There is no archive in ${made}.`);
    mkdirSync(path.join(folder, 'home'));
    execFileSync('tar', ['-xzf', path.join(made, archive), '-C', path.join(folder, 'home'), '--no-same-owner']);
    rmSync(made, { recursive: true });
    if (isRoot) {
      execFileSync('chown', ['-R', `${PERSON}:${PERSON}`, path.join(folder, 'home')]);
      chownSync(folder, PERSON, PERSON);
    }
    const [top] = readdirSync(path.join(folder, 'home'));
    app = path.join(folder, 'home', top ?? '');
    environment = {
      PATH: '/usr/bin:/bin',
      HOME: path.join(folder, 'home'),
      LANG: 'C.UTF-8',
      VITRINE_LIBRARY: path.join(folder, 'home/library'),
    };
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 300 }));

  it('has all that is needed, the licences of what is inside, and no sources, maps or tests', () => {
    for (const name of [
      'vitrine-app',
      'bin/vitrine',
      'chrome-sandbox',
      'README.txt',
      'LICENSE.txt',
      'THIRD-PARTY-LICENSES.txt',
      'resources/app.asar',
    ]) {
      expect(existsSync(path.join(app, name)), name).toBe(true);
    }
    const entries = execFileSync(
      process.execPath,
      [path.join(ROOT, 'node_modules/@electron/asar/bin/asar.js'), 'list', path.join(app, 'resources/app.asar')],
      {
        encoding: 'utf8',
      },
    ).split('\n');
    expect(entries).toContain('/out/cli/vitrine.js');
    expect(entries.filter((name) => /\.map$|\.spec\.|^\/(engine|main|renderer|test)\//.test(name))).toEqual([]);
    const guests = readdirSync(path.join(ROOT, 'assets/guests'), { recursive: true, encoding: 'utf8' });
    for (const name of guests) expect(entries, name).toContain(`/assets/guests/${name}`);
    expect(readFileSync(path.join(app, 'THIRD-PARTY-LICENSES.txt'), 'utf8')).toContain('vue ');
    expect(statSync(path.join(app, 'resources/app.asar')).size).toBeLessThan(80 * 1024 * 1024);
  });

  it('has its fuses blown, as the program itself says', () => {
    // Behind the mark: a version, how many fuses there are, and a digit for each (electron/docs/tutorial/fuses.md).
    const program = readFileSync(path.join(app, 'vitrine-app'));
    const at = program.indexOf('dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX') + 32;
    expect(at).toBeGreaterThan(32);
    const names = [
      'run as Node',
      'cookies encrypted',
      'NODE_OPTIONS',
      '--inspect',
      'archive verified',
      'only from the archive',
      'own snapshot',
      'file: privileges',
    ];
    const fuses = names.map((name, index) => `${name} ${String.fromCharCode(program[at + 2 + index] ?? 0)}`);
    expect([program[at], fuses]).toEqual([
      1,
      [
        'run as Node 1',
        'cookies encrypted 1',
        'NODE_OPTIONS 0',
        '--inspect 0',
        'archive verified 1',
        'only from the archive 1',
        'own snapshot 0',
        'file: privileges 0',
      ],
    ]);
  });

  it('ignores NODE_OPTIONS', () => {
    const said = execFileSync(path.join(app, 'bin/vitrine'), ['list', '--json'], {
      ...person,
      env: { ...environment, NODE_OPTIONS: '--require=/nowhere/evil.js' },
      cwd: folder,
      encoding: 'utf8',
      timeout: 90_000,
    });
    expect(said).toContain('hello');
  });

  it('has a command line that needs no Node: it boots a sample', () => {
    expect(vitrine('list')).toContain('hello');
    vitrine('run', 'hello', '--until-screen', 'Hello from', '--timeout', '60');
  });

  it('has node-pty with its one binary, which opens a terminal', () => {
    const script = `const pty = require(${JSON.stringify(path.join(app, 'resources/app.asar/node_modules/node-pty'))});
      const terminal = pty.spawn('/bin/echo', ['from a terminal'], {});
      terminal.onData((text) => process.stdout.write(text));
      terminal.onExit(() => process.exit(0));`;
    const said = execFileSync(path.join(app, 'vitrine-app'), ['-e', script], {
      ...person,
      env: { ...environment, ELECTRON_RUN_AS_NODE: '1' },
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(said).toContain('from a terminal');
  });

  it.skipIf(!hasUserNamespaces())('starts with its sandbox, and starts a machine in its window', async () => {
    let display: DisplayServer | undefined;
    let started: ChildProcess | undefined;
    try {
      display = await startDisplay();
      started = spawn(path.join(app, 'vitrine-app'), [`--user-data-dir=${path.join(folder, 'home/profile')}`], {
        ...person,
        env: { ...environment, DISPLAY: display.name },
        stdio: 'ignore',
        detached: true,
      });
      const pid = started.pid ?? 0;
      const renderers = (): string[] =>
        readdirSync('/proc').filter((name) => {
          if (!/^\d+$/.test(name)) return false;
          try {
            const command = readFileSync(`/proc/${name}/cmdline`, 'latin1');
            return command.startsWith(app) && command.includes('--type=renderer');
          } catch {
            // It ended between two looks.
            return false;
          }
        });
      for (let round = 0; renderers().length === 0 && round < 300; round++) {
        expect(started.exitCode, 'the app is alive').toBeNull();
        await delay(200);
      }
      expect(renderers().length, `a page of process ${pid}`).toBeGreaterThan(0);
      // A process is there before it has put itself behind the filter; and the first one may give its page to another and end.
      const isFiltered = (name: string) => {
        try {
          return /^Seccomp:\t2$/m.test(readFileSync(`/proc/${name}/status`, 'utf8'));
        } catch {
          return false;
        }
      };
      const areFiltered = () => {
        const pages = renderers();
        return pages.length > 0 && pages.every(isFiltered);
      };
      for (let round = 0; !areFiltered() && round < 100; round++) await delay(200);
      expect(areFiltered(), 'its system calls are filtered').toBe(true);
      for (let round = 0; ; round++) {
        const { status, stderr } = spawnSync(path.join(app, 'bin/vitrine'), ['start', 'hello'], {
          ...person,
          env: environment,
          encoding: 'utf8',
        });
        if (status === 0) break;
        expect(round, stderr).toBeLessThan(30);
        await delay(1000);
      }
      expect(vitrine('list')).toMatch(/hello.*running/i);
    } finally {
      // All of its processes are in its group.
      if (started?.pid !== undefined) process.kill(-started.pid, 'SIGKILL');
      await display?.close();
    }
  });
});
