/** The notes of a core: what Linux writes of a thread (include/uapi/linux/elfcore.h, x86-64), here of each vCPU. Little-endian. */
import type { VcpuRegisters } from '../debug/calls.ts';

export const NoteType = { prstatus: 1, fpregset: 2, vitrine: 0x5649_5452 } as const;

/** sizeof(struct elf_prstatus) and where it has the thread's number and its registers. */
const prstatusBytes = 336;
const pidOffset = 32;
const registersOffset = 112;
/** struct user_regs_struct: registers of 8 bytes in this order. `undefined`: there is none of it in a processor of 32 bits. */
const userRegisters = [
  undefined, // r15
  undefined, // r14
  undefined, // r13
  undefined, // r12
  'ebp',
  'ebx',
  undefined, // r11
  undefined, // r10
  undefined, // r9
  undefined, // r8
  'eax',
  'ecx',
  'edx',
  'esi',
  'edi',
  'orig_rax',
  'eip',
  'cs',
  'eflags',
  'esp',
  'ss',
  'fs_base',
  'gs_base',
  'ds',
  'es',
  'fs',
  'gs',
] as const;

/** FXSAVE in its 32-bit form (SDM vol. 1, table 10-2): what NT_FPREGSET is on x86-64. */
const fxsaveBytes = 512;
const resetMxcsr = 0x1f80;
const emptyTag = 3;

function note(name: string, type: number, description: Uint8Array): Buffer {
  const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4;
  const nameBytes = Buffer.from(`${name}\0`);
  const head = 12;
  const result = Buffer.alloc(head + padded(nameBytes.length) + padded(description.length));
  result.writeUInt32LE(nameBytes.length, 0);
  result.writeUInt32LE(description.length, 4);
  result.writeUInt32LE(type, 8);
  result.set(nameBytes, head);
  result.set(description, head + padded(nameBytes.length));
  return result;
}

function prstatus(vcpu: VcpuRegisters): Buffer {
  const bytes = Buffer.alloc(prstatusBytes);
  // Threads are numbered from 1: debuggers take 0 for none.
  bytes.writeUInt32LE(vcpu.cpu + 1, pidOffset);
  const values = new Map(vcpu.registers.map(({ name, value }) => [name, value]));
  for (const [index, name] of userRegisters.entries()) {
    // No system call is under way.
    const value = name === undefined ? 0n : name === 'orig_rax' ? 0xffff_ffff_ffff_ffffn : (values.get(name) ?? 0n);
    bytes.writeBigUInt64LE(value, registersOffset + 8 * index);
  }
  bytes.writeUInt32LE(1, registersOffset + 8 * userRegisters.length);
  return bytes;
}

function fxsave({ x87 }: VcpuRegisters): Buffer {
  const bytes = Buffer.alloc(fxsaveBytes);
  bytes.writeUInt16LE(x87.control, 0);
  bytes.writeUInt16LE(x87.status, 2);
  for (let number = 0; number < 8; number++) {
    if (((x87.tags >>> (2 * number)) & 3) !== emptyTag) bytes[4] = (bytes[4] ?? 0) | (1 << number);
  }
  bytes.writeUInt16LE(x87.opcode & 0x7ff, 6);
  bytes.writeUInt32LE(x87.instructionOffset >>> 0, 8);
  bytes.writeUInt16LE(x87.instructionSelector, 12);
  bytes.writeUInt32LE(x87.dataOffset >>> 0, 16);
  bytes.writeUInt16LE(x87.dataSelector, 20);
  bytes.writeUInt32LE(resetMxcsr, 24);
  for (const [index, register] of x87.stack.entries()) bytes.set(register, 32 + 16 * index);
  return bytes;
}

/** What the processors have that no note of Linux does: control registers, tables, MSRs, by our names, as hexadecimal text. */
function ownNote(vcpus: readonly VcpuRegisters[], seenBy: number): Buffer {
  const named = (vcpu: VcpuRegisters) =>
    Object.fromEntries(vcpu.registers.map(({ name, value }) => [name, `0x${value.toString(16)}`]));
  return Buffer.from(JSON.stringify({ version: 1, addressesOf: seenBy, vcpus: vcpus.map(named) }));
}

/** All notes, in the order of the vCPUs. `seenBy`: the vCPU whose paging the virtual addresses are of. */
export function coreNotes(vcpus: readonly VcpuRegisters[], seenBy: number): Buffer {
  return Buffer.concat([
    ...vcpus.flatMap((vcpu) => [note('CORE', NoteType.prstatus, prstatus(vcpu)), note('CORE', NoteType.fpregset, fxsave(vcpu))]),
    note('VITRINE', NoteType.vitrine, ownNote(vcpus, seenBy)),
  ]);
}
