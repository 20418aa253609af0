import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { report as reportSchema, type Report } from '../../contract/report.ts';
import type { PairEventMessage } from '../../contract/pairs.ts';
import { PairFolder } from '../pair/folder.ts';
import { hostOfPairs, pairSettings as settings } from '../testing/fake-pair.ts';
import { renderReport } from './save.ts';
import { toleranceSection } from './tolerance-blocks.ts';
import { redactTolerance, toleranceOf, type PairLook } from './tolerance.ts';

/** A host with a machine that is to run as a pair, none of whose processes is real. */
async function open() {
  const { pair, host, options } = await hostOfPairs();
  const folder = join(options.library, 'clerk');
  const take = async (): Promise<{ report: Report; problems: string[] }> => {
    const { capture, problems } = await host.reports.take('clerk');
    return { report: reportSchema.parse(JSON.parse(host.reports.render('clerk', capture, 'json', { redact: false, notes: '' }))), problems };
  };
  return { pair, host, folder, take };
}

describe('a report of a machine that runs as a pair', () => {
  it('has the machine from a copy of the primary’s state, and the pair', async () => {
    const { pair, host, folder, take } = await open();
    await host.pairs.create('clerk', settings);
    const { report, problems } = await take();
    expect(pair.asked).toContain('a copy');
    expect(report.machine).toMatchObject({ id: 'clerk', state: 'running', reason: 'Outputs agree.' });
    expect(report.vcpus).toHaveLength(1);
    expect(report.serial).toEqual({ text: 'ok', lost: 0 });
    expect(report.tolerance).toMatchObject({ state: 'protected', primary: 'a', sides: { b: { host: null, member: { role: 'secondary' } } }, lease: { kind: 'file' }, figures: { now: { lag: 2.5 } } });
    expect(problems[0]).toContain('whose processes do not keep them');
    expect(renderReport(report, 'markdown', { redact: false, notes: '' })).not.toMatch(/no triple fault|said nothing/u);
    // The pair is as before, and nothing of the copy is left.
    expect((await readdir(folder)).filter((name) => name.startsWith('report-'))).toEqual([]);
    expect(await host.get('clerk')).toMatchObject({ state: 'paired', pair: { state: 'protected' } });
  });

  it('says in words what is not included where there is no copy, and has the pair; a core is refused', async () => {
    const { pair, host, folder, take } = await open();
    await host.pairs.create('clerk', settings);
    pair.refusesCopies = true;
    const { report, problems } = await take();
    expect(report).toMatchObject({ title: 'A pair that is protected', vcpus: [], chips: [], serial: { text: 'ok', lost: 0 }, tolerance: { state: 'protected' } });
    expect(problems).toEqual([expect.stringMatching(/^Registers, memory, .* are not included: the machine runs as a pair.*It cannot be copied now\.$/u)]);
    const place = { kind: 'file' as const, path: join(folder, '..', 'x.core') };
    await expect(host.reports.save({ id: 'clerk', place, formats: ['core'], redact: false, notes: '' })).rejects.toThrow('There is no core of this pair now.');
    pair.kill('a');
    pair.kill('b');
    const lost = await take();
    expect(lost.report).toMatchObject({ title: 'A pair that is lost', tolerance: { state: 'lost', sides: { a: { member: null }, b: { member: null } } } });
    expect(lost.problems[0]).toContain('No side of the pair answers as the primary.');
  });

  it('says that nobody knows what COM1 said when the gateway is gone', async () => {
    const { pair, host, take } = await open();
    await host.pairs.create('clerk', settings);
    pair.kill('gateway');
    const { report, problems } = await take();
    expect(report.serial).toBeNull();
    expect(problems).toContainEqual(expect.stringMatching(/^What COM1 said is not included\. The gateway of the pair does not answer/u));
    expect(renderReport(report, 'markdown', { redact: false, notes: '' })).toContain('Not included: the gateway of the pair, which has it, does not answer.');
  });

  it('has what the journal tells', async () => {
    const { host, folder, take } = await open();
    await host.pairs.create('clerk', settings);
    PairFolder.of(folder).journal.append({ at: 5, by: 'person', kind: 'fault', text: 'Killed on purpose.' });
    const { report } = await take();
    expect(report.tolerance === 'none' ? [] : report.tolerance.events).toMatchObject([{ at: 5, kind: 'fault' }, { by: 'a', kind: 'protected' }]);
    await host.pairs.break('clerk');
  });
});

const resync = (at: number, bytes: number, more: Partial<NonNullable<PairEventMessage['resync']>> = {}): PairEventMessage => ({
  at,
  by: 'a',
  kind: 'resync',
  text: 'Output differed; both sides are equal again.',
  resync: { reason: 'differs', divergence: null, pages: 3, bytes, pause: bytes / 100, took: 9, digest: null, differing: [], ...more },
});

const member = { pid: 11, role: 'primary' as const, mode: 'together' as const, term: 2, generation: 7, leaseAge: 12 };

const look: PairLook = {
  status: {
    state: 'protected',
    reason: 'Outputs agree.',
    primary: 'a',
    sides: { a: member, b: { ...member, pid: 12, role: 'secondary', leaseAge: null } },
    gateway: { pid: 10, port: 4001, clients: 1, bytesIn: 10, bytesOut: 20, waitingInputs: 0, lost: 0 },
    lease: 'etcd',
    away: '10.0.0.2',
    settings: { deadAfter: 1000, lateAfter: 200, stormAfter: 10, verify: true },
    resyncs: 4,
  },
  description: { lease: { kind: 'etcd', endpoints: ['http://10.0.0.9:2379'], validity: 400, credentials: { certificate: 'secret-certificate', key: 'secret-key' } }, away: { peer: 'f'.repeat(64), host: '10.0.0.2', port: 7000 } },
  events: [
    { at: 1, by: 'b', kind: 'note', text: 'Failed at /home/somebody/secret.img' },
    resync(2, 100, { divergence: { channel: 'com1', offset: 1234, before: Uint8Array.of(0x73), primary: Uint8Array.of(0x65, 0x63), secondary: Uint8Array.of(0x72) } }),
    resync(3, 300, {
      divergence: { channel: 'com1', offset: 5678, before: Buffer.from('secret-before'), primary: Uint8Array.of(0xab), secondary: Uint8Array.of(0xaa) },
      difference: {
        instructions: { primary: 90, secondary: 88 },
        registers: [{ cpu: 1, name: 'ebx', primary: '0x00000007', secondary: '0x00000006' }],
        first: { part: 'ram', page: 0x2ff, address: 0x2ff123, primary: 0xcd, secondary: 0xcc },
        pages: [{ part: 'ram', pages: 2 }],
      },
    }),
    resync(4, 200),
    { at: 5, by: 'b', kind: 'failover', text: 'Side a was killed.', took: 7 },
  ],
  sample: undefined,
};

describe('the part about the pair', () => {
  it('has figures of the resyncs, and where the sides differed last', () => {
    const part = toleranceOf(look);
    expect(part.figures).toMatchObject({ resyncs: 4, bytes: { median: 200, greatest: 300 }, pause: { median: 2, greatest: 3 }, now: { lag: null } });
    expect(part.lastDivergence).toBe(2);
    const text = JSON.stringify(toleranceSection({ tolerance: part }));
    for (const words of ['offset 5,678 of com1', 'ab  ', 'secret-before', 'ebx was 0x00000007 on the primary', 'ram 0x002ff123 in page 2ff was 0xcd', '2 of ram', 'on 10.0.0.2', 'etcd at http://10.0.0.9:2379', 'term 2, generation 7'])
      expect(text).toContain(words);
    expect(text + JSON.stringify(part)).not.toMatch(/secret-(?:certificate|key)/u);
    expect(toleranceOf({ ...look, events: [] })).toMatchObject({ figures: { bytes: null }, lastDivergence: null });
  });

  it('lacks in a redacted report what a guest said or had, paths and addresses, and keeps what happened', () => {
    const part = redactTolerance(toleranceOf(look));
    const text = JSON.stringify([part, toleranceSection({ tolerance: part })]);
    for (const secret of ['secret', '7365', 'somebody', '10.0.0', '205', '"cd"']) expect(text).not.toContain(secret);
    for (const kept of ['5,678', 'ebx', 'Side a was killed.', 'left out']) expect(text).toContain(kept);
    expect(part.events).toHaveLength(5);
  });

  it('says of a machine in no pair that it is in none', async () => {
    const { host } = await open();
    await host.start('clerk', false);
    const { capture } = await host.reports.take('clerk');
    const text = (format: 'json' | 'html' | 'markdown') => host.reports.render('clerk', capture, format, { redact: false, notes: '' });
    const report = reportSchema.parse(JSON.parse(text('json')));
    expect(report).toMatchObject({ version: 2, tolerance: 'none' });
    for (const format of ['html', 'markdown'] as const) expect(text(format)).toContain('The machine belongs to no pair.');
    // All three forms of a report with a pair are made from what the schema takes.
    const paired = { ...report, tolerance: toleranceOf(look) };
    for (const isRedacted of [false, true])
      for (const format of ['json', 'html', 'markdown'] as const) expect(renderReport(paired, format, { redact: isRedacted, notes: '' })).toContain('5678'.slice(0, format === 'json' ? 4 : 0));
  });
});
