/**
 * Where the state of a secondary is not that of its primary, for people. Looked at by the secondary right before it puts the primary's state in place of
 * its own, since only then one machine has both. Under the wall clock the primary runs on while the secondary stands still, so that what it has done in the
 * meantime is a difference too; how far apart they were the counts of instructions say. Service worker; nothing is changed.
 */
import { CpuState } from '../cpu/registers.ts';
import { vcpuState } from '../isa/state.ts';
import { registers as described } from '../machine/debug/registers.ts';
import { pageSize } from '../machine/memory.ts';
import type { Part } from './state-parts.ts';

export interface DifferingRegister {
  readonly cpu: number;
  /** As debuggers call it. */
  readonly name: string;
  /** Hexadecimal. */
  readonly primary: string;
  readonly secondary: string;
}

export interface DifferingByte {
  /** `ram`, `vram`, `disk ide0.0` and the like. */
  readonly part: string;
  /** Counts pages of 4 KiB in the part. */
  readonly page: number;
  /** In the part: of RAM the physical address. */
  readonly address: number;
  readonly primary: number;
  readonly secondary: number;
}

export interface StateDifference {
  /** Instructions that all vCPUs have retired. */
  readonly instructions: { readonly primary: number; readonly secondary: number };
  /** Of each vCPU the first register that differs. */
  readonly registers: readonly DifferingRegister[];
  /** The first byte that differs: of RAM if there is one. */
  readonly first: DifferingByte | null;
  /** Pages that differ, by part; without the blocks of chips. */
  readonly pages: readonly { readonly part: string; readonly pages: number }[];
}

type ComparedPart = Pick<Part, 'name' | 'bytes' | 'pages' | 'page'>;

/** A copy of a vCPU's block that can be read by itself. */
function stateOf(block: Uint8Array): CpuState {
  const buffer = new SharedArrayBuffer(block.length);
  new Uint8Array(buffer).set(block);
  return new CpuState(buffer, 0);
}

/** The first register, in the order in which people read them, that is not the same in both blocks of one vCPU. */
function registerDifference(cpu: number, primary: Uint8Array, secondary: Uint8Array): DifferingRegister | undefined {
  const [one, other] = [stateOf(primary), stateOf(secondary)];
  const hex = (value: number | bigint, bits: number) => `0x${(typeof value === 'bigint' ? value : BigInt(value >>> 0)).toString(16).padStart(bits / 4, '0')}`;
  for (const { name, bits, read } of described) {
    const [mine, theirs] = [hex(read(one), bits), hex(read(other), bits)];
    if (mine !== theirs) return { cpu, name, primary: mine, secondary: theirs };
  }
  return undefined;
}

/** Where a vCPU's block is among the parts of a state. */
const vcpuPrefix = `block ${vcpuState.name}/`;

/** By page. */
type Coming = ReadonlyMap<number, Uint8Array>;

const nothing: Coming = new Map();

/** A part as this machine has it, and as it will be. */
async function bothOf(part: ComparedPart, coming: Coming): Promise<{ own: Uint8Array; theirs: Uint8Array }> {
  const own = new Uint8Array(part.bytes);
  for (let page = 0; page < part.pages; page++) own.set(await part.page(page), page * pageSize);
  const theirs = Uint8Array.from(own);
  for (const [page, content] of coming) theirs.set(content, page * pageSize);
  return { own, theirs };
}

/** The first byte that differs among pages that have come, RAM's before all others', and how many pages do. */
async function pageDifference(parts: readonly { part: ComparedPart; coming: Coming }[]): Promise<Pick<StateDifference, 'first' | 'pages'>> {
  let first: DifferingByte | null = null;
  const pages: { part: string; pages: number }[] = [];
  const areas = parts.filter(({ part }) => !part.name.startsWith('block '));
  for (const { part, coming } of [...areas.filter(({ part }) => part.name === 'ram'), ...areas.filter(({ part }) => part.name !== 'ram')]) {
    let count = 0;
    for (const [page, theirs] of [...coming].sort(([one], [other]) => one - other)) {
      const own = await part.page(page);
      if (Buffer.compare(own, theirs) === 0) continue;
      count++;
      if (first !== null) continue;
      const offset = theirs.findIndex((byte, index) => byte !== own[index]);
      first = { part: part.name, page, address: page * pageSize + offset, primary: theirs[offset] ?? 0, secondary: own[offset] ?? 0 };
    }
    if (count > 0) pages.push({ part: part.name, pages: count });
  }
  return { first, pages };
}

/**
 * Compares this machine, which stands still, with the pages of the primary's that have come, by part and page, none of which is in place yet. What has not
 * come is the same on both sides.
 */
export async function stateDifference(parts: readonly ComparedPart[], coming: ReadonlyMap<number, Coming>): Promise<StateDifference> {
  const instructions = { primary: 0, secondary: 0 };
  const registers: DifferingRegister[] = [];
  const both = parts.map((part, index) => ({ part, coming: coming.get(index) ?? nothing }));
  for (const { part, coming: pages } of both) {
    if (!part.name.startsWith(vcpuPrefix)) continue;
    const { own, theirs } = await bothOf(part, pages);
    instructions.primary += Number(stateOf(theirs).block.retired);
    instructions.secondary += Number(stateOf(own).block.retired);
    const register = registerDifference(Number.parseInt(part.name.slice(vcpuPrefix.length), 10), theirs, own);
    if (register !== undefined) registers.push(register);
  }
  registers.sort((one, other) => one.cpu - other.cpu);
  return { instructions, registers, ...(await pageDifference(both)) };
}
