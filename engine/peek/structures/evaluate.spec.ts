import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearSpace, type Operation, type Outcome } from '../operation.ts';
import { Evaluator, type EvaluationOptions } from './evaluate.ts';
import { parseExpression } from './expression.ts';
import type { Node } from './node.ts';
import { descriptorTables } from './profiles/processor.ts';
import { profiles } from './profiles/profiles.ts';
import { parseTypes } from './text.ts';
import { StructureError } from './types.ts';

/** Memory of 64 KiB at 0x1000; everything else faults. */
const base = 0x1000;
const memory = new DataView(new ArrayBuffer(0x10000));

function read(operation: Operation): Outcome {
  const bytes: number[] = [];
  if (operation.kind !== 'read' && operation.kind !== 'string') throw new Error('not read here');
  const most = operation.kind === 'read' ? operation.length : operation.limit;
  let complete = operation.kind === 'read';
  for (let index = 0; index < most; index++) {
    const at = operation.address + index;
    if (at < base || at >= base + memory.byteLength) {
      return {
        bytes: Uint8Array.from(bytes),
        pointers: [],
        ending: { kind: 'fault', vector: 14, code: 0, address: at },
        complete: false,
      };
    }
    const byte = memory.getUint8(at - base);
    if (operation.kind === 'string' && byte === 0) {
      complete = true;
      break;
    }
    bytes.push(byte);
  }
  return { bytes: Uint8Array.from(bytes), pointers: [], ending: undefined, complete };
}

const put32 = (address: number, ...values: number[]) =>
  values.forEach((value, index) => memory.setUint32(address - base + 4 * index, value, true));
const putText = (address: number, text: string) =>
  [...Buffer.from(`${text}\0`)].forEach((byte, index) => memory.setUint8(address - base + index, byte));

const set = parseTypes(`
  struct list_head { struct list_head *next, *prev; };
  enum state { ready, running, gone = 9 };
  struct task {
    u32 pid; enum state state; char name[8]; struct list_head link; struct task *parent; char *title;
    u32 low : 4; u32 high : 28; union { u32 word; u8 bytes[4]; }; bool alive; i8 nice; double load;
  };
  struct tree { struct tree *left, *right; u32 key; };
  struct single { struct single *next; u32 value; };
  struct task tasks[4] @ 0x2000;
  struct list_head head @ 0x3000;
  struct tree *root @ 0x3010;
  struct single *first @ 0x3020;
  u32 nowhere @ 0x20000;
  struct task edge @ 0x10fe8;
  struct task *lost @ 0x3030;
`);
const taskBytes = 52;
const taskAt = (index: number) => 0x2000 + index * taskBytes;

for (let index = 0; index < 4; index++) {
  const at = taskAt(index);
  put32(at, 100 + index, [0, 1, 9, 7][index]!);
  putText(at + 8, `task${index}`);
  put32(at + 16, index === 3 ? 0x3000 : taskAt(index + 1) + 16, 0, index === 0 ? 0 : taskAt(index - 1), 0x4000);
  put32(at + 32, 0xabcdef1, 0x04030201);
  memory.setUint8(at + 40 - base, 1);
  memory.setInt8(at + 41 - base, -5);
  memory.setFloat64(at + 44 - base, 1.5, true);
}
putText(0x4000, 'A "title"\n');
put32(0x3000, taskAt(0) + 16, 0);
put32(0x3010, 0x5000);
put32(0x5000, 0x5010, 0x5020, 2, 0, 0x5010, 0x5030, 1, 0, 0, 0, 3);
put32(0x5010, 0, 0, 1);
put32(0x5020, 0, 0, 3);
put32(0x3020, 0x6000);
put32(0x6000, 0x6010, 7);
put32(0x6010, 0x6000, 8);
put32(0x3030, 0xdead0000);

function evaluate(text: string, options: Partial<EvaluationOptions> = {}): Node {
  const registers: Record<string, number> = { esp: 0x2000 };
  return new Evaluator(set, { read, register: (name) => registers[name] }, { space: linearSpace, ...options }).evaluate(
    parseExpression(text, set),
    text,
  );
}

const shown = ({ value, unreadable }: Node): string => value ?? `?${unreadable}`;
const child = (node: Node, name: string): Node => node.children?.find((each) => each.name === name) ?? { name, type: 'missing' };

describe('an expression', () => {
  it.each([
    ['tasks[2].pid', '102 (0x66)'],
    ['tasks[1].parent->name', '"task0"'],
    ['tasks[1].parent.pid', '100 (0x64)'],
    ['(*tasks[3].parent).state', 'gone (9)'],
    ['tasks[3].state', '7 (no value of this enumeration)'],
    ['tasks[0].title', '0x4000 "A \\"title\\"\\n"'],
    ['tasks[0].low', '1'],
    ['tasks[0].high', '11259375 (0xabcdef)'],
    ['tasks[0].bytes[2]', '3'],
    ['tasks[0].alive', 'true'],
    ['tasks[0].nice', '-5'],
    ['tasks[0].load', '1.5'],
    ['&tasks[1]', '0x2034'],
    ['&tasks[1].link', '0x2044'],
    ['((struct task *)0x2000)[1].pid', '101 (0x65)'],
    ['((struct task *)$esp + 2)->pid', '102 (0x66)'],
    ['*(u32 *)0x2000', '100 (0x64)'],
    ['(struct task)0x2000', '?undefined'],
    ['sizeof(struct task)', '52 (0x34)'],
    ['(tasks[1].pid - 100 + 2 * 3) / 2', '3'],
    ['string(0x4000)', '"A \\"title\\"\\n"'],
    ['head.next', '0x2010'],
    ['nowhere', '?#PF(0x0) at linear 0x20000: not present'],
    ['lost->pid', '?#PF(0x0) at linear 0xdead0000: not present'],
    ['lost->parent->pid', '?#PF(0x0) at linear 0xdead0018: not present'],
  ])('%s is %s', (text, value) => {
    expect(shown(evaluate(text))).toBe(value);
  });

  it.each([
    ['tasks[1].nme', '9: struct task has no member nme; there is name.'],
    ['taks[1]', '1: There is no symbol taks; there is tasks.'],
    ['tasks[1].pid.x', '13: u32 has no members.'],
    ['*tasks[0].pid', '1: u32 is neither a pointer nor an array.'],
    ['$eaz', '1: There is no register $eaz.'],
    ['tasks[', '7: A name, a number or "(" is missing here, where the end stands.'],
    ['1 / 0', '3: Nothing can be divided by 0.'],
    ['lists(head)', '1: There is no function lists; there are array, chain, list, sizeof, string and tree.'],
    ['1 + list(head, struct task, link)', '5: A list is no value; it can only stand by itself.'],
    ['array(first, 99999999999)', '1: An array cannot have 99999999999 elements.'],
    ['*(void *)1', '1: What it points to has no type; cast it.'],
  ])('%s is refused', (text, expected) => {
    let said = 'nothing';
    try {
      evaluate(text);
    } catch (error) {
      if (!(error instanceof StructureError)) throw error;
      said = `${error.place?.column}: ${error.message}`;
    }
    expect(said).toBe(expected);
  });

  it('shows a structure with what can be read of it, and marks the rest', () => {
    const node = evaluate('edge');
    expect(shown(child(node, 'pid'))).toBe('0');
    expect(child(node, 'link').children?.[0]?.unreadable).toBeUndefined();
    expect(child(node, 'title').unreadable).toBe('#PF(0x0) at linear 0x11000: not present');
    expect(child(node, 'title').value).toBeUndefined();
    expect(child(node, 'load').unreadable).toContain('#PF');
  });

  it('follows lists with container_of, chains and trees, and ends at cycles', () => {
    const list = evaluate('list(head, struct task, link)');
    expect(list.children?.map((task) => shown(child(task, 'pid')))).toEqual([
      '100 (0x64)',
      '101 (0x65)',
      '102 (0x66)',
      '103 (0x67)',
    ]);
    expect(list.more).toBeUndefined();
    const chain = evaluate('chain(first, next)');
    expect(chain.children?.map((each) => shown(child(each, 'value')))).toEqual(['7', '8']);
    expect(chain.more).toBe('leads back to 0x6000, which is in it already');
    const tree = evaluate('tree(root, left, right)');
    expect(tree.children?.map((each) => shown(child(each, 'key')))).toEqual(['1', '2', '3']);
    expect(evaluate('list(head, struct task, link)', { mostElements: 2 })).toMatchObject({
      more: 'there are more',
      children: [{}, {}],
    });
    put32(taskAt(1) + 16, 0xdead0000);
    expect(evaluate('list(head, struct task, link)').more).toBe(
      'the link at 0xdead0000 cannot be read: #PF(0x0) at linear 0xdead0000: not present',
    );
    put32(taskAt(1) + 16, taskAt(2) + 16);
  });

  it('follows pointers as deep as it is asked, and not in circles', () => {
    const node = evaluate('tasks[2].parent', { follow: 5 });
    const parent = child(node.children![0]!, 'parent');
    expect(shown(child(parent.children![0]!, 'pid'))).toBe('100 (0x64)');
    const circle = evaluate('first', { follow: 9 });
    const second = child(circle.children![0]!, 'next');
    expect(child(second.children![0]!, 'next').more).toBe('leads back to where it came from');
  });

  it('never gives more nodes than it may', () => {
    const count = (node: Node): number => 1 + (node.children ?? []).reduce((sum, each) => sum + count(each), 0);
    expect(count(evaluate('array((struct task *)0x2000, 1000)', { mostNodes: 50, mostElements: 1000 }))).toBeLessThan(70);
  });

  it('takes any text, on any memory, without falling over', () => {
    const words = [
      'tasks',
      'head',
      'root',
      'first',
      'lost',
      '[',
      ']',
      '.',
      '->',
      'link',
      'next',
      'pid',
      'parent',
      '*',
      '&',
      '(',
      ')',
      'list',
      'tree',
      'chain',
      'array',
      ',',
      'struct',
      'task',
      '1',
      '0x2000',
      '+',
      '-',
      '/',
      '$esp',
      'sizeof',
      'string',
      'u32',
      'char',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 14 }), (text) => {
        try {
          evaluate(text.join(' '), { follow: 2, mostElements: 8, mostNodes: 100 });
        } catch (error) {
          expect(error).toBeInstanceOf(StructureError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the profiles', () => {
  it('parse, and their expressions fit their types', () => {
    for (const profile of profiles) {
      const types = parseTypes(profile.types);
      for (const view of profile.views)
        parseExpression(view.expression, profile.id === 'linux' ? parseTypes('struct task_struct { u32 tasks; };') : types);
    }
  });

  it('explain descriptors, the invalid ones too', () => {
    const note = (low: number, high: number, type = 'struct segment_descriptor') => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setUint32(0, low, true);
      new DataView(bytes.buffer).setUint32(4, high, true);
      return descriptorTables.note?.(type, bytes);
    };
    expect(note(0x0000ffff, 0x00cf9a00)).toBe('32-bit code, readable, base 0x0, limit 0xffffffff, DPL 0');
    expect(note(0x0000ffff, 0x00cf1200)).toBe(
      '32-bit data, writable, base 0x0, limit 0xffffffff, DPL 0, not present: using it gives #NP',
    );
    expect(note(0x30000067, 0x00008b00)).toBe('busy 32-bit TSS, base 0x3000, limit 0x67, DPL 0');
    expect(note(0x00081234, 0x0010ee00, 'struct gate_descriptor')).toBe('32-bit interrupt gate to 0x8:0x101234, DPL 3');
    expect(note(0x00081234, 0x00108100, 'struct gate_descriptor')).toBe('no gate (type 1): using it gives #GP');
  });
});
