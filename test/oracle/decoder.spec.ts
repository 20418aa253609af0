/**
 * The decoder against iced-x86 on random and mutated byte strings in both code sizes: same length, mnemonic and operands, or
 * both invalid. iced-x86 knows later instruction sets too; what it takes for one of those has to be invalid for us.
 */
import { Decoder, DecoderOptions, Mnemonic, OpKind, Register, type Instruction } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { decode, Decoded, DecodeStatus } from '../../engine/isa/decoder.ts';
import { encodings } from '../../engine/isa/sized.ts';

const cases = Number(process.env.VITRINE_DECODER_CASES ?? 1_000_000);

/** Decode as a Pentium Pro would: prefixes that later became part of opcodes are ignored there. */
const options =
  DecoderOptions.ForceReservedNop | DecoderOptions.NoMPFX_0FBC | DecoderOptions.NoMPFX_0FBD | DecoderOptions.NoWbnoinvd;

const general: Record<number, readonly string[]> = {
  1: ['AL', 'CL', 'DL', 'BL', 'AH', 'CH', 'DH', 'BH'],
  2: ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI'],
  4: ['EAX', 'ECX', 'EDX', 'EBX', 'ESP', 'EBP', 'ESI', 'EDI'],
};
const segments = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'BAD6', 'BAD7'];
const registerName: string[] = [];
for (const [name, number] of Object.entries(Register)) if (typeof number === 'number') registerName[number] = name;
const mnemonicName: string[] = [];
for (const [name, number] of Object.entries(Mnemonic)) if (typeof number === 'number') mnemonicName[number] = name.toLowerCase();

const hex = (value: number) => (value >>> 0).toString(16);
const mask = (value: number, size: number) => (size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff));

/** Our instruction as text: names, then operands in a form both sides can give. */
function describeOurs(decoded: Decoded): { names: readonly string[]; operands: string } {
  const { form, encoding } = decoded;
  if (!form || !encoding) throw new Error('not decoded');
  const { instruction } = form;
  let slot = 0;
  const operands: string[] = [];
  form.operands.forEach((shape, index) => {
    const code = encoding.form.operands[index] ?? '';
    const number = () => decoded.registers[slot++] ?? 0;
    switch (shape.kind) {
      case 'register':
        operands.push(general[shape.size]?.[number()] ?? '?');
        break;
      case 'segment':
        operands.push(segments[number()] ?? '?');
        break;
      case 'control':
        operands.push(`CR${number()}`);
        break;
      case 'debug':
        operands.push(`DR${number()}`);
        break;
      case 'stack':
        operands.push(`ST${number()}`);
        break;
      case 'memory': {
        const names = general[decoded.addressSize] ?? [];
        const base = decoded.base < 0 ? '' : names[decoded.base];
        const scaled = decoded.index < 0 ? '' : `${names[decoded.index]}*${1 << decoded.scale}`;
        operands.push(`${segments[decoded.segment]}:[${base}+${scaled}+${hex(mask(decoded.displacement, decoded.addressSize))}]`);
        break;
      }
      case 'immediate':
        operands.push(
          hex(
            mask(
              code === 'Ib' && index === 1 && form.operands[0]?.kind === 'immediate' ? decoded.immediateHigh : decoded.immediate,
              shape.size,
            ),
          ),
        );
        break;
      case 'one':
        operands.push('1');
        break;
      case 'relative':
        operands.push(`->${hex(mask(decoded.length + decoded.immediate, form.operandSize))}`);
        break;
      case 'far':
        operands.push(`${hex(decoded.immediateHigh)}:${hex(mask(decoded.immediate, form.operandSize))}`);
        break;
      case 'implicit': {
        const si = code[0] === 'X';
        operands.push(
          si ? `${segments[decoded.override < 0 ? 3 : decoded.override]}:str${form.addressSize}` : `ES:str${form.addressSize}`,
        );
        break;
      }
    }
  });
  const names = [
    instruction.mnemonic,
    ...(instruction.aliases ?? []),
    ...(instruction.sizedNames ? Object.values(instruction.sizedNames) : []),
  ];
  return { names, operands: operands.join(', ') };
}

const stringKinds: Record<number, string> = {
  [OpKind.MemorySegSI]: '2',
  [OpKind.MemorySegESI]: '4',
  [OpKind.MemoryESDI]: 'E2',
  [OpKind.MemoryESEDI]: 'E4',
};

function describeTheirs(instruction: Instruction): { name: string; operands: string } {
  const operands: string[] = [];
  const repeated = instruction.opCount;
  for (let index = 0; index < repeated; index++) {
    const kind = instruction.opKind(index);
    const string = stringKinds[kind];
    if (string !== undefined) {
      operands.push(string[0] === 'E' ? `ES:str${string[1]}` : `${registerName[instruction.memorySegment]}:str${string}`);
    } else if (kind === OpKind.Register) operands.push(registerName[instruction.opRegister(index)] ?? '?');
    else if (kind === OpKind.Memory) {
      const base = instruction.memoryBase === Register.None ? '' : registerName[instruction.memoryBase];
      const scaled =
        instruction.memoryIndex === Register.None
          ? ''
          : `${registerName[instruction.memoryIndex]}*${instruction.memoryIndexScale}`;
      const displacement = Number(BigInt.asUintN(32, instruction.memoryDisplacement));
      const wide = (base ?? '').startsWith('E') || (scaled ?? '').startsWith('E') || instruction.memoryDisplSize === 4;
      operands.push(
        `${registerName[instruction.memorySegment]}:[${base}+${scaled}+${hex(wide ? displacement : displacement & 0xffff)}]`,
      );
    } else if (kind === OpKind.NearBranch16 || kind === OpKind.NearBranch32)
      operands.push(`->${hex(Number(instruction.nearBranchTarget))}`);
    else if (kind === OpKind.FarBranch16) operands.push(`${hex(instruction.farBranchSelector)}:${hex(instruction.farBranch16)}`);
    else if (kind === OpKind.FarBranch32) operands.push(`${hex(instruction.farBranchSelector)}:${hex(instruction.farBranch32)}`);
    else {
      const value = Number(BigInt.asUintN(32, instruction.immediate(index)));
      const size =
        kind === OpKind.Immediate8 || kind === OpKind.Immediate8_2nd
          ? 1
          : kind === OpKind.Immediate16 || kind === OpKind.Immediate8to16
            ? 2
            : 4;
      operands.push(hex(mask(value, size)));
    }
  }
  return { name: mnemonicName[instruction.mnemonic] ?? '?', operands: operands.join(', ') };
}

const stackImplied = new Set(['fcom', 'fcomp', 'fucom', 'fucomp', 'fxch', 'fld']);
const wordOperands = new Set(['lar', 'lsl', 'lldt', 'ltr', 'verr', 'verw', 'arpl', 'lmsw']);

/** xorshift32, so that a failing case can be found again by its seed. */
function generator(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Half random bytes behind a few prefixes, half a table opcode with random operands and sometimes one flipped bit. */
function sample(random: () => number, bytes: Uint8Array): void {
  for (let index = 0; index < bytes.length; index++) bytes[index] = random() >>> 11;
  const prefixes = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
  let at = 0;
  for (let count = random() & 3; count > 1; count--) bytes[at++] = prefixes[random() % prefixes.length] ?? 0x66;
  if (random() & 1) return;
  const encoding = encodings[random() % encodings.length];
  if (!encoding) return;
  for (const byte of encoding.opcode) bytes[at++] = byte;
  if (typeof encoding.modrm === 'number') bytes[at] = ((bytes[at] ?? 0) & 0xc7) | (encoding.modrm << 3);
  if ((random() & 7) === 0) bytes[random() % (at + 1)]! ^= 1 << (random() & 7);
}

/** Integer mnemonics that later processors added; the table has none of them. */
const ours = new Set(
  encodings.flatMap(({ instruction }) => [
    instruction.mnemonic,
    ...(instruction.aliases ?? []),
    ...(instruction.sizedNames ? Object.values(instruction.sizedNames) : []),
  ]),
);

describe.each([16, 32] as const)('the decoder in %i-bit code', (bitness) => {
  it(`agrees with iced-x86 on ${cases} byte strings`, () => {
    const random = generator(0x5eed + bitness);
    const bytes = new Uint8Array(16);
    const decoded = new Decoded();
    const failures: string[] = [];
    let valid = 0;
    for (let index = 0; index < cases && failures.length < 40; index++) {
      sample(random, bytes);
      const decoder = new Decoder(bitness, bytes.subarray(0, 15), options);
      const theirs = decoder.decode();
      const status = decode(bytes, 0, 15, bitness === 16 ? 2 : 4, decoded);
      const text = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const theirName = mnemonicName[theirs.mnemonic] ?? '';
      if (status === DecodeStatus.ok) {
        valid++;
        const mine = describeOurs(decoded);
        const their = describeTheirs(theirs);
        // String instructions name AL, AX, EAX and DX in iced's operands; the table leaves them implicit.
        if (decoded.form?.operands.some((shape) => shape.kind === 'implicit') === true)
          their.operands = their.operands
            .split(', ')
            .filter((each) => each.includes(':'))
            .join(', ');
        // iced names the register of a word operand by the operand size (LLDT EAX reads AX).
        if (wordOperands.has(mine.names[0] ?? '') || mine.operands.match(/^[CDEFGS]S, /)) {
          mine.operands = mine.operands.replace(/\bE(?=[A-D]X|[SB]P|[SD]I)/g, '');
          their.operands = their.operands.replace(/\bE(?=[A-D]X|[SB]P|[SD]I)/g, '');
        }
        // The table names ST(0) only where NASM wants it; FSTPNCE is Intel's name for one of FSTP's aliases.
        if (stackImplied.has(mine.names[0] ?? '')) their.operands = their.operands.replace(/^ST0, (?=ST)/, '');
        if (their.name === 'fstpnce') their.name = 'fstp';
        // VMGEXIT is what VMMCALL with F2 or F3 is called on processors that encrypt guests.
        if (their.name === 'vmgexit') their.name = 'vmmcall';
        const nop =
          mine.names[0] === 'nop' &&
          (their.name === 'reservednop' || their.name.startsWith('prefetch') || their.name === 'nop' || their.name === 'xchg');
        const sameOperands =
          mine.operands === their.operands ||
          nop ||
          mine.names[0] === 'xlatb' ||
          mine.names[0] === 'ret' ||
          mine.names[0] === 'retf';
        if (theirs.length !== decoded.length || !(mine.names.includes(their.name) || nop) || !sameOperands) {
          failures.push(
            `${text}: ${mine.names[0]} ${mine.operands} (${decoded.length}) | ${their.name} ${their.operands} (${theirs.length})`,
          );
        }
      } else if (theirs.mnemonic !== Mnemonic.INVALID && ours.has(theirName) && !isLater(theirs)) {
        failures.push(`${text}: nothing | ${theirName} ${describeTheirs(theirs).operands} (${theirs.length})`);
      }
      theirs.free();
      decoder.free();
    }
    expect(failures).toEqual([]);
    expect(valid).toBeGreaterThan(cases / 4);
  }, 300_000);
});

/** SSE2's MOVSD and CMPSD share names with string instructions. */
function isLater(instruction: Instruction): boolean {
  return (
    instruction.opCount > 0 &&
    [0, 1].some((index) => index < instruction.opCount && (registerName[instruction.opRegister(index)] ?? '').startsWith('XMM'))
  );
}
