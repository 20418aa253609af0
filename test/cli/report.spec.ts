/** `vitrine report` and `vitrine run --report` as a person has them, killed ones among them. */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { report as reportSchema } from '../../main/contract/report.ts';
import { ClerkOracle } from '../../engine/tolerance/testing/clerk.ts';
import { LineClient, PairLine, pidOf } from './pair-line.ts';
import { CommandLine } from './vitrine.ts';

let line: CommandLine;
const begun: ReturnType<CommandLine['begin']>[] = [];
beforeAll(async () => {
  line = await CommandLine.open();
  await writeFile(line.at('guest.asm'), 'org 0x7c00\ncli\nmov dx, 0x3f8\nmov al, "x"\nout dx, al\nagain: inc eax\njmp again\n');
});
afterEach(async () => {
  for (const { child, ended } of begun.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});
afterAll(() => line.close());

async function serve(): Promise<ReturnType<CommandLine['begin']>> {
  const server = line.begin('serve', '--json');
  begun.push(server);
  for (let round = 0; round < 600 && !server.said.out.includes('\n'); round++) await wait(50);
  expect(server.said.out, server.said.err).toContain('"url"');
  return server;
}

const reportAt = async (name: string) => reportSchema.parse(JSON.parse(await readFile(line.at(name), 'utf8')));

describe('vitrine run --report', () => {
  it('writes the last state of a machine of no library', async () => {
    const ended = await line.run(
      'run',
      '--asm',
      line.at('guest.asm'),
      '--until-serial',
      'x',
      '--report',
      line.at('run.json'),
      '--memory',
      '16M',
    );
    expect(ended).toMatchObject({ status: 0 });
    const report = await reportAt('run.json');
    expect(report.machine).toMatchObject({
      id: null,
      name: 'guest.asm',
      state: 'running',
      boot: { kind: 'assembly', file: line.at('guest.asm') },
    });
    expect(report.serial?.text).toBe('x');
    expect(report.vcpus[0]?.code?.some(({ labels }) => labels.includes('again'))).toBe(true);
  });

  it('says before the run that a file cannot be, and behind it that there was nothing to report', async () => {
    const nowhere = await line.run('run', '--asm', line.at('guest.asm'), '--report', line.at('none/x.json'));
    expect(nowhere).toMatchObject({ status: 2, out: '' });
    expect(nowhere.err).toContain('there is no folder');
    await writeFile(line.at('exit.asm'), 'org 0x7c00\nmov al, 0\nout 0xf4, al\njmp $\n');
    const gone = await line.run('run', '--asm', line.at('exit.asm'), '--report', line.at('exit.json'));
    expect(gone.err).toContain('The machine had gone off by itself, so there was nothing to report.');
    expect(gone.status).toBe(1);
    expect(existsSync(line.at('exit.json'))).toBe(false);
  });
});

describe('a triple fault', () => {
  it('ends the run before its reset where that is wanted, and the report is of that moment', async () => {
    await writeFile(line.at('fault.asm'), 'org 0x7c00\ncli\nlidt [none]\nfault: int3\nnone: dw 0\ndd 0\n');
    const ended = await line.run(
      'run',
      '--asm',
      line.at('fault.asm'),
      '--memory',
      '16M',
      '--timeout',
      '30',
      '--stop-at-triple-fault',
      '--report',
      line.at('fault.json'),
    );
    expect(ended.status).toBe(1);
    expect(ended.err).toContain('vitrine: Triple fault: vector');
    const report = await reportAt('fault.json');
    expect(report).toMatchObject({ title: 'Triple fault on vCPU 0', machine: { state: 'paused' } });
    expect(report.tripleFault.at(0)?.symbol).toBe('fault');
  });
});

describe('vitrine report', () => {
  it('takes one from the program that holds the library, in each format, and of a suspended machine from none', async () => {
    expect((await line.run('report', 'hello', '-o', line.at('a.json'))).err).toContain(
      'Hello is off, so there is nothing to report.',
    );
    const server = await serve();
    expect((await line.run('start', 'hello')).status).toBe(0);
    for (const ending of ['html', 'md', 'core']) {
      const saved = await line.run('report', 'hello', '-o', line.at(`b.${ending}`));
      expect(saved).toMatchObject({ status: 0, err: '' });
      expect(saved.out).toContain(`${line.at(`b.${ending}`)}: `);
    }
    expect(await readFile(line.at('b.html'), 'utf8')).toContain('<title>Hello: ');
    const saved = await line.run('report', 'hello', '-o', line.at('c.json'), '--redact', '--notes', 'For you.', '--json');
    expect(JSON.parse(saved.out)).toMatchObject({ files: [{ format: 'json', path: line.at('c.json') }], problems: [] });
    expect(await reportAt('c.json')).toMatchObject({ notes: 'For you.', serial: null, machine: { state: 'running' } });
    expect((await line.run('report', 'hello', '-o', line.at('d.core'), '--redact')).err).toContain(
      'there is none of a redacted report',
    );
    server.child.kill('SIGTERM');
    await server.ended;
    expect((await line.run('report', 'hello', '-o', line.at('e.json'))).status).toBe(0);
    expect((await reportAt('e.json')).machine.state).toBe('suspended');
    expect((await line.run('list', '--json')).out).toContain('"state":"suspended"');
    expect((await readdir(line.folder)).filter((name) => name.startsWith('.writing-'))).toEqual([]);
  });

  const halves = async () => (await readdir(line.folder)).filter((name) => name.startsWith('.writing-large.core'));

  /** A server with a machine whose memory is full, and the command whose core of it is being written. */
  async function halfWritten() {
    const server = await serve();
    if (!(await line.run('list', '--json')).out.includes('"large"')) {
      const filled = await readFile(path.resolve(import.meta.dirname, '../bench/report/filled.asm'), 'utf8');
      await writeFile(line.at('filled.asm'), `%define MEBIBYTES 768\n${filled}`);
      expect((await line.run('create', 'Large', '--asm', line.at('filled.asm'), '--memory', '768M')).status).toBe(0);
    }
    expect((await line.run('start', 'large')).status).toBe(0);
    const log = path.join(line.library, 'large', 'serial.log');
    for (let round = 0; round < 600 && !(existsSync(log) && (await readFile(log, 'utf8')).includes('!')); round++) await wait(50);
    const report = line.begin('report', 'large', '-o', line.at('large.core'));
    begun.push(report);
    for (let round = 0; round < 5000 && (await halves()).length === 0 && report.child.exitCode === null; round++) await wait(2);
    return { server, report };
  }

  it('that is interrupted by Ctrl-C leaves nothing, and the machine goes on', async () => {
    const { report } = await halfWritten();
    report.child.kill('SIGINT');
    const ended = await report.ended;
    expect(ended).toMatchObject({ status: 130, out: '', err: 'vitrine: The report was cancelled; nothing of it is left.\n' });
    await expect.poll(async () => (await readdir(line.folder)).filter((name) => name.includes('large.core'))).toEqual([]);
    await expect.poll(async () => (await line.run('list', '--json')).out).toMatch(/"id":"large"[^}]*"state":"running"/u);
  });

  it('that is killed leaves no half file under its name, and the next start clears what is left', async () => {
    const { server, report } = await halfWritten();
    server.child.kill('SIGKILL');
    await server.ended;
    await report.ended;
    // A host that is fast enough has written it whole before it was killed: then there is nothing half.
    if (existsSync(line.at('large.core'))) expect(await halves()).toEqual([]);
    await serve();
    expect(await halves()).toEqual([]);
    expect((await readdir(line.library)).includes('.reports-being-written.json')).toBe(false);
  });
});

describe('vitrine report of a pair', () => {
  it('copies the primary while a client is served, and has the pair alone when nobody is left', { timeout: 240_000 }, async () => {
    const clerk = await PairLine.open('bank-clerk');
    const taken = async (name: string, ...words: string[]) => {
      const path = clerk.line.at(name);
      expect(await clerk.line.run('report', 'bank-clerk', '-o', path, ...words)).toMatchObject({ status: 0 });
      return readFile(path);
    };
    const document = async (...words: string[]) => reportSchema.parse(JSON.parse((await taken('a.json', ...words)).toString()));
    try {
      const client = await LineClient.open(await clerk.create());
      expect(await client.line()).toBe('clerk 0');
      const oracle = new ClerkOracle();
      let isDone = false;
      const served = (async () => {
        let requests = 0;
        for (; !isDone; requests++) {
          const { request, answer } = oracle.next(requests % 100, 7 + requests);
          client.say(request);
          expect(await client.line()).toBe(answer.trimEnd());
        }
        return requests;
      })();
      expect((await clerk.inject('flip-output')).status).toBe(0);
      await clerk.until('a resync', ({ sides }) => sides.a?.recent.some(({ divergence, took }) => divergence !== undefined && took !== undefined) === true);
      const report = await document();
      expect(report).toMatchObject({
        title: 'A pair that is protected',
        machine: { id: 'bank-clerk', state: 'running' },
        vcpus: [{ registers: { cpu: 0 } }],
        tolerance: { state: 'protected', primary: 'a', sides: { a: { member: { role: 'primary', mode: 'together' } }, b: { member: { role: 'secondary' } } }, lease: { kind: 'file' } },
      });
      expect(report.machine.instructions).toBeGreaterThan(1000);
      expect(report.machine.drives[0]?.file).toContain('bank-clerk');
      // What clients were given, from the start.
      expect(report.serial?.lost).toBe(0);
      expect(report.serial?.text).toMatch(/^clerk 0\r?\n/u);
      const { tolerance } = report;
      if (tolerance === 'none') throw new Error('There is no pair.');
      const last = tolerance.events[tolerance.lastDivergence ?? -1]?.resync?.divergence;
      expect(last?.channel).toBe('com1');
      expect(last?.primary).not.toBe(last?.secondary);
      expect((await taken('a.html')).toString()).toContain('Last divergence, ');
      expect((await taken('a.md')).toString()).toContain('## Fault tolerance');
      expect([...(await taken('a.core')).subarray(0, 4)]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
      const redacted = await document('--redact');
      expect(redacted.tolerance === 'none' ? '' : redacted.tolerance.events[redacted.tolerance.lastDivergence ?? -1]?.resync?.divergence).toMatchObject({ primary: '', before: '' });
      isDone = true;
      expect(await served).toBeGreaterThan(10);
      client.close();
      const status = await clerk.until('protection', ({ isProtected }) => isProtected);
      expect((await readdir(path.join(clerk.line.library, 'bank-clerk'))).filter((name) => name.startsWith('report-'))).toEqual([]);
      for (const side of ['a', 'b'] as const) process.kill(pidOf(status, side), 'SIGKILL');
      await clerk.until('the end of both', ({ sides }) => sides.a === null && sides.b === null);
      const alone = await document();
      expect(alone).toMatchObject({ title: 'A pair that is lost', vcpus: [], tolerance: { state: 'lost' } });
      expect(alone.problems[0]).toMatch(/are not included: the machine runs as a pair.*No side of the pair answers as the primary/u);
      const core = await clerk.line.run('report', 'bank-clerk', '-o', clerk.line.at('b.core'));
      expect(core).toMatchObject({ status: 1, out: '' });
      expect(core.err).toContain('There is no core of this pair now.');
    } finally {
      await clerk.close();
    }
  });
});
