/** Data movement, stack and addresses (SDM vol. 1, 5.1.1, 5.1.10, 5.1.12). */
import { i32, i64 } from '../../wasm/value.ts';
import type { Emitter } from '../emitter.ts';
import { adjust, carry, conditions, overflow, parity, setAll, setCarry, setZero, sign, signExtend, zero } from '../flags.ts';
import { form, type Instruction } from '../instruction.ts';
import { Reg, Seg } from '../state.ts';

const copy = (e: Emitter) => e.write(0, e.read(1));

const moves: readonly Instruction[] = [
  {
    mnemonic: 'mov',
    summary: 'Move',
    forms: [
      form('a0', 'AL Ob'),
      form('a1', 'eAX Ov'),
      form('a2', 'Ob AL'),
      form('a3', 'Ov eAX'),
      form('88 /r', 'Eb Gb'),
      form('89 /r', 'Ev Gv'),
      form('8a /r', 'Gb Eb'),
      form('8b /r', 'Gv Ev'),
      form('b0', 'Zb Ib'),
      form('b8', 'Zv Iz'),
      form('c6 /0', 'Eb Ib'),
      form('c7 /0', 'Ev Iz'),
    ],
    semantics: copy,
  },
  {
    mnemonic: 'mov',
    summary: 'Move from a segment register',
    forms: [form('8c /r', 'Ev/w Sw')],
    semantics: (e) => e.write(0, e.selector(e.read(1))),
  },
  {
    mnemonic: 'mov',
    summary: 'Move to a segment register',
    forms: [form('8e /r', 'Sw Ew')],
    semantics: (e) => {
      const seg = e.read(0);
      e.call('loadSegment', seg, e.read(1));
      // MOV SS holds interrupts off for one instruction: the block ends, so that the run loop sees it.
      e.f.if(i32.eq(seg, i32.const(Seg.ss)), () => e.flow());
    },
  },
  {
    mnemonic: 'movzx',
    summary: 'Move with zero extension',
    forms: [form('0f b6 /r', 'Gv Eb'), form('0f b7 /r', 'Gv Ew')],
    semantics: copy,
  },
  {
    mnemonic: 'movsx',
    summary: 'Move with sign extension',
    forms: [form('0f be /r', 'Gv Eb'), form('0f bf /r', 'Gv Ew')],
    semantics: (e) => e.write(0, signExtend(e.read(1), e.size(1))),
  },
  {
    mnemonic: 'xchg',
    summary: 'Exchange',
    lock: true,
    forms: [
      form('90', 'Zv eAX'),
      form('90', 'eAX Zv'),
      form('86 /r', 'Eb Gb'),
      form('87 /r', 'Ev Gv'),
      form('86 /r', 'Gb Eb'),
      form('87 /r', 'Gv Ev'),
    ],
    semantics: (e) => {
      const memory = e.isMemory(1) ? 1 : 0;
      const other = e.read(1 - memory);
      const before = e.f.local('i32');
      e.update(
        memory,
        (old) => {
          e.f.set(before, old);
          return other;
        },
        { locked: true },
      );
      e.write(1 - memory, before.get);
    },
  },
  {
    mnemonic: 'bswap',
    summary: 'Byte swap',
    forms: [form('0f c8', 'Zv')],
    semantics: (e) => {
      // With a 16-bit operand the result is undefined; processors give zero.
      if (e.operandSize === 2) return e.write(0, i32.const(0));
      const value = e.read(0);
      e.write(
        0,
        i32.or(
          i32.and(i32.rotl(value, i32.const(8)), i32.const(0x00ff00ff)),
          i32.and(i32.rotr(value, i32.const(8)), i32.const(0xff00ff00)),
        ),
      );
    },
  },
  {
    mnemonic: 'lea',
    summary: 'Load effective address',
    forms: [form('8d /r', 'Gv M')],
    semantics: (e) => e.write(0, e.offset(1)),
  },
  {
    mnemonic: 'xlatb',
    aliases: ['xlat'],
    summary: 'Table look-up translation',
    addressSized: true,
    forms: [form('d7', 'Xb')],
    semantics: (e) => {
      const offset = e.f.let(i32.add(e.register(Reg.ebx), e.register(Reg.eax, 1)));
      const wrapped = e.f.let(e.addressSize === 2 ? i32.and(offset, i32.const(0xffff)) : offset);
      e.setRegister(Reg.eax, e.load(e.segment(), wrapped, 1), 1);
    },
  },
  ...conditions.map((condition, code): Instruction => ({
    mnemonic: `cmov${condition.names[0]}`,
    aliases: condition.names.slice(1).map((name) => `cmov${name}`),
    summary: 'Move if the condition holds',
    reads: condition.reads,
    forms: [form(`0f ${(0x40 + code).toString(16)} /r`, 'Gv Ev')],
    semantics: (e) => {
      // The source is read, and may fault, whether or not the condition holds.
      const value = e.read(1);
      e.f.if(condition.test(e), () => e.write(0, value));
    },
  })),
  ...conditions.map((condition, code): Instruction => ({
    mnemonic: `set${condition.names[0]}`,
    aliases: condition.names.slice(1).map((name) => `set${name}`),
    summary: 'Set byte to 1 if the condition holds, else 0',
    reads: condition.reads,
    forms: [form(`0f ${(0x90 + code).toString(16)} /r`, 'Eb')],
    semantics: (e) => e.write(0, condition.test(e)),
  })),
  {
    mnemonic: 'cmpxchg8b',
    summary: 'Compare and exchange 8 bytes',
    writes: 'z',
    lock: true,
    forms: [form('0f c7 /1', 'Mq')],
    semantics: (e) => {
      const expected = e.f.let(
        i64.or(i64.shl(i64.extendU(e.register(Reg.edx)), i64.const(32n)), i64.extendU(e.register(Reg.eax))),
      );
      const replacement = e.f.let(
        i64.or(i64.shl(i64.extendU(e.register(Reg.ecx)), i64.const(32n)), i64.extendU(e.register(Reg.ebx))),
      );
      const found = e.f.local('i64');
      e.updateWide(0, (old) => {
        e.f.set(found, old);
        return i64.select(i64.eq(old, expected), replacement, old);
      });
      const equal = e.f.let(i64.eq(found.get, expected));
      setZero(e, equal);
      e.f.if(i32.eqz(equal), () => {
        e.setRegister(Reg.eax, i32.wrap(found.get));
        e.setRegister(Reg.edx, i32.wrap(i64.shrU(found.get, i64.const(32n))));
      });
    },
  },
];

/** LDS, LES, LFS, LGS, LSS: the far pointer is read whole before the segment is loaded. */
function loadFarPointer(mnemonic: string, seg: Seg, opcode: string): Instruction {
  return {
    mnemonic,
    summary: 'Load far pointer',
    terminates: true,
    forms: [form(`${opcode} /r`, 'Gv Mp')],
    semantics: (e) => {
      const offset = e.offset(1);
      const segment = e.segment();
      const target = e.load(segment, offset, e.operandSize);
      const selector = e.load(segment, i32.add(offset, i32.const(e.operandSize)), 2);
      e.call('loadSegment', i32.const(seg), selector);
      e.write(0, target);
      e.flow();
    },
  };
}

const stack: readonly Instruction[] = [
  {
    mnemonic: 'push',
    summary: 'Push onto the stack',
    forms: [form('50', 'Zv'), form('6a', 'Ibs', { sized: true }), form('68', 'Iz'), form('ff /6', 'Ev')],
    semantics: (e) => e.push(e.read(0), e.operandSize),
  },
  {
    mnemonic: 'push',
    summary: 'Push a segment register',
    forms: [
      ['06', 'ES'],
      ['0e', 'CS'],
      ['16', 'SS'],
      ['1e', 'DS'],
      ['0f a0', 'FS'],
      ['0f a8', 'GS'],
    ].map(([opcode = '', seg]) => form(opcode, seg, { sized: true })),
    semantics: (e) => e.push(e.selector(e.read(0)), e.operandSize),
  },
  {
    mnemonic: 'pop',
    summary: 'Pop from the stack',
    addressAfterPop: true,
    forms: [form('58', 'Zv'), form('8f /0', 'Ev')],
    semantics: (e) => {
      const value = e.peekStack(0, e.operandSize);
      if (e.isMemory(0)) {
        e.write(0, value);
        e.adjustStack(i32.const(e.operandSize));
      } else {
        e.adjustStack(i32.const(e.operandSize));
        e.write(0, value);
      }
    },
  },
  {
    mnemonic: 'pop',
    summary: 'Pop a segment register',
    terminates: true,
    forms: [
      ['07', 'ES'],
      ['17', 'SS'],
      ['1f', 'DS'],
      ['0f a1', 'FS'],
      ['0f a9', 'GS'],
    ].map(([opcode = '', seg]) => form(opcode, seg, { sized: true })),
    semantics: (e) => {
      // Only the low word is read, also with a 32-bit operand (SDM vol. 2, POP; as processors do).
      const selector = e.peekStack(0, 2);
      // POP SS may change the stack's width: the increment belongs to the old one.
      const top = e.f.let(e.steppedStack(i32.const(e.operandSize)));
      e.call('loadSegment', e.read(0), selector);
      e.setRegister(Reg.esp, top);
      e.flow();
    },
  },
  {
    mnemonic: 'pusha',
    summary: 'Push all general registers',
    sizedNames: { 16: 'pushaw', 32: 'pushad' },
    forms: [form('60', '', { sized: true })],
    semantics: (e) => {
      const size = e.operandSize;
      const top = e.register(Reg.esp, size);
      // Each is checked by itself, since a 16-bit stack may wrap between two of them. What a fault leaves behind lies below the top.
      const order = [Reg.eax, Reg.ecx, Reg.edx, Reg.ebx, Reg.esp, Reg.ebp, Reg.esi, Reg.edi];
      order.forEach((reg, index) =>
        e.storeStackAt(i32.const(-(index + 1) * size), size, reg === Reg.esp ? top : e.register(reg, size)),
      );
      e.adjustStack(i32.const(-8 * size));
    },
  },
  {
    mnemonic: 'popa',
    summary: 'Pop all general registers',
    sizedNames: { 16: 'popaw', 32: 'popad' },
    forms: [form('61', '', { sized: true })],
    semantics: (e) => {
      const size = e.operandSize;
      const order = [Reg.edi, Reg.esi, Reg.ebp, Reg.esp, Reg.ebx, Reg.edx, Reg.ecx, Reg.eax];
      const values = order.map((_, index) => e.peekStack(index * size, size));
      order.forEach((reg, index) => {
        const value = values[index];
        if (reg !== Reg.esp && value) e.setRegister(reg, value, size);
      });
      e.adjustStack(i32.const(8 * size));
    },
  },
  {
    mnemonic: 'pushf',
    summary: 'Push the flags',
    reads: 'oszapcidt',
    sizedNames: { 16: 'pushfw', 32: 'pushfd' },
    forms: [form('9c', '', { sized: true })],
    semantics: (e) => e.push(e.callFor('pushFlags', i32.const(e.operandSize)), e.operandSize),
  },
  {
    mnemonic: 'popf',
    summary: 'Pop the flags',
    writes: 'oszapcidt',
    terminates: true,
    sizedNames: { 16: 'popfw', 32: 'popfd' },
    forms: [form('9d', '', { sized: true })],
    semantics: (e) => {
      const image = e.peekStack(0, e.operandSize);
      e.call('popFlags', image, i32.const(e.operandSize));
      e.adjustStack(i32.const(e.operandSize));
      e.flow();
    },
  },
  {
    mnemonic: 'enter',
    summary: 'Make a stack frame',
    forms: [form('c8', 'Iw Ib', { sized: true })],
    semantics: (e) => {
      e.once();
      const size = e.operandSize;
      const level = e.f.let(i32.and(e.immediateHigh(), i32.const(31)));
      const depth = e.f.local('i32');
      // The whole frame is checked before EBP changes; the stores below may then not fault.
      e.f.set(depth, i32.const(size));
      e.storeStackAt(i32.sub(i32.const(0), depth.get), size, e.register(Reg.ebp, size));
      const frame = e.steppedStack(i32.const(-size));
      e.f.if(level, () => {
        const index = e.f.local('i32');
        e.f.set(index, i32.const(1));
        e.f.block((done) =>
          e.f.loop((again) => {
            e.f.brIf(done, i32.geU(index.get, level));
            const outer = e.loadFrame(i32.mul(index.get, i32.const(-size)), size);
            e.f.set(depth, i32.add(depth.get, i32.const(size)));
            e.storeStackAt(i32.sub(i32.const(0), depth.get), size, outer);
            e.f.set(index, i32.add(index.get, i32.const(1)));
            e.f.br(again);
          }),
        );
        e.f.set(depth, i32.add(depth.get, i32.const(size)));
        e.storeStackAt(i32.sub(i32.const(0), depth.get), size, frame);
      });
      const total = e.f.let(i32.add(depth.get, i32.and(e.immediate(), i32.const(0xffff))));
      // SDM vol. 2, ENTER: the new top of stack must be writable.
      e.probeStackAt(i32.sub(i32.const(0), total), size);
      e.setRegister(Reg.ebp, frame, size);
      e.adjustStack(i32.sub(i32.const(0), total));
    },
  },
  {
    mnemonic: 'leave',
    summary: 'Leave a stack frame',
    forms: [form('c9', '', { sized: true })],
    semantics: (e) => {
      const size = e.operandSize;
      const saved = e.loadFrame(i32.const(0), size);
      e.setRegister(Reg.esp, e.mergeStack(e.register(Reg.esp), i32.add(e.register(Reg.ebp), i32.const(size))));
      e.setRegister(Reg.ebp, saved, size);
    },
  },
];

const flagInstructions: readonly Instruction[] = [
  {
    mnemonic: 'lahf',
    summary: 'Load flags into AH',
    reads: 'szapc',
    forms: [form('9f')],
    semantics: (e) => {
      const low = e.f.let(
        i32.or(
          i32.or(carry(e), i32.shl(parity(e), i32.const(2))),
          i32.or(i32.shl(adjust(e), i32.const(4)), i32.shl(zero(e), i32.const(6))),
        ),
      );
      // Byte register 4 is AH.
      e.setRegister(Reg.esp, i32.or(i32.or(low, i32.shl(sign(e), i32.const(7))), i32.const(2)), 1);
    },
  },
  {
    mnemonic: 'sahf',
    summary: 'Store AH into flags',
    writes: 'szapc',
    forms: [form('9e')],
    semantics: (e) => {
      const kept = e.f.let(i32.shl(overflow(e), i32.const(11)));
      setAll(e, i32.or(kept, e.register(Reg.esp, 1)));
    },
  },
  { mnemonic: 'clc', summary: 'Clear carry', writes: 'c', forms: [form('f8')], semantics: (e) => setCarry(e, i32.const(0)) },
  { mnemonic: 'stc', summary: 'Set carry', writes: 'c', forms: [form('f9')], semantics: (e) => setCarry(e, i32.const(1)) },
  {
    mnemonic: 'cmc',
    summary: 'Complement carry',
    reads: 'c',
    writes: 'c',
    forms: [form('f5')],
    semantics: (e) => setCarry(e, i32.xor(carry(e), i32.const(1))),
  },
  {
    mnemonic: 'cld',
    summary: 'Clear direction',
    writes: 'd',
    forms: [form('fc')],
    semantics: (e) => e.setField('eflags', i32.and(e.field('eflags'), i32.const(~0x400))),
  },
  {
    mnemonic: 'std',
    summary: 'Set direction',
    writes: 'd',
    forms: [form('fd')],
    semantics: (e) => e.setField('eflags', i32.or(e.field('eflags'), i32.const(0x400))),
  },
  {
    mnemonic: 'salc',
    summary: 'Set AL from carry (undocumented)',
    reads: 'c',
    forms: [form('d6')],
    semantics: (e) => e.setRegister(Reg.eax, i32.sub(i32.const(0), carry(e)), 1),
  },
];

export const move: readonly Instruction[] = [
  ...moves,
  loadFarPointer('les', Seg.es, 'c4'),
  loadFarPointer('lds', Seg.ds, 'c5'),
  loadFarPointer('lss', Seg.ss, '0f b2'),
  loadFarPointer('lfs', Seg.fs, '0f b4'),
  loadFarPointer('lgs', Seg.gs, '0f b5'),
  ...stack,
  ...flagInstructions,
];
