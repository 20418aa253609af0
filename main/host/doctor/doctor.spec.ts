import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addressSpaceLimit, judgeAddressSpace } from './address-space.ts';
import { judgeLibraries, missingLibraries } from './app-libraries.ts';
import { checkers, runDoctor } from './doctor.ts';
import { judgePorts, ports } from './ports.ts';
import { judgeSandbox, type SandboxFacts } from './sandbox.ts';
import { judgeSharedFiles } from './shared-files.ts';

const environment = { library: '/nowhere/library', workers: '/nowhere/workers', guests: '/nowhere/guests' };
const GIB = 1024 ** 3;

describe('the doctor', () => {
  it('says something of each checker, each once, with a way out where something is wrong', async () => {
    const results = await runDoctor(environment);
    expect(results.map(({ id }) => id)).toEqual([...new Set(checkers.map(({ id }) => id))]);
    for (const { title, outcome, description, fixes } of results) {
      expect(description, title).toMatch(/[.)]$/);
      expect(description).not.toContain('could not be checked');
      if (outcome === 'bad') expect(fixes.length, title).toBeGreaterThan(0);
    }
  });

  it('goes on after a checker that fails, and says so', async () => {
    const failing = { id: 'x', category: 'host', title: 'X', check: () => Promise.reject(new Error('broken')) } as const;
    const results = await runDoctor(environment, [failing, ...checkers.slice(0, 1)]);
    expect(results).toMatchObject([{ outcome: 'bad', description: 'This could not be checked: broken' }, { outcome: 'good' }]);
  });
});

describe('the sandbox', () => {
  const facts: SandboxFacts = {
    isRoot: false,
    namespaces: true,
    forbidden: undefined,
    helper: { path: '/opt/v/chrome-sandbox', isReady: false },
  };

  it('is there by user namespaces, or by the helper where those are forbidden', () => {
    expect(judgeSandbox(facts).outcome).toBe('good');
    const without = { ...facts, namespaces: false, forbidden: 'user.max_user_namespaces is 0' };
    expect(judgeSandbox(without)).toMatchObject({
      outcome: 'warning',
      fixes: [
        "sudo chown root:root '/opt/v/chrome-sandbox' && sudo chmod 4755 '/opt/v/chrome-sandbox'",
        'sudo sysctl user.max_user_namespaces=15000',
      ],
    });
    expect(judgeSandbox({ ...without, helper: { path: '/opt/v/chrome-sandbox', isReady: true } }).outcome).toBe('good');
  });

  it('is not believed to be there where AppArmor allows it only to programs with a profile', () => {
    const ubuntu = { ...facts, forbidden: 'AppArmor keeps user namespaces from programs that it has no profile for' };
    expect(judgeSandbox(ubuntu)).toMatchObject({ outcome: 'warning', description: expect.stringContaining('AppArmor') });
  });

  it('is none for root', () => {
    expect(judgeSandbox({ ...facts, isRoot: true })).toMatchObject({
      outcome: 'warning',
      fixes: ['Run the app as an ordinary user.'],
    });
  });
});

describe('libraries of the app', () => {
  it('that the loader does not find are named with Debian’s packages', () => {
    const listing =
      '\tlibgtk-3.so.0 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n\tlibgdk-3.so.0 => not found\n\tlibnss3.so => not found\n';
    const missing = missingLibraries(listing);
    expect(missing).toEqual(['libgtk-3.so.0', 'libgdk-3.so.0', 'libnss3.so']);
    expect(judgeLibraries(missing).fixes).toEqual(['On Debian: sudo apt-get install --no-install-recommends libgtk-3-0 libnss3']);
    expect(judgeLibraries([]).outcome).toBe('good');
  });
});

describe('limits', () => {
  it('of address space count machines', () => {
    const line = 'Max address space         25769803776          unlimited            bytes     \n';
    expect(addressSpaceLimit(line)).toBe(24 * GIB);
    expect(addressSpaceLimit(line.replace('25769803776', 'unlimited'))).toBeUndefined();
    expect(judgeAddressSpace(undefined).outcome).toBe('good');
    expect(judgeAddressSpace(24 * GIB).outcome).toBe('warning');
    expect(judgeAddressSpace(8 * GIB)).toMatchObject({ outcome: 'bad', fixes: [expect.stringContaining('ulimit -v unlimited')] });
  });

  it('of /dev/shm matter to the app', () => {
    expect(judgeSharedFiles(2 * GIB).outcome).toBe('good');
    expect(judgeSharedFiles(64 << 20)).toMatchObject({ outcome: 'warning', description: expect.stringContaining('Only 64 MiB') });
    expect(judgeSharedFiles(undefined).outcome).toBe('warning');
  });
});

describe('ports', () => {
  it('that others have are named', async () => {
    const holder = createServer();
    const isOurs = await new Promise<boolean>((resolve) => {
      holder.once('error', () => resolve(false));
      holder.listen(1234, '127.0.0.1', () => resolve(true));
    });
    onTestFinished(() => {
      if (isOurs) holder.close();
    });
    expect(await ports.check(environment)).toMatchObject({
      outcome: 'warning',
      description: expect.stringContaining('1234 (gdb)'),
    });
  });

  it('that nobody can reach are bad', () => {
    expect(judgePorts('ENETUNREACH', [])).toMatchObject({ outcome: 'bad', description: expect.stringContaining('ENETUNREACH') });
    expect(judgePorts(undefined, []).outcome).toBe('good');
  });
});
