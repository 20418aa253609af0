import type { TraceEntry } from '../../../engine/machine/debug/calls.ts';
import type { DisassembledLineMessage } from '../../contract/debug.ts';
import type { Disassemble, DisassembledLine } from '../assembler.ts';
import type { MachineDebug } from './machine-debug.ts';

/** SDM vol. 2, 2.3.11. */
const longestInstruction = 15;
/** Where a direct jump or call goes, in the disassembler's text. */
const direct = /^(?:j\w+|call|loop\w*|bnd \w+) (?:short |near |dword |word )*0x([0-9a-f]+)$/u;

interface Wanted {
  cpu: number;
  address?: number | undefined;
  before: number;
  count: number;
}

/** Bytes from an address on, up to the first that cannot be read; what lies behind 4 GiB is not there. */
async function readable(of: MachineDebug, cpu: number, address: number, length: number): Promise<Uint8Array> {
  const fits = Math.min(length, 2 ** 32 - address);
  const read = await of.machine.debug('readMemory', { space: { kind: 'linear', cpu }, address, length: fits });
  const hole = read.readable.indexOf(0);
  return hole < 0 ? read.bytes : read.bytes.subarray(0, hole);
}

/** Instructions from an address of a vCPU on, with some in front of it. */
export async function disassembleAround(
  of: MachineDebug,
  disassemble: Disassemble,
  wanted: Wanted,
): Promise<DisassembledLineMessage[]> {
  const vcpu = await of.machine.debug('registers', { cpu: wanted.cpu });
  const start = wanted.address ?? vcpu.pc;
  const after = disassemble(await readable(of, wanted.cpu, start, wanted.count * longestInstruction), vcpu.codeBits, start).slice(
    0,
    wanted.count,
  );
  const before = wanted.before === 0 ? [] : await inFront(of, disassemble, wanted.cpu, vcpu.codeBits, start, wanted.before);
  const executes = new Map<number, number[]>();
  for (const { id, watched } of of.store.list) {
    if (watched.kind === 'execute' && watched.space === 'linear')
      executes.set(watched.address, [...(executes.get(watched.address) ?? []), id]);
  }
  return [...before, ...after].map((line) => ({
    address: line.address,
    bytes: line.bytes,
    text: line.text,
    labels: of.symbols.labels(line.address),
    target: targetOf(line.text, of),
    source: of.symbols.lineAt(line.address) ?? null,
    breakpoints: executes.get(line.address) ?? [],
    current: line.address === vcpu.pc,
  }));
}

function targetOf(text: string, of: MachineDebug): DisassembledLineMessage['target'] {
  const match = direct.exec(text);
  if (match?.[1] === undefined) return null;
  const address = Number.parseInt(match[1], 16);
  return { address, symbol: of.symbolAt(address) };
}

/** Code cannot be read backwards: of all places to begin, one whose instructions end at `start` is taken, the farthest of them. */
async function inFront(
  of: MachineDebug,
  disassemble: Disassemble,
  cpu: number,
  bits: 16 | 32,
  start: number,
  count: number,
): Promise<DisassembledLine[]> {
  const length = Math.min(start, count * longestInstruction);
  const symbol = of.symbols.at(start);
  const bytes = await readable(of, cpu, start - length, length);
  if (bytes.length < length) return [];
  // The beginning of the function, if it is known, is a place where an instruction begins for sure.
  const known = symbol !== undefined && symbol.offset > 0 && symbol.offset <= length ? length - symbol.offset : undefined;
  for (let from = known ?? 0; from < length; from++) {
    const lines = disassemble(bytes.subarray(from), bits, start - length + from);
    const last = lines.at(-1);
    const isAligned = last !== undefined && last.address + last.bytes.length === start && !last.text.startsWith('db ');
    if (isAligned) return lines.slice(-count);
  }
  return [];
}

/** The texts of recorded instructions, as memory is now. */
export async function disassembleOne(
  of: MachineDebug,
  disassemble: Disassemble,
  cpu: number,
  entries: readonly TraceEntry[],
): Promise<string[]> {
  const known = new Map<string, string>();
  const texts: string[] = [];
  for (const { linear, mode } of entries) {
    const bits = (mode & 3) === 3 ? 32 : 16;
    const key = `${linear}/${bits}`;
    let text = known.get(key);
    if (text === undefined) {
      const bytes = await readable(of, cpu, linear, longestInstruction);
      text = bytes.length === 0 ? '(not readable now)' : (disassemble(bytes, bits, linear)[0]?.text ?? '');
      known.set(key, text);
    }
    texts.push(text);
  }
  return texts;
}
