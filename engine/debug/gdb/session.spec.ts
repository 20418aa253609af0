/** Hostile and broken clients: the protocol over a machine that a test plays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeMachine } from '../../../main/host/testing/fake-machine.ts';
import type { VcpuRegisters } from '../../machine/debug/calls.ts';
import { registers } from '../../machine/debug/registers.ts';
import { MachineError } from '../../machine/machine.ts';
import { BreakpointStore } from '../store.ts';
import { framed, fromHex, hexNumber, PacketReader, toHex } from './packets.ts';
import { GdbSession } from './session.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function registersOf(cpu: number): VcpuRegisters {
  return {
    cpu,
    registers: registers.map(({ name, group, bits }) => ({ name, group, bits, value: name === 'eip' ? 0x1234n : 0n })),
    cpl: 0,
    activity: 'running',
    inSmm: false,
    instructions: 0,
    pc: 0x1234,
    codeBits: 32,
    stack: 0,
    stackBits: 32,
    mode: 3,
    x87: {
      stack: [],
      control: 0x37f,
      status: 0,
      tags: 0xffff,
      instructionSelector: 0,
      instructionOffset: 0,
      dataSelector: 0,
      dataOffset: 0,
      opcode: 0,
    },
  };
}

async function attached(cpus = 2) {
  const machine = new FakeMachine({
    name: 'fake',
    cpus,
    memoryBytes: 1 << 20,
    clock: 'wall',
    boot: { kind: 'boot-sector', image: new Uint8Array(512) },
  });
  const edits: [string, bigint][] = [];
  machine.debugAnswers = {
    ...machine.debugAnswers,
    registers: ({ cpu }) => registersOf(cpu),
    readMemory: ({ length }) => ({ bytes: new Uint8Array(length), readable: new Uint8Array(length).fill(1) }),
    writeMemory: ({ address }) => {
      if (address < 0x1000) throw new MachineError('bad-configuration', 'There is no RAM.');
    },
    setRegister: ({ name, value }) => void edits.push([name, value]),
    step: () => undefined,
    resumeSome: () => undefined,
    page: () => {
      throw new MachineError('wrong-state', 'off');
    },
  };
  const store = new BreakpointStore();
  await store.attach(machine);
  await machine.start({ paused: true });
  let sent = '';
  let closed = false;
  const warnings: string[] = [];
  const session = new GdbSession(machine, store, {
    send: (bytes) => void (sent += text(bytes)),
    close: () => {
      closed = true;
    },
    warn: (sentence) => warnings.push(sentence),
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return {
    machine,
    store,
    session,
    edits,
    warnings,
    isClosed: () => closed,
    /** Replies to one packet, without frames and acknowledgements. */
    ask: async (packet: string): Promise<string> => {
      sent = '';
      session.receive(framed(packet));
      await settle();
      return [...new PacketReader().feed(Buffer.from(sent, 'latin1'))]
        .map((each) => (each.kind === 'packet' ? text(each.body) : each.kind))
        .join(' ');
    },
    raw: async (bytes: Uint8Array): Promise<string> => {
      sent = '';
      session.receive(bytes);
      await settle();
      return sent;
    },
  };
}

describe('frames', () => {
  it('carry any bytes, however they are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (body, piece) => {
        const frame = framed(text(body));
        const reader = new PacketReader();
        const found = [];
        for (let at = 0; at < frame.length; at += piece) found.push(...reader.feed(frame.subarray(at, at + piece)));
        expect(found).toEqual([{ kind: 'packet', body }]);
      }),
    );
  });

  it('with a wrong checksum are damaged, and Ctrl-C between them is an interrupt', () => {
    expect([...new PacketReader().feed(Buffer.from('$g#00\x03-$g#67'))].map(({ kind }) => kind)).toEqual([
      'damaged',
      'interrupt',
      'again',
      'packet',
    ]);
  });

  it('have hexadecimal numbers of 32 bits', () => {
    expect([
      hexNumber('7c00'),
      hexNumber('ffffffff80000000'),
      hexNumber('123456789'),
      hexNumber(''),
      hexNumber('0x1'),
      hexNumber(undefined),
    ]).toEqual([0x7c00, 0x80000000, undefined, undefined, undefined, undefined]);
    expect([fromHex('00ff'), fromHex('0'), fromHex('zz')]).toEqual([Uint8Array.of(0, 255), undefined, undefined]);
  });
});

describe('the protocol', () => {
  it('answers what it knows, and nothing to what it does not', async () => {
    const { ask } = await attached();
    expect(await ask('vMustReplyEmpty')).toBe('');
    expect(await ask('qfThreadInfo')).toBe('m1,2');
    expect(await ask('qsThreadInfo')).toBe('l');
    expect(await ask('vCont?')).toBe('vCont;c;C;s;S');
    expect(await ask('?')).toBe('T02thread:1;');
    expect(await ask('p8')).toBe('34120000');
    expect(await ask('Hg2')).toBe('OK');
    expect(await ask('qC')).toBe('QC2');
    expect(await ask('T3')).toBe('E16');
    expect(await ask('m100,4')).toBe('00000000');
    expect(await ask('M100,2:0102')).toBe('E0e');
    expect(await ask('M1000,2:01')).toBe('E16');
    expect(await ask('X1000,1:#')).toBe('OK');
    expect(await ask('qXfer:features:read:other.xml:0,10')).toBe('E16');
    expect(await ask('qXfer:threads:read::0,8')).toBe('m<?xml ve');
    expect(await ask('Z9,1,1')).toBe('');
    expect(await ask('Z2,1000,0')).toBe('E16');
  });

  it('keeps the breakpoints that it set in the one store, until it goes', async () => {
    const { ask, store, session } = await attached();
    await store.add({ watched: { kind: 'mode' } });
    expect(await ask('Z0,7c00,1')).toBe('OK');
    expect(await ask('Z0,7c00,1')).toBe('OK');
    expect(await ask('Z2,600,4')).toBe('OK');
    expect(store.list.map(({ owner }) => owner)).toEqual(['user', 'gdb', 'gdb']);
    expect(await ask('z2,600,4')).toBe('OK');
    await session.closed();
    expect(store.list.map(({ owner }) => owner)).toEqual(['user']);
  });

  it('reports a stop once, with the thread and the kind of watchpoint', async () => {
    const { ask, machine, store } = await attached();
    await ask('qSupported:swbreak+');
    await ask('Z3,600,4');
    const id = store.list[0]?.id ?? 0;
    expect(await ask('vCont;c')).toBe('');
    const watched = { kind: 'data', space: 'linear', address: 0x600, length: 4, access: 'read' } as const;
    const hit = { id, watched, at: 0x602, write: false, value: 1n, before: 1n, from: undefined, problem: undefined };
    let sent = '';
    const stopped = { kind: 'debug', event: { kind: 'stopped', cause: { kind: 'breakpoint', cpu: 1, hits: [hit] } } } as const;
    machine.emit(stopped);
    machine.emit(stopped);
    sent = await ask('qC');
    expect(sent).toBe('T05thread:2;rwatch:600; QC2'.slice(-3));
  });

  it('steps a thread with the others running or stopped, as asked', async () => {
    const { ask, machine } = await attached(3);
    const asked: unknown[] = [];
    machine.debugAnswers.step = (argument) => void asked.push(argument);
    machine.debugAnswers.resumeSome = (argument) => void asked.push(argument);
    await ask('vCont;s:2;c');
    await ask('vCont;s:2');
    await ask('vCont;c:1;c:3');
    await ask('vCont;x:1');
    expect(asked).toEqual([{ cpu: 1, count: 1, others: 'running' }, { cpu: 1, count: 1, others: 'stopped' }, { cpus: [0, 2] }]);
    expect(await ask('vCont;s:9')).toBe('E16');
  });

  it('writes only registers that differ, and says why one is refused', async () => {
    const { ask, machine, edits } = await attached();
    const all = await ask('g');
    expect(await ask(`G${all}`)).toBe('OK');
    expect(edits).toEqual([]);
    expect(await ask(`G01${all.slice(2)}`)).toBe('OK');
    expect(edits).toEqual([['eax', 1n]]);
    machine.debugAnswers.setRegister = () => {
      throw new MachineError('bad-configuration', 'It cannot be.');
    };
    expect(await ask('P0=01000000')).toBe('E.It cannot be.');
    expect(await ask('P0=01')).toContain('E.');
    expect(await ask(`G${all}00`)).toBe('E16');
  });

  it('shows what monitor commands say', async () => {
    const { ask, store } = await attached();
    const command = async (words: string): Promise<string> => {
      const [output = ''] = (await ask(`qRcmd,${toHex(Buffer.from(words))}`)).split(' ');
      return output.startsWith('O') && output !== 'OK' ? Buffer.from(output.slice(1), 'hex').toString('utf8') : output;
    };
    expect(await command('break port 0x60-0x64 write cpu 1 if value == 0xfe log reset by {eip}')).toBe(
      '1 port 0x60-0x64 write cpu 1 if value == 0xfe log reset by {eip}  (0 hits)\n',
    );
    expect(store.list[0]?.condition).toBe('value == 0xfe');
    expect(await command('break execute 0x123456789')).toBe('0x123456789 is no number of 32 bits.\n');
    expect(await command('break mode if nothing')).toBe('There is no register or symbol named nothing.\n');
    expect(await command('delete 7')).toBe('There is no breakpoint 7.\n');
    expect(await command('phys on')).toBe('Addresses are physical.\n');
    expect(await command('i')).toBe('info is followed by registers, cpus, breakpoints or status.\n');
  });

  it('is not moved by anything that is sent', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'Z0,',
        'vCont;',
        'qXfer:',
        'm',
        'M',
        'X',
        'P',
        'G',
        'p',
        'Hg',
        'Hc',
        's:1',
        'c',
        '-1',
        'ffffffff',
        ',',
        ':',
        '=',
        ';',
        '1000',
        'qRcmd,',
        '7068',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    const packet = fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            packet.map((body) => framed(body)),
            fc.uint8Array({ maxLength: 40 }),
          ),
          { maxLength: 12 },
        ),
        async (messages) => {
          const { raw, ask, isClosed, warnings, machine } = await attached();
          for (const message of messages) await raw(message);
          expect(warnings).toEqual([]);
          if (isClosed() || machine.state === 'off') return;
          // Whatever was begun ends with the next frame; then it answers as ever.
          await raw(Buffer.from('#00'));
          expect(await ask('vMustReplyEmpty')).toBe('');
          expect(await ask('qsThreadInfo')).toBe('l');
        },
      ),
      { numRuns: 300 },
    );
  });
});
