import { describe, expect, it } from 'vitest';
import type { Machine } from '../../engine/machine/machine.ts';
import { HostError } from './errors.ts';
import { Peeks, type PeekParts } from './peeks.ts';

type Question = { name: string; question: Record<string, unknown> };

const labels = new Map([['gdt', 0x1234]]);

/** A machine whose reader answers what a test says; it keeps what it was asked. */
function peeksOn(
  answers: Partial<Record<string, (question: Record<string, unknown>) => unknown>>,
  parts: Partial<PeekParts> = {},
) {
  const asked: Question[] = [];
  const known = new Set<unknown>();
  const machine: Pick<Machine, 'ask'> = {
    async ask(_tool, question) {
      const { name, question: content } = question as Question;
      asked.push({ name, question: content });
      if (name === 'types') known.add(content['id']);
      if (name === 'knows') return known.has(content['id']);
      return answers[name]?.(content);
    },
  };
  const peeks = new Peeks({
    ask: (_id, question) => question(machine as Machine),
    labels: async () => labels,
    readFile: async () => new TextEncoder().encode('struct a { u32 x; };'),
    symbolAt: () => null,
    ...parts,
  });
  return { peeks, asked };
}

const fault = { kind: 'fault', vector: 14, code: 0, address: 0x1002 };

describe('peeks', () => {
  it('give bytes, and the reason why there are not more', async () => {
    const { peeks } = peeksOn({ read: () => ({ bytes: Uint8Array.of(1, 2), pointers: [], complete: false, ending: fault }) });
    expect(
      await peeks.read({ id: 'm', space: { kind: 'linear' }, operation: { kind: 'read', address: 0x1000, length: 4 } }),
    ).toEqual({
      bytes: Uint8Array.of(1, 2),
      pointers: [],
      complete: false,
      fault: { vector: 14, code: 0, address: 0x1002 },
      problem: '#PF(0x0) at linear 0x1002: not present',
    });
  });

  it('list what ships and what was loaded, with the labels of the machine as symbols', async () => {
    const { peeks } = peeksOn({});
    const shipped = await peeks.profiles('m');
    expect(shipped.map(({ id }) => id)).toEqual([
      'descriptor-tables',
      'task-state',
      'page-tables',
      'bios-data',
      'mp-tables',
      'acpi-tables',
      'lantern',
      'guard-lab',
      'linux',
    ]);
    expect(
      await peeks.load('m', 'mine', { kind: 'bytes', name: 'mine.h', bytes: new TextEncoder().encode('struct b { u8 y; };') }),
    ).toMatchObject({ id: 'mine', loaded: true });
    expect((await peeks.profiles('m')).at(-1)?.id).toBe('mine');
    expect(await peeks.search('m', 'mine', 'GD')).toEqual({ types: [], symbols: [{ name: 'gdt', address: 0x1234 }] });
    expect((await peeks.search('m', 'mine', 'struct')).types).toEqual(['struct b']);
    peeks.unload('m', 'mine');
    expect(() => peeks.unload('m', 'mine')).toThrow('No profile named mine was loaded for this machine.');
    await expect(peeks.search('m', 'mine', '')).rejects.toThrow('There is no profile mine; there are descriptor-tables');
  });

  it('refuse types that are wrong, with file, line and column', async () => {
    const { peeks } = peeksOn({});
    const load = (text: string) =>
      peeks.load('m', 'mine', { kind: 'bytes', name: 'mine.h', bytes: new TextEncoder().encode(text) });
    await expect(load('struct a {\n  int;\n')).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/^mine\.h:\d+:\d+: ./),
    });
    await expect(load('{"a": 1}')).rejects.toThrow('This JSON is no symbol file of Volatility 3');
    await expect(peeks.load('m', 'linux', { kind: 'bytes', name: 'x', bytes: new Uint8Array() })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it('give the machine a set of types once', async () => {
    const { peeks, asked } = peeksOn({ evaluate: () => [{ kind: 'value', node: { name: 'x', type: 'int', value: '1' } }] });
    const question = { id: 'm', profile: 'descriptor-tables', expressions: [{ expression: '$gdt_base' }] };
    expect(await peeks.evaluate(question)).toEqual([{ kind: 'value', node: { name: 'x', type: 'int', value: '1' } }]);
    await peeks.evaluate(question);
    expect(asked.filter(({ name }) => name === 'types')).toHaveLength(1);
    expect(asked.filter(({ name }) => name === 'evaluate')).toHaveLength(2);
  });

  it('tell what has changed, say once that the machine is off, and go on when it is on again', async () => {
    const values = ['1', '1', '2', 'off', 'off', '2'];
    let at = -1;
    const { peeks } = peeksOn({ evaluate: () => [{ kind: 'value', node: { name: 'x', type: 'int', value: values[at] } }] }, {});
    const evaluate = peeks.evaluate.bind(peeks);
    peeks.evaluate = async (input) => {
      at++;
      if (values[at] === 'off') throw new HostError('WRONG_STATE', 'The machine is off; start it first.');
      return evaluate(input);
    };
    const abort = new AbortController();
    const seen: string[] = [];
    for await (const event of peeks.watch({ id: 'm', expressions: [{ expression: 'x' }], interval: 1 }, abort.signal)) {
      seen.push(event.kind === 'off' ? 'off' : event.result.kind === 'value' ? (event.result.node.value ?? '') : 'error');
      if (seen.length === 4) abort.abort();
    }
    expect(seen).toEqual(['1', '2', 'off', '2']);
  });
});
