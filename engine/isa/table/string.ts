/**
 * String instructions (SDM vol. 1, 5.1.8). A repeated one works in pieces: whole runs inside a page by the host's copy where
 * direction, overlap and page attributes allow, single elements otherwise. After each piece the registers are up to
 * date, so a fault or an interrupt finds them as the architecture wants, and the instruction starts over.
 */
import { i32, type I32 } from '../../wasm/value.ts';
import type { Emitter, Size } from '../emitter.ts';
import { setSubtract } from '../flags.ts';
import { form, type Instruction } from '../instruction.ts';
import { Reg, Seg } from '../state.ts';

const trapFlag = 0x100;
const directionFlag = 0x400;
/** DR6.BS. */
const singleStep = 0x4000;

/** An index register as the address size has it. */
const index = (e: Emitter, reg: Reg) => e.register(reg, e.addressSize);

/** +size or -size by DF. */
function step(e: Emitter, size: number): I32 {
  return e.f.let(i32.select(i32.and(e.field('eflags'), i32.const(directionFlag)), i32.const(-size), i32.const(size)));
}

function advance(e: Emitter, reg: Reg, by: I32): void {
  e.setRegister(reg, i32.add(index(e, reg), by), e.addressSize);
}

/** One element: `move` does the access, then the index registers move. */
type Element = (e: Emitter, size: Size) => void;

/**
 * Tries a run: returns through `done(count)` after moving `count` elements and the index registers by the host's copy.
 * Emits nothing when the instruction has no such path.
 */
type Run = (e: Emitter, size: Size, remaining: I32, done: (count: I32) => void) => void;

/** What CMPS and SCAS compare, read before the index registers move. */
type Comparison = (e: Emitter, size: Size) => { a: I32; b: I32 };

/** Repeats by (E)CX. */
function repeated(size: (e: Emitter) => Size, element: Element, run?: Run) {
  return (e: Emitter) => {
    const bytes = size(e);
    if (e.repeat === 'none') return element(e, bytes);
    const remaining = e.f.local('i32');
    e.f.block((end) => {
      e.f.loop((again) => {
        e.f.set(remaining, index(e, Reg.ecx));
        e.f.brIf(end, i32.eqz(remaining.get));
        e.f.block((moved) => {
          run?.(e, bytes, remaining.get, (count) => {
            e.setRegister(Reg.ecx, i32.sub(remaining.get, count), e.addressSize);
            e.f.br(moved);
          });
          element(e, bytes);
          e.setRegister(Reg.ecx, i32.sub(remaining.get, i32.const(1)), e.addressSize);
        });
        e.f.brIf(end, i32.eqz(index(e, Reg.ecx)));
        restartIfAsked(e);
        e.f.br(again);
      });
    });
  };
}

/**
 * CMPS and SCAS: stops as well after an element that differed (REPE) or was equal (REPNE). A fault in a later element of REPNE leaves
 * the flags as they were before the instruction (SDM vol. 2, REP), so there they are set when it is left.
 */
function comparing(size: (e: Emitter) => Size, comparison: Comparison) {
  return (e: Emitter) => {
    const bytes = size(e);
    const setFlags = (a: I32, b: I32) => setSubtract(e, a, b, e.f.let(i32.sub(a, b)), bytes);
    if (e.repeat === 'none') {
      const { a, b } = comparison(e, bytes);
      return setFlags(a, b);
    }
    const late = e.repeat === 'repne';
    const left = e.f.local('i32');
    const right = e.f.local('i32');
    const setLate = () => {
      if (late) setFlags(left.get, right.get);
    };
    e.f.block((nothing) => {
      e.f.brIf(nothing, i32.eqz(index(e, Reg.ecx)));
      e.f.block((end) => {
        e.f.loop((again) => {
          const { a, b } = comparison(e, bytes);
          e.setRegister(Reg.ecx, i32.sub(index(e, Reg.ecx), i32.const(1)), e.addressSize);
          if (late) {
            e.f.set(left, a);
            e.f.set(right, b);
            e.f.brIf(end, i32.eq(a, b));
          } else {
            setFlags(a, b);
            e.f.brIf(end, i32.ne(a, b));
          }
          e.f.brIf(end, i32.eqz(index(e, Reg.ecx)));
          restartIfAsked(e, setLate);
          e.f.br(again);
        });
      });
      setLate();
    });
  };
}

/** Behind an element that is not the last one: leaves the instruction, which starts over later, if that is wanted. `before` comes first then. */
function restartIfAsked(e: Emitter, before: () => void = () => {}): void {
  // Each iteration is an instruction to TF and to data breakpoints: the trap comes behind it (SDM vol. 3, 18.3.1.4).
  const traced = e.f.let(i32.and(e.field('eflags'), i32.const(trapFlag)));
  e.f.if(traced, () => e.setField('debugPending', i32.or(e.field('debugPending'), i32.const(singleStep))));
  // That, or somebody who wants attention, leaves the instruction before its end; it is started again later.
  e.f.if(i32.or(e.field('attention'), e.field('debugPending')), () => {
    before();
    e.restart();
  });
}

const minimum = (e: Emitter, a: I32, b: I32) => {
  const left = e.f.let(a);
  const right = e.f.let(b);
  return e.f.let(i32.select(i32.ltU(left, right), left, right));
};

/** Below this many bytes the element loop is as fast as setting up a copy. */
const shortRun = 16;

/**
 * The most elements of `size` that fit the room in the page and do not wrap the index register. None when a 16-bit index stands so
 * high that a first element would reach over 64 KiB, which a larger segment allows.
 */
function fitting(e: Emitter, size: Size, remaining: I32, room: I32, offset: I32): I32 {
  const shift = i32.const(size === 4 ? 2 : size - 1);
  let count = minimum(e, remaining, i32.shrU(room, shift));
  if (e.addressSize === 2) count = minimum(e, count, i32.shrU(i32.sub(i32.const(0x10000), offset), shift));
  return count;
}

function runMove(e: Emitter, size: Size, remaining: I32, done: (count: I32) => void): void {
  e.f.block((no) => {
    e.f.brIf(
      no,
      i32.or(i32.and(e.field('eflags'), i32.const(directionFlag | trapFlag)), i32.ltU(remaining, i32.const(shortRun / size))),
    );
    const room = e.f.local('i32');
    const from = e.f.let(index(e, Reg.esi));
    const to = e.f.let(index(e, Reg.edi));
    const source = e.direct(e.segment(), from, size, 'read', (bytes) => e.f.set(room, bytes));
    e.f.brIf(no, i32.eqz(source));
    const sourceCount = fitting(e, size, remaining, room.get, from);
    const destination = e.direct(Seg.es, to, size, 'write', (bytes) => e.f.set(room, bytes));
    e.f.brIf(no, i32.eqz(destination));
    const count = fitting(e, size, sourceCount, room.get, to);
    e.f.brIf(no, i32.eqz(count));
    const bytes = e.f.let(i32.mul(count, i32.const(size)));
    // The limits of both segments must cover the whole run; direct() checked the first element only.
    e.f.brIf(no, i32.or(e.beyond(e.segment(), from, bytes, 'read'), e.beyond(Seg.es, to, bytes, 'write')));
    // A destination inside the run that is read spreads the pattern element by element.
    e.f.brIf(no, i32.ltU(i32.sub(destination, source), bytes));
    e.f.memoryCopy(destination, source, bytes);
    advance(e, Reg.esi, bytes);
    advance(e, Reg.edi, bytes);
    done(count);
  });
}

function runStore(e: Emitter, size: Size, remaining: I32, done: (count: I32) => void): void {
  e.f.block((no) => {
    e.f.brIf(
      no,
      i32.or(i32.and(e.field('eflags'), i32.const(directionFlag | trapFlag)), i32.ltU(remaining, i32.const(shortRun / size))),
    );
    const room = e.f.local('i32');
    const to = e.f.let(index(e, Reg.edi));
    const destination = e.direct(Seg.es, to, size, 'write', (bytes) => e.f.set(room, bytes));
    e.f.brIf(no, i32.eqz(destination));
    const count = fitting(e, size, remaining, room.get, to);
    e.f.brIf(no, i32.eqz(count));
    const bytes = e.f.let(i32.mul(count, i32.const(size)));
    e.f.brIf(no, e.beyond(Seg.es, to, bytes, 'write'));
    const value = e.register(Reg.eax, size);
    const pattern = e.f.let(
      size === 1 ? i32.mul(value, i32.const(0x01010101)) : size === 2 ? i32.mul(value, i32.const(0x00010001)) : value,
    );
    const low = e.f.let(i32.and(pattern, i32.const(0xff)));
    e.f.if(
      i32.eq(pattern, i32.mul(low, i32.const(0x01010101))),
      () => e.f.memoryFill(destination, low, bytes),
      () => {
        const at = e.f.local('i32');
        const end = e.f.let(i32.add(destination, bytes));
        e.f.set(at, destination);
        e.f.block((full) =>
          e.f.loop((again) => {
            e.f.brIf(full, i32.geU(at.get, end));
            if (size === 2) e.f.store16(at.get, pattern);
            else e.f.store(at.get, pattern);
            e.f.set(at, i32.add(at.get, i32.const(size)));
            e.f.br(again);
          }),
        );
      },
    );
    advance(e, Reg.edi, bytes);
    done(count);
  });
}

const element = {
  move: (e: Emitter, size: Size) => {
    const value = e.load(e.segment(), index(e, Reg.esi), size);
    e.store(Seg.es, index(e, Reg.edi), size, value);
    const by = step(e, size);
    advance(e, Reg.esi, by);
    advance(e, Reg.edi, by);
  },
  store: (e: Emitter, size: Size) => {
    e.store(Seg.es, index(e, Reg.edi), size, e.register(Reg.eax, size));
    advance(e, Reg.edi, step(e, size));
  },
  load: (e: Emitter, size: Size) => {
    const value = e.load(e.segment(), index(e, Reg.esi), size);
    e.setRegister(Reg.eax, value, size);
    advance(e, Reg.esi, step(e, size));
  },
  input: (e: Emitter, size: Size) => {
    const port = e.register(Reg.edx, 2);
    // The port's read has effects: permission and destination are checked before it.
    e.call('checkPort', port, i32.const(size));
    e.call('probeWrite', e.segmentConstant(Seg.es), index(e, Reg.edi), i32.const(size));
    const value = e.callFor('portRead', port, i32.const(size));
    e.store(Seg.es, index(e, Reg.edi), size, value);
    advance(e, Reg.edi, step(e, size));
  },
  output: (e: Emitter, size: Size) => {
    const port = e.register(Reg.edx, 2);
    e.call('checkPort', port, i32.const(size));
    const value = e.load(e.segment(), index(e, Reg.esi), size);
    e.call('portWrite', port, i32.const(size), value);
    advance(e, Reg.esi, step(e, size));
  },
} as const;

const comparison = {
  compare: (e: Emitter, size: Size) => {
    const a = e.load(e.segment(), index(e, Reg.esi), size);
    const b = e.load(Seg.es, index(e, Reg.edi), size);
    const by = step(e, size);
    advance(e, Reg.esi, by);
    advance(e, Reg.edi, by);
    return { a, b };
  },
  scan: (e: Emitter, size: Size) => {
    const a = e.f.let(e.register(Reg.eax, size));
    const b = e.load(Seg.es, index(e, Reg.edi), size);
    advance(e, Reg.edi, step(e, size));
    return { a, b };
  },
} as const;

const elementSize = (e: Emitter): Size => e.size(0);

function family(
  stem: string,
  opcode: number,
  operands: (size: 'b' | 'w' | 'd') => string,
  summary: string,
  semantics: Instruction['semantics'],
  options: { repeat: 'rep' | 'repe'; writes?: string } = { repeat: 'rep' },
): Instruction[] {
  const hex = (number: number) => number.toString(16);
  return [
    { name: 'b', form: form(hex(opcode), operands('b')) },
    { name: 'w', form: form(hex(opcode + 1), operands('w'), { operandSize: 16 as const }) },
    { name: 'd', form: form(hex(opcode + 1), operands('d'), { operandSize: 32 as const }) },
  ].map((entry): Instruction => ({
    mnemonic: stem + entry.name,
    summary,
    repeat: options.repeat,
    addressSized: true,
    reads: 'd',
    writes: options.writes,
    forms: [entry.form],
    semantics,
  }));
}

export const string: readonly Instruction[] = [
  ...family('movs', 0xa4, (s) => `Y${s} X${s}`, 'Move string', repeated(elementSize, element.move, runMove)),
  ...family('cmps', 0xa6, (s) => `X${s} Y${s}`, 'Compare strings', comparing(elementSize, comparison.compare), {
    repeat: 'repe',
    writes: 'oszapc',
  }),
  ...family('stos', 0xaa, (s) => `Y${s}`, 'Store string', repeated(elementSize, element.store, runStore)),
  ...family('lods', 0xac, (s) => `X${s}`, 'Load string', repeated(elementSize, element.load)),
  ...family('scas', 0xae, (s) => `Y${s}`, 'Scan string', comparing(elementSize, comparison.scan), {
    repeat: 'repe',
    writes: 'oszapc',
  }),
  ...family('ins', 0x6c, (s) => `Y${s}`, 'Input string from port DX', repeated(elementSize, element.input)),
  ...family('outs', 0x6e, (s) => `X${s}`, 'Output string to port DX', repeated(elementSize, element.output)),
];
