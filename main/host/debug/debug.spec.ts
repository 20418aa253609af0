import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRouterClient } from '@orpc/server';
import { ORPCError } from '@orpc/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ArmedBreakpoint } from '../../../engine/machine/debug/breakpoint.ts';
import type { VcpuRegisters } from '../../../engine/machine/debug/calls.ts';
import { registers } from '../../../engine/machine/debug/registers.ts';
import { MachineError } from '../../../engine/machine/machine.ts';
import type { DebugEventMessage } from '../../contract/debug.ts';
import { Host } from '../host.ts';
import { router } from '../router.ts';
import { fakeEngine, fakeHost, temporaryFolder } from '../testing/fake-engine.ts';
import type { FakeMachine } from '../testing/fake-machine.ts';

const id = 'hello';

function vcpu(values: Readonly<Record<string, bigint>>): VcpuRegisters {
  return {
    cpu: 0,
    registers: registers.map(({ name, group, bits }) => ({ name, group, bits, value: values[name] ?? 0n })),
    cpl: 0,
    activity: 'running',
    inSmm: false,
    instructions: 7,
    pc: 0x1000,
    codeBits: 32,
    stack: 0x2000,
    stackBits: 32,
    mode: 3,
    x87: {
      stack: [new Uint8Array(10), new Uint8Array(10)],
      control: 0x37f,
      status: 6 << 11,
      // Of the physical registers 6 and 7, which are ST(0) and ST(1).
      tags: 0xdfff,
      instructionSelector: 0,
      instructionOffset: 0,
      dataSelector: 0,
      dataOffset: 0,
      opcode: 0,
    },
  };
}

async function open() {
  const folder = await temporaryFolder(onTestFinished);
  const armed: (readonly ArmedBreakpoint[])[] = [];
  const engine = fakeEngine();
  const create = engine.createMachine;
  engine.createMachine = async (configuration) => {
    const machine = await create(configuration);
    const fake = engine.machines.at(-1);
    if (fake === undefined) throw new Error('There is no fake machine.');
    fake.debugAnswers = {
      setBreakpoints: (list) => void armed.push(list),
      hits: () => new Map([[1, 3]]),
      registers: () =>
        vcpu({ eax: 0x1004n, eflags: 0x3246n, cs: 8n, cs_limit: 0xffffffffn, cs_rights: 0xc09bn, cr0: 0x80000011n }),
      setRegister: () => undefined,
      readMemory: ({ length }) => ({ bytes: new Uint8Array(length).fill(0x90), readable: new Uint8Array(length).fill(1) }),
      step: () => undefined,
    };
    return machine;
  };
  const warnings: string[] = [];
  const { host, options } = await fakeHost(folder, { engine, warn: (sentence) => warnings.push(sentence) });
  onTestFinished(() => host.close());
  const clientOf = (front: 'app' | 'browser') =>
    createRouterClient(router, {
      context: {
        front,
        host,
        displayUrl: (_id, url) => url,
        doctor: () => Promise.resolve([]),
        log: (text) => warnings.push(text),
      },
    });
  const fake = (): FakeMachine => {
    const machine = engine.machines.at(-1);
    if (machine === undefined) throw new Error('The machine was not started.');
    return machine;
  };
  return {
    folder,
    host,
    options,
    client: clientOf('app'),
    browser: clientOf('browser'),
    armed,
    fake,
    warnings,
    file: join(folder, 'library', id, 'breakpoints.json'),
  };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ORPCError)) throw new Error(`Expected a refusal, got ${String(error)}`);
  return `${String(error.code)}: ${error.message}`;
}

const execute = { kind: 'execute', space: 'linear', address: 0x1000 } as const;
const plain = { watched: execute, cpu: null, condition: null, ignore: 0, log: null, temporary: false, enabled: true };

describe('breakpoints', () => {
  it('are set while the machine is off, kept in its folder, and armed before it starts', async () => {
    const { client, armed, host, options, file } = await open();
    await client.debug.breakpoints.add({ id, breakpoint: { ...plain, condition: 'eax == 1' } });
    await client.debug.breakpoints.addText({ id, text: 'port 0x60-0x64 read log {value}' });
    await client.debug.breakpoints.add({ id, breakpoint: { ...plain, temporary: true } });
    expect(armed).toEqual([]);
    await client.machines.start({ id });
    expect(armed[0]?.map(({ watched }) => watched.kind)).toEqual(['execute', 'port', 'execute']);
    await host.close();
    const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
    expect(kept).toMatchObject({
      version: 1,
      breakpoints: [
        { id: 1, condition: 'eax == 1' },
        { id: 2, watched: { kind: 'port', first: 0x60 }, log: '{value}' },
      ],
    });
    const again = await Host.open(options);
    onTestFinished(() => again.close());
    expect(await again.withSession(id, ({ debug }) => debug.list())).toMatchObject([
      { id: 1 },
      { id: 2, text: 'port 0x60-0x64 read' },
    ]);
  });

  it('are changed, counted and removed', async () => {
    const { client, armed } = await open();
    await client.machines.start({ id });
    await client.debug.breakpoints.add({ id, breakpoint: plain });
    expect(await client.debug.breakpoints.change({ id, breakpoint: 1, change: { enabled: false } })).toMatchObject({
      enabled: false,
      hits: 3,
    });
    expect(armed.at(-1)).toEqual([]);
    await client.debug.breakpoints.remove({ id, breakpoints: [1, 9] });
    expect(await client.debug.breakpoints.list({ id })).toEqual([]);
  });

  it('are refused with a sentence when they cannot be', async () => {
    const { client } = await open();
    expect(await refusal(client.debug.breakpoints.add({ id, breakpoint: { ...plain, condition: 'eax =' } }))).toBe(
      'BAD_INPUT: “=” is not understood.',
    );
    expect(await refusal(client.debug.breakpoints.addText({ id, text: 'execute nowhere' }))).toBe(
      'BAD_INPUT: There is no register or symbol named nowhere.',
    );
    expect(await refusal(client.debug.breakpoints.change({ id, breakpoint: 4, change: {} }))).toBe(
      'NOT_FOUND: There is no breakpoint 4.',
    );
    expect(await refusal(client.debug.breakpoints.list({ id: 'nobody' }))).toContain('NOT_FOUND');
  });

  it('in a damaged file are told of, and the machine starts all the same', async () => {
    const { client, file, warnings } = await open();
    await writeFile(file, '{"version":1,"breakpoints":[{"id":1}],"more":2}');
    expect(await client.debug.breakpoints.list({ id })).toEqual([]);
    expect(warnings[0]).toContain('breakpoints.json cannot be read, so the machine has none.');
    expect(await readFile(file, 'utf8')).toContain('"more"');
  });
});

describe('the event stream', () => {
  it('begins with the present and follows the machine', async () => {
    const { client, fake } = await open();
    await client.debug.breakpoints.add({ id, breakpoint: { ...plain, temporary: true } });
    await client.machines.start({ id });
    const events: DebugEventMessage[] = [];
    const stream = await client.debug.events({ id });
    const next = async (): Promise<DebugEventMessage> => {
      const result = await stream.next();
      if (result.done === true) throw new Error('The stream ended.');
      events.push(result.value);
      return result.value;
    };
    expect(await next()).toMatchObject({ kind: 'breakpoints', breakpoints: [{ id: 1 }] });
    expect(await next()).toEqual({ kind: 'running' });
    fake().emit({ kind: 'debug', event: { kind: 'logged', cpu: 1, id: 5, text: 'a' } });
    fake().emit({ kind: 'debug', event: { kind: 'logged', cpu: 1, id: 5, text: 'b' } });
    expect(await next()).toEqual({
      kind: 'logged',
      lines: [
        { cpu: 1, id: 5, text: 'a' },
        { cpu: 1, id: 5, text: 'b' },
      ],
      lost: 0,
    });
    fake().become('paused', 'Stopped.');
    const hit = {
      id: 1,
      watched: execute,
      at: 0x1000,
      write: undefined,
      value: undefined,
      before: undefined,
      from: undefined,
      problem: undefined,
    };
    fake().emit({ kind: 'debug', event: { kind: 'stopped', cause: { kind: 'breakpoint', cpu: 0, hits: [hit] } } });
    expect(await next()).toEqual({
      kind: 'stopped',
      cause: { kind: 'breakpoint', cpu: 0, hits: [{ id: 1, text: 'Reached 0x1000', at: 0x1000 }] },
    });
    // The temporary one has gone with its stop.
    let last = await next();
    while (last.kind !== 'breakpoints' || last.breakpoints.length > 0) last = await next();
    await stream.return();
  });
});

describe('labels of the machine’s own source', () => {
  it('are symbols from the beginning, also for conditions of breakpoints that were kept, and follow the source', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const engine = fakeEngine();
    const assemble = engine.assemble;
    engine.assemble = (source) => {
      const lines = source.text.split('\n');
      return { ...assemble(source), labels: new Map(lines.map((line, index) => [line.trim(), 0x7c00 + index])) };
    };
    const { host, options } = await fakeHost(folder, { engine });
    onTestFinished(() => host.close());
    const source = join(folder, 'library', id, 'hello.asm');
    await writeFile(source, 'first\nsecond');
    const client = createRouterClient(router, {
      context: { front: 'app', host, displayUrl: (_id, url) => url, doctor: () => Promise.resolve([]), log: () => undefined },
    });
    expect((await client.debug.breakpoints.addText({ id, text: 'execute second if eax == first' })).watched).toMatchObject({
      address: 0x7c01,
    });
    expect(await client.debug.breakpoints.list({ id })).toMatchObject([{ symbol: 'second' }]);
    expect(await client.debug.symbols.list({ id })).toMatchObject([{ name: 'hello.asm', symbols: 2 }]);
    await host.close();
    const again = await Host.open(options);
    onTestFinished(() => again.close());
    expect(await again.withSession(id, ({ debug }) => debug.list())).toMatchObject([{ condition: 'eax == first' }]);
    await writeFile(source, 'before\nfirst\nsecond');
    await again.start(id, true);
    expect(await again.withSession(id, async ({ debug }) => debug.symbols.find('second'))).toBe(0x7c02);
  });
});

describe('looking', () => {
  it('needs a machine that is on', async () => {
    const { client } = await open();
    expect(await refusal(client.debug.registers({ id, cpu: 0 }))).toBe('WRONG_STATE: The machine is off; start it first.');
  });

  it('decodes flags, control registers and segments, and names what registers point to', async () => {
    const { client } = await open();
    await client.machines.start({ id });
    await client.debug.symbols.add({ id, name: 'a.map', bytes: Buffer.from('00000f00 T begin\n00001000 T start\n'), bias: 4 });
    const seen = await client.debug.registers({ id, cpu: 0 });
    const named = (name: string) => seen.registers.find((each) => each.name === name);
    expect(named('eax')).toMatchObject({ value: 0x1004n, symbol: 'start' });
    expect(
      named('eflags')
        ?.fields.filter(({ value }) => value !== 0)
        .map(({ name, value }) => `${name}=${value}`),
    ).toEqual(['PF=1', 'ZF=1', 'IF=1', 'IOPL=3']);
    expect(
      named('cr0')
        ?.fields.filter(({ value }) => value !== 0)
        .map(({ name }) => name),
    ).toEqual(['PE', 'ET', 'PG']);
    expect(seen.segments[1]).toMatchObject({ name: 'cs', selector: 8, text: 'code, readable, accessed, 32 bits, DPL 0' });
    expect(await client.debug.symbols.search({ id, text: 'ST', most: 5 })).toEqual([
      { name: 'start', address: 0x1004, offset: 0, from: 'a.map' },
    ]);
    expect(await client.debug.symbols.resolve({ id, cpu: 0, text: 'start + eax' })).toEqual({ address: 0x2008 });
    // The fake's memory is full of 0x90.
    expect(await client.debug.symbols.resolve({ id, cpu: 0, text: 'byte[start] + word[dword[eax]] * 0x10000' })).toEqual({
      address: 0x90900090,
    });
    expect(seen.x87).toMatchObject({ control: { name: 'fcw', value: 0x37fn } });
    expect(seen.x87.stack.map(({ tag }) => tag)).toEqual(['zero', 'empty']);
    expect(seen.x87.status.fields.find(({ name }) => name === 'TOP')?.value).toBe(6);
    expect(await refusal(client.debug.symbols.add({ id, name: 'x', bytes: Uint8Array.of(0, 1), bias: 0 }))).toContain(
      'neither an ELF file nor a text',
    );
  });

  it('hands on what the machine refuses', async () => {
    const { client, fake } = await open();
    await client.machines.start({ id });
    fake().debugAnswers.setRegister = () => {
      throw new MachineError('bad-configuration', 'CR0 cannot have PG without PE.');
    };
    expect(await refusal(client.debug.setRegister({ id, cpu: 0, name: 'cr0', value: 1n }))).toBe(
      'BAD_INPUT: CR0 cannot have PG without PE.',
    );
  });
});

describe('the gdb server', () => {
  it('is there while the machine is on, at the same port until another is asked for', async () => {
    const { client, browser } = await open();
    expect(await refusal(client.debug.gdb.start({ id }))).toBe('WRONG_STATE: The machine is off; start it first.');
    await client.machines.start({ id });
    const server = await client.debug.gdb.start({ id });
    expect(server.lines.gdb).toBe(`gdb -ex 'target remote 127.0.0.1:${server.port}'`);
    expect((await client.debug.gdb.start({ id })).port).toBe(server.port);
    expect(await refusal(browser.debug.gdb.start({ id, host: '0.0.0.0' }))).toContain('on loopback only');
    await client.machines.powerOff({ id });
    expect(await client.debug.gdb.get({ id })).toBe(null);
  });
});
