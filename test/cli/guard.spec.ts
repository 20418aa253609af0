/** The guard through the built program, as a person has it: the lab under attack, and a machine of a server. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandLine } from './vitrine.ts';

let vitrine: CommandLine;
const begun: ReturnType<CommandLine['begin']>[] = [];
beforeEach(async () => {
  vitrine = await CommandLine.open();
});
afterEach(async () => {
  for (const { child, ended } of begun.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  await vitrine.close();
});

const lab = 'memory-guard-lab';

interface LoggedAlert {
  kind: string;
  action: string;
  outcome: string;
  physical: number;
  writer: { eip: number } | null;
  before: string;
  after: string | null;
}

describe('the memory guard lab', () => {
  it('catches each of its attacks, on the guest’s screen and in the log of the host', { timeout: 120_000 }, async () => {
    expect((await vitrine.run('list')).out).toContain(lab);
    const { status, out, err } = await vitrine.run(
      'run',
      lab,
      '--type',
      'a',
      '--serial',
      'stdio',
      '--until-serial',
      String.raw`Remap a page[^\n]*(Held|LOST)[^\n]*\n`,
      '--timeout',
      '100',
    );
    expect([status, err]).toEqual([0, '']);
    const attacks = out.split('\r\n').filter((text) => /^\d /.test(text));
    expect(attacks.map((text) => text.replace(/\b[0-9a-f]{8}\b/g, '*'))).toEqual([
      '1 Patch the IDT. Alert * by * denied. Held.',
      '2 Unlink a process. Alert * by * denied. Held.',
      '3 Change credentials. Alert * by * denied. Held.',
      '4 Patch kernel text. Alert * by * #GP. Held.',
      '5 Corrupt a leaf. TREE ALERT * by * denied. Held.',
      '6 Corrupt the root. TREE ALERT * by * denied. Held.',
      '7 Corrupt a pointer. TREE ALERT * by * denied. Held.',
      '8 Remap a page. Alert * by * denied. Held.',
    ]);
    const log = await readFile(path.join(vitrine.library, lab, 'guard.log'), 'utf8');
    const alerts = log
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as LoggedAlert);
    expect(alerts.map(({ kind, outcome, after }) => [kind, outcome, after !== null])).toEqual([
      ...Array.from({ length: 3 }, () => ['listed', 'dropped', true]),
      ['listed', 'refused', false],
      ...Array.from({ length: 3 }, () => ['tree', 'dropped', true]),
      ['listed', 'dropped', true],
    ]);
    // What the guest said of an alert is what the host says.
    attacks.forEach((text, index) => {
      const [, where, writer] = /([0-9a-f]{8}) by ([0-9a-f]{8})/.exec(text) ?? [];
      expect([parseInt(where ?? '', 16), parseInt(writer ?? '', 16)]).toEqual([
        alerts[index]?.physical,
        alerts[index]?.writer?.eip,
      ]);
    });
  });
});

describe('a machine of a server', () => {
  it('is guarded by table and by address, and says what its agent protects', { timeout: 120_000 }, async () => {
    const server = vitrine.begin('serve', '--json');
    begun.push(server);
    for (let round = 0; round < 400 && !server.said.out.includes('\n'); round++) await wait(50);
    expect((await vitrine.run('start', lab)).status).toBe(0);
    let listed = '';
    for (let round = 0; round < 100 && !listed.includes('guard-lab, sealed'); round++) {
      listed = (await vitrine.run('guard', 'list', lab)).out;
    }
    expect(listed).toMatch(/deny {7}by the agent\n/);
    expect(listed).toMatch(/fault {6}by the agent\n/);
    expect(listed).toContain('root at ff000000, 3 nodes');
    // The host may take over what the agent has sealed.
    const table = await vitrine.run('guard', 'add', lab, '--table', 'idt', '--action', 'log');
    expect(table).toMatchObject({ status: 0, err: '' });
    expect(table.out).toMatch(/log {8}by the host\n/);
    const kept = await vitrine.run('guard', 'add', lab, '--address', '0x200000', '--bytes', '4K', '--at-power-on');
    expect(kept.out).toContain('00200000-00200fff  deny       by the host');
    expect(await readFile(path.join(vitrine.library, lab, 'machine.json'), 'utf8')).toContain('"address": 2097152');
    // By name: a symbol reaches to the next one, a field is found through its types.
    const pausedAt = async (...words: string[]) =>
      JSON.parse((await vitrine.run('guard', 'add', lab, '--action', 'pause', '--json', ...words)).out) as {
        ranges: { address: number; bytes: number; action: string }[];
      };
    const [scratch] = (await pausedAt('--symbol', 'fake_leaf')).ranges.filter(({ action }) => action === 'pause');
    expect(scratch?.bytes).toBe(4096);
    // The processes stand in the page in front of it.
    expect((await pausedAt('--field', 'struct process.user@process_second')).ranges).toContainEqual(
      expect.objectContaining({ address: (scratch?.address ?? 0) - 4096, bytes: 8192, action: 'pause' }),
    );
    const unknown = await vitrine.run('guard', 'add', lab, '--field', 'struct process.nothing@process_first');
    expect(unknown.err).toMatch(/^vitrine: Column \d+: .*nothing/);
    const beyond = await vitrine.run('guard', 'add', lab, '--address', '0x8000000');
    expect(beyond).toEqual({ status: 2, out: '', err: 'vitrine: There is no RAM at 0x8000000, so it cannot be protected.\n' });
    expect((await vitrine.run('stop', lab)).status).toBe(0);
    expect((await vitrine.run('start', lab)).status).toBe(0);
    expect((await vitrine.run('guard', 'list', lab)).out).toContain('00200000-00200fff  deny       by the host');
  });
});
