/**
 * Semantics against the host's own CPU: random user-mode instructions with random registers, flags and memory, run by a
 * small native program (native/runner.c) and by the interpreter. Registers, defined flags, memory, fault and where it ended
 * have to be the same. Needs an x86-64 Linux host and a C compiler; skipped, and reported so, without.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { FlatMachine } from '../../engine/execute/testing/flat-machine.ts';
import { encodings, type Encoding } from '../../engine/isa/sized.ts';
import { decode, Decoded, DecodeStatus } from '../../engine/isa/decoder.ts';
import { buildNative } from './native/build.ts';

const cases = Number(process.env.VITRINE_HOST_CPU_CASES ?? 120_000);
const code = 0x100000;
const data = 0x200000;
const dataBytes = 8192;

const runner = buildNative('./runner.c');

/** Not user mode, not deterministic, or dependent on descriptors and devices: those are compared with QEMU. */
const excluded = new Set([
  'int',
  'int3',
  'int1',
  'into',
  'hlt',
  'in',
  'out',
  'cpuid',
  'rdtsc',
  'rdmsr',
  'wrmsr',
  'rdpmc',
  'wait',
  'pushf',
  'popf',
  'cli',
  'sti',
  'retf',
  'iret',
  'lds',
  'les',
  'lss',
  'lfs',
  'lgs',
  'sldt',
  'str',
  'smsw',
  'lmsw',
  'sgdt',
  'sidt',
  'lgdt',
  'lidt',
  'lldt',
  'ltr',
  'lar',
  'lsl',
  'verr',
  'verw',
  'arpl',
  'clts',
  'invd',
  'wbinvd',
  'invlpg',
  'sysenter',
  'sysexit',
  'rsm',
  'vmcall',
  'vmmcall',
  // The flat machine has no x87; x87.spec.ts and the image's own specification have them.
  'fxsave',
  'fxrstor',
]);
const candidates = encodings.filter(({ instruction, form, opcode: [first = 0] }) => {
  // The x87 has an oracle of its own: x87.spec.ts.
  if (first >= 0xd8 && first <= 0xdf) return false;
  if (excluded.has(instruction.mnemonic) || /^(ins|outs)[bwd]$/.test(instruction.mnemonic)) return false;
  // Was a hint, became PREFETCHW, which has no register form.
  if (form.opcode.startsWith('0f 0d')) return false;
  return !form.operands.some((each) => ['Mp', 'Ap', 'Sw', 'Cd', 'Dd', 'ES', 'CS', 'SS', 'DS', 'FS', 'GS'].includes(each));
});

const flagBits: Record<string, number> = { o: 0x800, s: 0x80, z: 0x40, a: 0x10, p: 4, c: 1 };
const allFlags = 0x8d5;

function generator(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

interface Case {
  registers: number[];
  flags: number;
  seed: number;
  bytes: number[];
  encoding: Encoding;
}

const interesting = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe];

function generate(random: () => number): Case {
  const pick = <T>(list: readonly T[]): T => list[random() % list.length] as T;
  const number = () => (random() & 1 ? random() : pick(interesting));
  const encoding = pick(candidates);
  const { form, instruction } = encoding;
  const bytes: number[] = [];
  const short = (random() & 3) === 0;
  if (short) bytes.push(0x66);
  const narrow = random() % 30 === 0;
  if (narrow) bytes.push(0x67);
  if (random() % 12 === 0) bytes.push(pick([0x26, 0x36, 0x3e]));
  if (instruction.repeat && random() & 1) bytes.push(pick([0xf2, 0xf3]));
  if (instruction.lock === true && random() % 6 === 0) bytes.push(0xf0);
  if (form.prefix !== undefined) bytes.push(form.prefix);
  const opcode = [...encoding.opcode];
  if (form.operands.some((each) => each[0] === 'Z')) opcode[opcode.length - 1] = (opcode.at(-1) ?? 0) + (random() & 7);
  bytes.push(...opcode);
  const push = (value: number, size: number) => {
    for (let index = 0; index < size; index++) bytes.push((value >>> (8 * index)) & 0xff);
  };
  if (encoding.modrm !== 'none') {
    let modrm = random() & 0xff;
    if (typeof encoding.modrm === 'number') modrm = (modrm & 0xc7) | (encoding.modrm << 3);
    bytes.push(modrm);
    const mod = modrm >> 6;
    const rm = modrm & 7;
    if (mod !== 3) {
      if (narrow) push(random(), mod === 1 ? 1 : mod === 2 || rm === 6 ? 2 : 0);
      else {
        let base = rm;
        if (rm === 4) {
          const sib = random() & 0xff;
          // A scaled random index mostly leaves the mapped pages: half the time there is none.
          const chosen = random() & 1 ? (sib & 0xc7) | 0x20 : sib;
          bytes.push(chosen);
          base = chosen & 7;
        }
        if (mod === 1) push(random(), 1);
        else if (mod === 2) push(random() % 64, 4);
        else if (base === 5) push(data + (random() % dataBytes), 4);
      }
    }
  }
  const size = short ? 2 : 4;
  for (const each of form.operands) {
    if (each === 'Ib' || each === 'Ibs' || each === 'Jb') push(number(), 1);
    else if (each === 'Iw') push(random() % 64, 2);
    else if (each === 'Iz') push(number(), size);
    else if (each === 'Jz') push(random() % 3 ? random() % 0xf00 : random(), size);
    else if (each[0] === 'O') push(data + (random() % dataBytes), narrow ? 2 : 4);
  }
  const registers = Array.from({ length: 8 }, () => {
    const kind = random() % 8;
    return kind < 5 ? data + (random() % dataBytes) : kind === 5 ? random() & 0xff : number();
  });
  if (instruction.repeat) registers[1] = random() % 3 ? random() % 600 : number();
  registers[4] = random() % 16 ? data + 4096 + 4 * (random() % 48) : data + (random() % dataBytes);
  return { registers, flags: random() & (allFlags | 0x400), seed: random(), bytes, encoding };
}

function fillMemory(words: Uint32Array, seed: number): void {
  const random = generator(seed);
  for (let index = 0; index < words.length; index++) words[index] = random();
  const half = dataBytes / 8;
  for (let index = 0; index < 64; index++) words[half + index] = code + 0x800 + ((words[index] ?? 0) & 0xff);
}

function hash(words: Uint32Array): number {
  let value = 0x811c9dc5;
  for (const word of words) value = Math.imul(value ^ word, 0x01000193);
  return value >>> 0;
}

/** Flags of this very case that the manual leaves undefined, beyond what the table says for every case. */
function undefinedFlags({ encoding }: Case, count: number, size: number): number {
  let mask = 0;
  for (const letter of encoding.instruction.undefined ?? '') mask |= flagBits[letter] ?? 0;
  if (['shl', 'shr'].includes(encoding.instruction.mnemonic) && count >= size * 8) mask |= 1;
  return mask;
}

/** Results that the manual leaves undefined. */
function resultUndefined(decoded: Decoded, count: number): boolean {
  const { form } = decoded;
  if (!form) return false;
  if (form.instruction.mnemonic === 'bswap') return form.operandSize === 2;
  return ['shld', 'shrd'].includes(form.instruction.mnemonic) && form.operandSize === 2 && count > 16;
}

describe.skipIf(runner === undefined)('instructions on the host CPU and in the interpreter', () => {
  it(`do the same in ${cases} random cases`, () => {
    const random = generator(0xc0ffee);
    const list: Case[] = [];
    const decoded = new Decoded();
    while (list.length < cases) {
      const one = generate(random);
      if (one.bytes.length > 15 || decode(Uint8Array.from(one.bytes), 0, one.bytes.length, 4, decoded) !== DecodeStatus.ok)
        continue;
      // A branch into its own bytes would never end on the host.
      const relative = decoded.form?.operands.some((shape) => shape.kind === 'relative') === true;
      if (relative && decoded.immediate < 0 && decoded.immediate >= -16) continue;
      list.push(one);
    }
    const input = Buffer.alloc(cases * 60);
    list.forEach((one, index) => {
      const at = index * 60;
      one.registers.forEach((value, register) => input.writeUInt32LE(value >>> 0, at + 4 * register));
      input.writeUInt32LE(one.flags | 0x202, at + 32);
      input.writeUInt32LE(one.seed, at + 36);
      input.writeUInt32LE(one.bytes.length, at + 40);
      Buffer.from(one.bytes).copy(input, at + 44);
    });
    const output = execFileSync(runner ?? '', { input, maxBuffer: cases * 64, timeout: 120_000 });
    expect(output.length).toBe(cases * 56);

    const machine = new FlatMachine(
      0x400000,
      (page) => page === code >> 12 || page === data >> 12 || page === (data >> 12) + 1,
      (page) => page === code >> 12,
    );
    const words = new Uint32Array(machine.ram.buffer, machine.ram.byteOffset + data, dataBytes / 4);
    const failures: string[] = [];
    const covered = new Set<string>();
    const page = new Uint8Array(4096).fill(0xcc);
    list.forEach((one, index) => {
      if (failures.length > 30) return;
      machine.reset();
      page.fill(0xcc, 0, 16);
      page.set(one.bytes);
      machine.load(code, page);
      fillMemory(words, one.seed);
      one.registers.forEach((value, register) => machine.setRegister(register, value));
      machine.flags = one.flags;
      const { vector } = machine.run(code, 1000);
      const at = index * 56;
      const theirs = Array.from({ length: 14 }, (_, word) => output.readUInt32LE(at + 4 * word));
      const [trap = 0, error = 0, address = 0] = theirs.slice(10, 13);
      // Random pointers may hit the native program itself, where the interpreter has nothing.
      const address32 = Number(machine.state.faultAddress);
      if (vector === 14 && ((address32 >= 0x08000000 && address32 < 0x09000000) || address32 >= 0xf0000000)) return;
      // Where an operand passes 4 GiB some processors see a segment limit and others the pages on both sides (SDM vol. 3, 5.3).
      if ((vector === 12 || vector === 13) && trap === 14 && (address >= 0xfffff000 || address < 0x1000)) return;
      decode(page, 0, 16, 4, decoded);
      const counted = decoded.encoding?.form.operands.at(-1);
      const count = counted === 'CL' ? (one.registers[1] ?? 0) & 31 : counted === '1' ? 1 : decoded.immediate & 31;
      // Which of its two operands CMPS reads first, and how far ahead ENTER reads a frame that its pushes overlap, is up to the processor.
      const { mnemonic } = one.encoding.instruction;
      if (mnemonic.startsWith('cmps') && trap !== 3 && vector !== 3) return;
      if (mnemonic === 'enter' && decoded.immediateHigh > 0 && Math.abs((one.registers[4] ?? 0) - (one.registers[5] ?? 0)) < 256)
        return;
      const wrong: string[] = [];
      const compare = (what: string, mine: number, their: number) => {
        if (mine >>> 0 !== their >>> 0)
          wrong.push(`${what} ${(mine >>> 0).toString(16)} instead of ${(their >>> 0).toString(16)}`);
      };
      compare('vector', vector, trap);
      compare('eip', Number(machine.state.eip), (theirs[9] ?? 0) - (trap === 3 ? 1 : 0));
      if (trap === 14 && vector === 14) {
        compare('fault address', Number(machine.state.faultAddress), address);
        compare('write bit', machine.state.faultCode & 2, error & 2);
      }
      if (!resultUndefined(decoded, count)) {
        const size = decoded.form?.operands[0] && 'size' in decoded.form.operands[0] ? decoded.form.operands[0].size : 4;
        const mask = (allFlags | 0x400) & ~(trap === 3 ? undefinedFlags(one, count, size) : 0);
        // Not every processor does what the manual says of REPNE (engine/execute/interpreter.spec.ts has it).
        const faulted = trap !== 3 && mnemonic.startsWith('scas') && one.bytes.includes(0xf2);
        if (!faulted) compare('flags', machine.flags & mask, (theirs[8] ?? 0) & mask);
        for (let register = 0; register < 8; register++)
          compare(`r${register}`, machine.register(register), theirs[register] ?? 0);
        compare('memory', hash(words), theirs[13] ?? 0);
      }
      covered.add(one.encoding.instruction.mnemonic);
      if (wrong.length > 0) {
        const text = one.bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
        const before = one.registers.map((value) => (value >>> 0).toString(16)).join(' ');
        failures.push(
          `${one.encoding.instruction.mnemonic} [${text}] flags ${one.flags.toString(16)} regs ${before}: ${wrong.join(', ')}`,
        );
      }
    });
    expect(failures).toEqual([]);
    // Every candidate instruction was met.
    expect(covered.size).toBe(new Set(candidates.map(({ instruction }) => instruction.mnemonic)).size);
  }, 300_000);
});
