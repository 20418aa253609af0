/** Types from DWARF, as gcc writes it in every version, against what gdb says of the very same file. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importDwarf } from '../../engine/peek/structures/dwarf/import.ts';
import { bytesOf, resolve, StructureError, type TypeSet } from '../../engine/peek/structures/types.ts';

const source = `
typedef unsigned long size_type;
struct list_head { struct list_head *next, *prev; };
enum state { ready, running = 5, gone = -1 };
union number { int whole; float real; unsigned char bytes[8]; };
struct inner { char tag; long long wide; short tail; };
struct task {
  char name[16];
  unsigned flags : 3, mode : 7;
  unsigned long long big : 40;
  signed char nice : 5;
  enum state state;
  struct list_head link;
  union { int pid; void *handle; };
  struct { unsigned char low, high; } pair[3];
  struct inner inner;
  size_type sizes[2][3];
  const volatile struct task *parent;
  int (*run)(struct task *, int);
  double load;
  _Bool alive;
  union number number;
  int rest[];
};
struct __attribute__((packed)) tight { char a; int b; short c : 9; int d; };
struct task *current;
struct task tasks[4];
struct tight one;
union number all;
int counter = 7;
int main(void) { return counter + (int)sizeof tasks + one.a + all.whole; }
`;

const tools = ['gcc', 'gdb'].every((tool) => spawnSync(tool, ['--version']).status === 0);
const works = tools && spawnSync('gcc', ['-m32', '-x', 'c', '-c', '/dev/null', '-o', '/dev/null']).status === 0;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-dwarf-'));
  writeFileSync(path.join(folder, 'types.c'), source);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function compile(name: string, ...options: string[]): Uint8Array {
  execFileSync(
    'gcc',
    [
      '-m32',
      '-fno-pie',
      '-nostdlib',
      '-nostartfiles',
      '-no-pie',
      '-Wl,-e,main',
      ...options,
      '-o',
      path.join(folder, name),
      path.join(folder, 'types.c'),
    ],
    { stdio: 'pipe' },
  );
  return readFileSync(path.join(folder, name));
}

/** Byte and bit offsets of members, as `ptype /o` prints them at the outermost level and below. */
function gdbOffsets(name: string, type: string): Map<string, string> {
  const text = execFileSync('gdb', ['-batch', '-nx', '-ex', `ptype/o ${type}`, path.join(folder, name)], { encoding: 'utf8' });
  const offsets = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\/\*\s*(\d+)(?::\s*(\d+))?\s*\|\s*\d+\s*\*\/\s+(.*;)$/.exec(line);
    if (match === null) continue;
    const [, offset, bit, declaration] = match;
    const found = /\(\*(\w+)\)|(\w+)\s*(?:\[\d*\])*\s*(?::\s*\d+)?;$/.exec(declaration ?? '');
    const member = found?.[1] ?? found?.[2];
    if (member !== undefined && !offsets.has(member)) offsets.set(member, `${offset}${bit === undefined ? '' : `:${bit}`}`);
  }
  return offsets;
}

function gdbNumber(name: string, expression: string): string {
  const text = execFileSync('gdb', ['-batch', '-nx', '-ex', `print/d ${expression}`, path.join(folder, name)], {
    encoding: 'utf8',
  });
  return /= (-?\d+)/.exec(text)?.[1] ?? text;
}

/** The same of what we read; members of members get their place from the start of the outermost, as gdb prints them. */
function ourOffsets(set: TypeSet, key: string, start = 0, found = new Map<string, string>()): Map<string, string> {
  const type = resolve(set, { kind: 'named', key });
  if (type.kind !== 'structure') throw new Error(`${key} is no structure`);
  for (const { name, offset, bits, type: of } of type.members) {
    const at = start + offset;
    const inner = of.kind === 'array' ? of.of : of;
    if (inner.kind === 'named' && /^(struct|union) /.test(inner.key)) ourOffsets(set, inner.key, at, found);
    if (name !== '' && !found.has(name))
      found.set(name, bits === undefined ? String(at) : `${at + Math.floor(bits.first / 8)}:${bits.first % 8}`);
  }
  return found;
}

/** gdb counts a bit-field from its storage unit, we from its byte: both as bits from the start. */
function bitsFromStart(place: string | undefined): number {
  const [bytes, bits] = (place ?? '').split(':');
  return 8 * Number(bytes) + Number(bits ?? 0);
}

describe.runIf(works)('types from DWARF', { timeout: 120_000 }, () => {
  it.each(['2', '3', '4', '5'])('of version %s are where gdb says they are', (version) => {
    const name = `types-${version}`;
    const set = importDwarf(compile(name, `-gdwarf-${version}`, '-gstrict-dwarf'));
    for (const key of ['struct task', 'struct tight', 'struct inner', 'union number', 'struct list_head']) {
      const gdb = gdbOffsets(name, key);
      const ours = ourOffsets(set, key);
      // gdb gives members of a union no offsets.
      expect(gdb.size).toBeGreaterThan(key.startsWith('union') ? -1 : 1);
      // In an array of structures gdb's `ptype /o` counts from elsewhere; its address arithmetic does not.
      for (const member of ['low', 'high']) {
        if (gdb.has(member)) gdb.set(member, gdbNumber(name, `(int)&((${key} *)0)->pair[0].${member}`));
      }
      for (const [member, place] of gdb)
        expect(`${key}.${member} ${bitsFromStart(ours.get(member))}`).toBe(`${key}.${member} ${bitsFromStart(place)}`);
      expect(String(bytesOf(set, { kind: 'named', key }))).toBe(gdbNumber(name, `sizeof(${key})`));
    }
    expect(String(set.symbols.get('tasks')?.address)).toBe(gdbNumber(name, '(unsigned)&tasks'));
    expect(resolve(set, { kind: 'named', key: 'enum state' })).toMatchObject({ bytes: 4 });
    expect(set.symbols.get('main')?.type).toEqual({ kind: 'function' });
  });

  it('are found in type units and in compressed sections, too', () => {
    const plain = ourOffsets(importDwarf(compile('plain', '-gdwarf-4')), 'struct task');
    expect(ourOffsets(importDwarf(compile('units4', '-gdwarf-4', '-fdebug-types-section')), 'struct task')).toEqual(plain);
    expect(ourOffsets(importDwarf(compile('units5', '-gdwarf-5', '-fdebug-types-section')), 'struct task')).toEqual(plain);
    expect(ourOffsets(importDwarf(compile('packed', '-gdwarf-5', '-gz=zlib')), 'struct task')).toEqual(plain);
  });

  it('are refused with a sentence when there are none, or the file is damaged', () => {
    expect(() => importDwarf(compile('bare', '-g0'))).toThrow('has no debugging information; compile it with -g.');
    expect(() => importDwarf(Buffer.from('no elf'))).toThrow('This is no ELF file.');
    const whole = compile('fuzzed', '-gdwarf-5');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        fc.nat(whole.length),
        fc.boolean(),
        (changes, length, cut) => {
          const damaged = Uint8Array.from(cut ? whole.subarray(0, length) : whole);
          for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
          try {
            importDwarf(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(StructureError);
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
