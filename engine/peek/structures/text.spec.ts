import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importIsf } from './isf.ts';
import { parseTypes } from './text.ts';
import { bytesOf, resolve, StructureError, type Member, type TypeSet } from './types.ts';

function members(set: TypeSet, key: string): [string, number, Member['bits']?][] {
  const type = resolve(set, { kind: 'named', key });
  if (type.kind !== 'structure') throw new Error(`${key} is no structure`);
  return type.members.map(({ name, offset, bits }) => (bits === undefined ? [name, offset] : [name, offset, bits]));
}

function problem(text: string): string {
  try {
    parseTypes(text);
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    return `${error.place?.line}:${error.place?.column} ${error.message}`;
  }
  return 'none';
}

describe('our text', () => {
  it('places members as a compiler for 32-bit code does', () => {
    const set = parseTypes(`
      typedef unsigned long ulong; // a comment
      struct list { struct list *next, *prev; };
      struct task {
        char name[16];
        u8 flag; u64 time; /* aligned to 4 */
        struct list link;
        union { u32 word; u8 bytes[4]; };
        ulong matrix[2][3];
        void (*run)(struct task *, int);
        enum state { ready, running = 5, gone } state;
      };
      struct task packed_later @ 0x1000;
    `);
    expect(members(set, 'struct task')).toEqual([
      ['name', 0],
      ['flag', 16],
      ['time', 20],
      ['link', 28],
      ['', 36],
      ['matrix', 40],
      ['run', 64],
      ['state', 68],
    ]);
    expect(bytesOf(set, { kind: 'named', key: 'struct task' })).toBe(72);
    expect(resolve(set, { kind: 'named', key: 'enum state' })).toMatchObject({
      values: [
        ['ready', 0],
        ['running', 5],
        ['gone', 6],
      ],
    });
    expect(set.symbols.get('packed_later')).toEqual({ address: 0x1000, type: { kind: 'named', key: 'struct task' } });
  });

  it('places bit-fields, packed members and members with a place of their own', () => {
    const set = parseTypes(`
      struct bits { u32 a : 3; u32 b : 30; u8 c : 4; u8 : 0; u8 d : 1; };
      struct close packed { u8 a; u32 b; u16 c : 9; u16 d : 9; };
      struct known { u32 id @ 8; u8 last @ 0x20; } size 0x40;
    `);
    expect(members(set, 'struct bits')).toEqual([
      ['a', 0, { first: 0, count: 3 }],
      ['b', 4, { first: 0, count: 30 }],
      ['c', 8, { first: 0, count: 4 }],
      ['d', 9, { first: 0, count: 1 }],
    ]);
    expect(members(set, 'struct close')).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 5, { first: 0, count: 9 }],
      ['d', 6, { first: 1, count: 9 }],
    ]);
    expect(members(set, 'struct known')).toEqual([
      ['id', 8],
      ['last', 0x20],
    ]);
    expect(bytesOf(set, { kind: 'named', key: 'struct known' })).toBe(0x40);
  });

  it.each([
    ['struct a { int x };', '1:18 ";" is missing behind a member, where "}" stands.'],
    ['struct a {\n  int x;\n  int x;\n};', '3:7 There are two members x.'],
    ['struct a { u8 x : 9; };', '1:15 9 bits do not fit in 1 byte.'],
    ['struct a { struct a inner; };', '1:21 There is no type struct a.'],
    ['struct a { u32 x; } size 2;', '1:27 The members take 4 bytes, so the size cannot be 2, where ";" stands.'],
    ['int x;', '1:6 "@" and the address of x are missing here, where ";" stands.'],
    ['struct { int x; }', '1:18 A name is missing here, where the end stands.'],
    ['struct a { int x; }; struct a { int y; };', '1:29 There are two definitions of struct a.'],
    ['u32 x @ 12z;', '1:9 12z is no number.'],
    ['u32 # x;', '1:5 "#" means nothing here.'],
    ['/* no end', '1:1 This comment has no end.'],
    ['struct a { float x : 3; };', '1:18 Only integers have bit-fields.'],
  ])('says where and what is wrong with %j', (text, expected) => {
    expect(problem(text)).toBe(expected);
  });

  it('takes any text without falling over', () => {
    const words = [
      'struct',
      'union',
      'enum',
      'typedef',
      'a',
      'b',
      'u32',
      'char',
      '{',
      '}',
      ';',
      ',',
      '*',
      '(',
      ')',
      '[',
      ']',
      ':',
      '@',
      '=',
      '1',
      '0x10',
      'packed',
      'size',
      'unsigned',
      'long',
      '-',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 40 }), (text) => {
        expect(problem(text.join(' '))).toMatch(/^(none|\d+:\d+ .|undefined:undefined .)/);
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void problem(text)),
      { numRuns: 500 },
    );
  });
});

const isf = {
  metadata: { format: '6.2.0' },
  base_types: {
    pointer: { size: 4, signed: false, kind: 'int', endian: 'little' },
    int: { size: 4, signed: true, kind: 'int', endian: 'little' },
    char: { size: 1, signed: true, kind: 'char', endian: 'little' },
    void: { size: 0, signed: false, kind: 'void', endian: 'little' },
  },
  user_types: {
    list_head: {
      kind: 'struct',
      size: 8,
      fields: {
        next: { offset: 0, type: { kind: 'pointer', subtype: { kind: 'struct', name: 'list_head' } } },
        prev: { offset: 4, type: { kind: 'pointer', subtype: { kind: 'struct', name: 'list_head' } } },
      },
    },
    task_struct: {
      kind: 'struct',
      size: 64,
      fields: {
        comm: { offset: 40, type: { kind: 'array', count: 16, subtype: { kind: 'base', name: 'char' } } },
        state: { offset: 0, type: { kind: 'enum', name: 'states' } },
        in_exec: { offset: 4, type: { kind: 'bitfield', bit_position: 3, bit_length: 2, type: { kind: 'base', name: 'int' } } },
        tasks: { offset: 8, type: { kind: 'struct', name: 'list_head' } },
        unnamed_field_1: { offset: 16, anonymous: true, type: { kind: 'union', name: 'unnamed_1' } },
      },
    },
    unnamed_1: { kind: 'union', size: 4, fields: { pid: { offset: 0, type: { kind: 'base', name: 'int' } } } },
  },
  enums: { states: { size: 4, base: 'int', constants: { running: 0, sleeping: 1 } } },
  symbols: { init_task: { address: 0x2000, type: { kind: 'struct', name: 'task_struct' } }, _text: { address: 0x1000 } },
};

describe('a symbol file of Volatility 3', () => {
  it('gives its types and symbols', () => {
    const set = importIsf(JSON.stringify(isf));
    expect(members(set, 'struct task_struct')).toEqual([
      ['state', 0],
      ['in_exec', 4, { first: 3, count: 2 }],
      ['tasks', 8],
      ['', 16],
      ['comm', 40],
    ]);
    expect(resolve(set, { kind: 'named', key: 'union unnamed_1' })).toMatchObject({ isUnion: true, bytes: 4 });
    expect(set.symbols.get('init_task')).toEqual({ address: 0x2000, type: { kind: 'named', key: 'struct task_struct' } });
    expect(set.symbols.get('_text')).toEqual({ address: 0x1000, type: undefined });
  });

  it('is refused with a sentence, and never believed, when something in it is wrong', () => {
    expect(() => importIsf('{')).toThrow('The symbol file is no JSON');
    expect(() => importIsf('[]')).toThrow('This JSON is no symbol file of Volatility 3');
    const whole = JSON.stringify(isf);
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.constantFrom('0', '-1', '"x"', 'null', '{}', '1e99', '[]', '}', ''),
        fc.nat(12),
        (at, put, cut) => {
          try {
            importIsf(whole.slice(0, at) + put + whole.slice(at + cut));
          } catch (error) {
            expect(error).toBeInstanceOf(StructureError);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });
});
