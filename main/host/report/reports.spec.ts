/** Reports of real machines: what is in them, what is left out, and what is left behind. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ORPCError } from '@orpc/client';
import { createRouterClient } from '@orpc/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { report as reportSchema, type Report } from '../../contract/report.ts';
import { nodeDisk } from '../disk.ts';
import { engineTools } from '../engine.ts';
import { Host } from '../host.ts';
import { router } from '../router.ts';
import { fakeEngine, fakeHost, temporaryFolder } from '../testing/fake-engine.ts';
import { filesIn, formatOf } from './save.ts';

/** A guest whose page fault has no handler, behind hostile text on its serial port. */
const faulting = `org 0x7c00
bits 16
start: cli
  xor ax, ax
  mov ds, ax
  mov ss, ax
  mov sp, 0x7000
  mov si, said
  mov dx, 0x3f8
say: lodsb
  or al, al
  jz quiet
  out dx, al
  jmp say
quiet: lgdt [gdtr]
  lidt [idtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 8:flat
bits 32
flat: mov ax, 16
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov dword [0x100000], 0x101003
  mov dword [0x101000 + 4 * 7], 0x7003
  mov dword [0x101000 + 4 * 6], 0x6003
  mov eax, 0x100000
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
ready: mov ecx, 3000
again: loop again
fault: mov dword [0xdeadb000], 1
  jmp $
said: db '<script>alert(1)</script> & "quoted" | \`tick\` secret-serial', 13, 10, 0
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr: dw 23
  dd gdt
idtr: dw 0
  dd 0
times 510 - ($ - $$) db 0
dw 0xaa55
`;

async function open() {
  const folder = await temporaryFolder(onTestFinished);
  const guests = join(folder, 'guests');
  await mkdir(guests);
  await writeFile(join(guests, 'samples.json'), '[]');
  const warnings: string[] = [];
  const options = {
    library: join(folder, 'library'),
    program: 'the test',
    control: '',
    engine: engineTools(),
    disk: nodeDisk,
    guests,
    warn: (sentence: string) => void warnings.push(sentence),
  };
  const host = await Host.open(options);
  onTestFinished(() => host.close());
  const clientOf = (front: 'app' | 'browser') =>
    createRouterClient(router, {
      context: {
        front,
        host,
        displayUrl: (_id, url) => url,
        doctor: () => Promise.resolve([]),
        log: (text) => void warnings.push(text),
      },
    });
  const client = clientOf('app');
  const { id } = await client.library.create({
    source: { kind: 'assembly', file: { kind: 'bytes', name: 'faulting.asm', bytes: new TextEncoder().encode(faulting) } },
    name: 'Fault <b>y',
    memoryBytes: 16 << 20,
    cpus: 2,
  });
  const place = join(folder, 'saved');
  await mkdir(place);
  const saveJson = async (redact = false, notes = ''): Promise<{ text: string; report: Report }> => {
    const path = join(place, 'x.json');
    await client.reports.save({ id, place: { kind: 'file', path }, formats: ['json'], redact, notes });
    const text = await readFile(path, 'utf8');
    return { text, report: reportSchema.parse(JSON.parse(text)) };
  };
  return { folder, place, host, options, client, browser: clientOf('browser'), id, warnings, saveJson };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ORPCError)) throw new Error(`Expected a refusal, got ${String(error)}`);
  return `${String(error.code)}: ${error.message}`;
}

/** The guest stands at its triple fault. */
async function atTripleFault() {
  const opened = await open();
  const { client, id } = opened;
  // Said while it is off, it holds from the first instruction on.
  await client.debug.breakpoints.stopAtTripleFault({ id, stop: true });
  expect(await client.debug.breakpoints.stopsAtTripleFault({ id })).toEqual({ stop: true });
  await client.machines.start({ id, paused: true });
  await client.debug.trace.start({ id, what: 'transfers', entries: 64 });
  await client.machines.resume({ id });
  await expect.poll(async () => (await client.debug.tripleFault({ id })).length, { timeout: 60_000 }).toBeGreaterThan(0);
  await expect
    .poll(
      async () =>
        (await client.library.get({ id })).kind === 'machine' &&
        opened.host.withSession(id, ({ state }) => Promise.resolve(state)),
    )
    .toBe('paused');
  return opened;
}

describe('the report of a triple fault', () => {
  it('says what happened with the chain, the walk and the tables, fits its schema, and agrees with the debugger', async () => {
    const { client, id, saveJson, place } = await atTripleFault();
    const { report } = await saveJson(false, 'I did <nothing>.');
    expect(report.title).toBe('Triple fault on vCPU 0');
    expect(report.findings.join('\n')).toMatch(/#PF page fault at fault, then/u);
    expect(report.findings.join('\n')).toMatch(
      /Look at first: the IDT at 00000000 ends \(limit 0\) before gate 14, so vector 14 has no handler\./u,
    );
    expect(report.stop).toEqual({ kind: 'tripleFault', cpu: 0 });
    expect(report.tripleFault[0]).toMatchObject({ vector: 14, address: 0xdeadb000, symbol: 'fault' });
    expect(report.vcpus).toHaveLength(2);
    const [first] = report.vcpus;
    const now = await client.debug.registers({ id, cpu: 0 });
    for (const { name, value } of now.registers) {
      expect(first?.registers?.registers.find((register) => register.name === name)?.value).toBe(`0x${value.toString(16)}`);
    }
    expect(first?.code?.find(({ current }) => current)?.address).toBe(now.pc);
    expect(first?.walks.find(({ of }) => of === 'triple fault')?.walk).toMatchObject({
      linear: 0xdeadb000,
      reason: 'not-present',
      physical: null,
    });
    expect(first?.walks.find(({ of }) => of === 'next instruction')?.walk).toMatchObject({ reason: 'mapped', mode: '32-bit' });
    expect(first?.tables.find(({ table }) => table.table === 'gdt')?.table.entries.map(({ index }) => index)).toEqual([1, 2]);
    expect(first?.trace?.entries.length).toBeGreaterThan(0);
    expect(report.chips.map(({ id: chip }) => chip)).toEqual((await client.peek.chips({ id })).map(({ id: chip }) => chip));
    expect(report.display.outputs[0]?.png).toMatch(/^iVBOR/u);
    expect(report.serial?.text).toContain('secret-serial');
    expect(report.notes).toBe('I did <nothing>.');
    expect(report.problems).toEqual([]);
    expect(await readdir(place)).toEqual(['x.json']);
    // What it stands at would be lost; said at once, and it stands there still.
    expect(await refusal(client.machines.suspend({ id }))).toContain(
      'WRONG_STATE: vCPU 0 of the machine Fault <b>y stands at a triple fault',
    );
    expect((await saveJson()).report.title).toBe('Triple fault on vCPU 0');
  });

  it('is a page that asks for nothing and in which all text stays text, and Markdown likewise', async () => {
    const { client, id } = await atTripleFault();
    const { capture, contents } = await client.reports.take({ id });
    const wording = { id, capture, redact: false, notes: '<img src=x onerror=alert(1)> @somebody #1 [a](http://x)' };
    const { text: html } = await client.reports.render({ ...wording, format: 'html' });
    expect(html).not.toMatch(/<script|<img src=x|<b>y/u);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;');
    expect(html).toContain("default-src 'none'");
    expect(
      [...html.matchAll(/(?:src|href)="([^"]*)"/gu)].filter(([, to]) => !/^#|^data:image\/png;base64,/u.test(to ?? '')),
    ).toEqual([]);
    for (const { id: section } of contents) expect(html).toContain(`<section id="${section}">`);
    const { text: markdown } = await client.reports.render({ ...wording, format: 'markdown' });
    expect(markdown).toContain('# Fault \\<b\\>y: Triple fault on vCPU 0');
    expect(markdown).toContain('\\<img src=x onerror=alert(1)\\> @&#8203;somebody #&#8203;1 \\[a\\](http&#8203;://x)');
    // What the guest said stands in a fence.
    expect(markdown).toMatch(/```text\n<script>alert\(1\)<\/script> & "quoted" \| `tick` secret-serial/u);
    await client.reports.take({ id });
    expect(await refusal(client.reports.render({ ...wording, format: 'json' }))).toContain(
      'NOT_FOUND: This report was followed by another one',
    );
  });

  it('leaves out what may be private when it is redacted, in every format', async () => {
    const { client, id, folder, saveJson } = await atTripleFault();
    const whole = await saveJson();
    const stack = whole.report.vcpus[0]?.stack?.words ?? [];
    expect(stack.length).toBeGreaterThan(0);
    const { text, report } = await saveJson(true, 'Notes stay.');
    expect(report.redacted?.length).toBeGreaterThan(0);
    expect(report.vcpus.every((vcpu) => vcpu.stack === null && vcpu.code?.every(({ bytes }) => bytes === ''))).toBe(true);
    expect(report.vcpus[0]?.registers?.pc).toBe(whole.report.vcpus[0]?.registers?.pc);
    const { capture } = await client.reports.take({ id });
    const all = [
      text,
      ...(await Promise.all(
        (['html', 'markdown'] as const).map(
          async (format) => (await client.reports.render({ id, capture, format, redact: true, notes: 'Notes stay.' })).text,
        ),
      )),
    ];
    for (const one of all) {
      expect(one).not.toContain('secret-serial');
      expect(one).not.toContain(folder);
      expect(one).not.toContain('iVBOR');
      expect(one).toContain('Notes stay.');
    }
    // The control: without redaction all of it is there.
    expect(whole.text).toContain('secret-serial');
    expect(whole.text).toContain(folder);
    expect(whole.text).toContain('iVBOR');
    const core = client.reports.save({ id, place: { kind: 'folder', path: folder }, formats: ['core'], redact: true, notes: '' });
    expect(await refusal(core)).toContain('BAD_INPUT: A core is the guest’s memory, so there is none of a redacted report.');
  });
});

describe('the report of a machine', () => {
  it('has the writes that its guard caught, and changes nothing of it', async () => {
    const { client, id, saveJson, host, place } = await open();
    const digest = () => host.withSession(id, ({ machine }) => machine.digest());
    await client.machines.start({ id, paused: true });
    await client.guard.add({ id, range: { kind: 'physical', address: 0x100000, bytes: 4096 }, action: 'pause' });
    await client.machines.resume({ id });
    await expect
      .poll(() => host.withSession(id, ({ guard, state }) => Promise.resolve(state === 'paused' && guard.kept.length > 0)), {
        timeout: 15_000,
      })
      .toBe(true);
    const before = await digest();
    const { report } = await saveJson();
    await client.reports.save({
      id,
      place: { kind: 'file', path: join(place, 'x.core') },
      formats: ['core'],
      redact: false,
      notes: '',
    });
    expect(await digest()).toBe(before);
    expect(report.title).toBe('A write that the guard caught');
    expect(report.guard?.state.ranges).toEqual([{ address: 0x100000, bytes: 4096, action: 'pause', byHost: true }]);
    expect(report.guard?.alerts).toMatchObject([
      { kind: 'listed', physical: 0x100000, before: '00000000', after: '03101000', writer: { cpu: 0 } },
    ]);
    const redacted = await saveJson(true);
    expect(redacted.report.guard?.alerts).toMatchObject([{ physical: 0x100000, before: '', after: '' }]);
  });

  it('that runs is of one moment, and it goes on', async () => {
    const { client, id, saveJson, host } = await open();
    await client.machines.start({ id });
    const { report } = await saveJson();
    expect(report.machine.state).toBe('running');
    expect(report.title).toMatch(/running machine|triple fault/u);
    expect(await host.withSession(id, ({ state }) => Promise.resolve(state))).toBe('running');
    expect(report.vcpus[1]?.registers?.activity).toBe('waiting for SIPI');
  });

  it('that is suspended leaves its state as it is, and the machine can be resumed', async () => {
    const { client, id, saveJson, options, place } = await open();
    await client.machines.start({ id, paused: true });
    const before = await client.debug.registers({ id, cpu: 0 });
    await client.debug.symbols.add({
      id,
      name: '/somewhere/kernel.map',
      bytes: new TextEncoder().encode('00007c00 T entry\n'),
      bias: 0,
    });
    await client.machines.suspend({ id });
    const file = join(options.library, id, 'suspended.vst');
    const kept = await readFile(file);
    const taken = saveJson();
    const [{ report }] = await Promise.all([taken]);
    expect(report.machine.state).toBe('suspended');
    expect(report.vcpus[0]?.registers?.pc).toBe(before.pc);
    expect(report.machine.symbols.map(({ name }) => name)).toEqual(['faulting.asm', '/somewhere/kernel.map']);
    expect(report.vcpus[0]?.code?.find(({ current }) => current)?.labels).toContain('entry');
    await client.reports.save({
      id,
      place: { kind: 'file', path: join(place, 'x.core') },
      formats: ['core'],
      redact: false,
      notes: '',
    });
    expect((await readFile(file)).equals(kept)).toBe(true);
    expect((await client.library.get({ id })).kind === 'machine').toBe(true);
    expect((await client.machines.resume({ id })).state).toBe('running');
  });

  it('that is off is refused, and so is a place where no file can be', async () => {
    const { client, browser, id, folder, place } = await open();
    const to = (path: string, kind: 'file' | 'folder' = 'file') => ({
      id,
      place: { kind, path },
      formats: ['json' as const],
      redact: false,
      notes: '',
    });
    expect(await refusal(client.reports.take({ id }))).toBe(
      'WRONG_STATE: Fault <b>y is off, so there is nothing to report. Start it first.',
    );
    await client.machines.start({ id, paused: true });
    expect(await refusal(client.reports.save(to(join(folder, 'none', 'x.json'))))).toContain('there is no folder');
    expect(await refusal(client.reports.save(to(join(place, 'x.html'))))).toContain('is that of another format');
    expect(await refusal(client.reports.save(to(join(place, 'x.pdf'))))).toContain('A report ends in');
    await mkdir(join(place, 'x.json'));
    expect(await refusal(client.reports.save(to(join(place, 'x.json'))))).toContain('that is a folder');
    expect(await refusal(browser.reports.save(to(place, 'folder')))).toContain('NOT_SUPPORTED: A browser cannot name folders');
    // Nothing of a refusal is left, and the machine can be used.
    expect(await readdir(place)).toEqual(['x.json']);
    expect((await client.machines.resume({ id })).state).toBe('running');
  });

  it('is saved in all formats in one stop, and of an earlier report no second one is taken', async () => {
    const { client, id, place, host } = await open();
    await client.machines.start({ id, paused: true });
    const { capture } = await client.reports.take({ id });
    const wish = { id, place: { kind: 'folder' as const, path: place }, redact: false, notes: '' };
    const { files } = await client.reports.save({ ...wish, formats: ['json', 'html', 'markdown', 'core'] });
    expect(files.map(({ path }) => /\.(\w+)$/u.exec(path)?.[1])).toEqual(['json', 'html', 'md', 'core']);
    expect((await readFile(files[3]?.path ?? '')).subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    const ended = (await host.tasks.watch().next()).value;
    expect(ended?.[0]).toMatchObject({ title: 'Report of Fault <b>y', state: 'done' });
    await client.machines.powerOff({ id });
    const later = await client.reports.save({ ...wish, capture, formats: ['json'] });
    const report = reportSchema.parse(JSON.parse(await readFile(later.files[0]?.path ?? '', 'utf8')));
    expect(report.machine.state).toBe('paused');
  });
});

describe('an interrupted report', () => {
  const fake = async () => {
    const folder = await temporaryFolder(onTestFinished);
    const engine = fakeEngine();
    const opened = await fakeHost(folder, { engine });
    onTestFinished(() => opened.host.close());
    await opened.host.start('hello', false);
    const place = join(folder, 'saved');
    await mkdir(place);
    return { ...opened, machine: engine.machines[0], place, folder };
  };
  const wish = (path: string) => ({
    id: 'hello',
    place: { kind: 'file' as const, path },
    formats: ['core' as const],
    redact: false,
    notes: '',
  });

  it('that is cancelled leaves what was there under its name, and lets the machine go', async () => {
    const { host, machine, place } = await fake();
    if (machine === undefined) throw new Error('There is no machine.');
    const path = join(place, 'x.core');
    await writeFile(path, 'what was there');
    let release = (): void => undefined;
    machine.coring = new Promise((resolve) => (release = resolve));
    const abort = new AbortController();
    const saved = host.reports.save(wish(path), abort.signal);
    await expect.poll(() => machine.held).toBe(true);
    abort.abort();
    release();
    await expect(saved).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await readdir(place)).toEqual(['x.core']);
    expect(await readFile(path, 'utf8')).toBe('what was there');
    expect(machine.held).toBe(false);
    expect(((await host.tasks.watch().next()).value ?? [])[0]).toMatchObject({ state: 'cancelled' });
  });

  it('whose disk is full says so and leaves nothing', async () => {
    const { host, machine, place } = await fake();
    if (machine === undefined) throw new Error('There is no machine.');
    machine.coreFailure = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    await expect(host.reports.save(wish(join(place, 'x.core')))).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(await readdir(place)).toEqual([]);
    expect(machine.held).toBe(false);
  });

  it('of a program that was killed is cleared at the next start, and nothing else is', async () => {
    const { host, options, place, folder } = await fake();
    const half = join(place, '.writing-x.core-0123456789ab');
    const precious = join(place, 'precious.core');
    await writeFile(half, 'half a core');
    await writeFile(precious, 'whole');
    await writeFile(
      join(options.library, '.reports-being-written.json'),
      JSON.stringify({ version: 1, writing: [half, precious, join(folder, 'gone')] }),
    );
    await host.close();
    const again = await Host.open(options);
    onTestFinished(() => again.close());
    expect(await readdir(place)).toEqual(['precious.core']);
    expect(await readdir(options.library)).not.toContain('.reports-being-written.json');
  });
});

describe('names of files', () => {
  it('come from the machine, the moment and the format', () => {
    expect(filesIn('/f', 'My Kernel!', new Date('2026-11-29T02:03:04Z'), ['json', 'core'])).toEqual([
      { format: 'json', path: join('/f', 'my-kernel-2026-11-29-020304.json') },
      { format: 'core', path: join('/f', 'my-kernel-2026-11-29-020304.core') },
    ]);
    expect(['a.JSON', 'a.html', 'a.md', 'a.core'].map(formatOf)).toEqual(['json', 'html', 'markdown', 'core']);
  });
});
