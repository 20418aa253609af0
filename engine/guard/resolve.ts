/** Which guest-physical pages a range is. Nothing of the guest changes; its vCPUs stand still. */
import { Control0 } from '../cpu/control-bits.ts';
import { pagingStateOf, translateForInspection } from '../cpu/inspection.ts';
import { CpuState, rights } from '../cpu/registers.ts';
import { Seg, vcpuState } from '../isa/state.ts';
import type { GuardRange } from '../machine/guard-types.ts';
import { MachineError } from '../machine/machine.ts';
import type { PageRun } from './guard.ts';
import { pageSize, type MachineMemory } from '../machine/memory.ts';

const addressSpace = 2 ** 32;

const hex = (value: number): string => `0x${value.toString(16)}`;

function refusal(why: string): MachineError {
  return new MachineError('bad-configuration', why);
}

function checkRange(address: number, bytes: number): void {
  if (
    !Number.isSafeInteger(address) ||
    !Number.isSafeInteger(bytes) ||
    address < 0 ||
    bytes < 1 ||
    address + bytes > addressSpace
  ) {
    throw refusal(`${bytes} bytes at ${hex(address)} are no range of memory below 4 GiB.`);
  }
}

function stateOf(memory: MachineMemory, cpu: number): CpuState {
  if (!Number.isInteger(cpu) || cpu < 0 || cpu >= memory.shape.cpus) throw refusal(`There is no virtual CPU ${cpu}.`);
  return new CpuState(memory.buffer, memory.directory.open(vcpuState, String(cpu)));
}

/** Linear address and bytes of a structure that registers point to. */
function tableOf(state: CpuState, table: 'idt' | 'gdt' | 'ldt' | 'tss', cpu: number): { address: number; bytes: number } {
  if (table === 'idt') return { address: state.idtBase, bytes: state.idtLimit + 1 };
  if (table === 'gdt') return { address: state.gdtBase, bytes: state.gdtLimit + 1 };
  const seg = table === 'ldt' ? Seg.ldt : Seg.tr;
  if ((state.cr0 & Control0.protectionEnable) === 0 || (state.segmentRights(seg) & rights.present) === 0) {
    throw refusal(`Virtual CPU ${cpu} has no ${table.toUpperCase()} now.`);
  }
  return { address: state.segmentBase(seg), bytes: state.segmentLimit(seg) + 1 };
}

/** The pages of a range in runs, ascending in the range. Throws MachineError with a sentence. */
export function resolveRange(memory: MachineMemory, range: GuardRange): PageRun[] {
  if (range.kind === 'physical') {
    checkRange(range.address, range.bytes);
    const first = Math.floor(range.address / pageSize);
    return [{ first, count: Math.floor((range.address + range.bytes - 1) / pageSize) - first + 1 }];
  }
  const state = stateOf(memory, range.cpu);
  const { address, bytes } = range.kind === 'linear' ? range : tableOf(state, range.table, range.cpu);
  checkRange(address, bytes);
  const paging = pagingStateOf(state);
  const read = (physical: number): number | undefined => {
    const from = memory.pageRead[Math.floor(physical / pageSize)] ?? 0;
    return from === 0 ? undefined : memory.words[(from + (physical % pageSize)) >>> 2]! >>> 0;
  };
  const runs: PageRun[] = [];
  const seen = new Set<number>();
  for (let at = address - (address % pageSize); at < address + bytes; at += pageSize) {
    const { physical } = translateForInspection(paging, read, at);
    if (physical === undefined)
      throw refusal(`The linear page ${hex(at)} is not mapped on virtual CPU ${range.cpu}, so it cannot be protected.`);
    const page = Math.floor(physical / pageSize);
    // Two linear pages may be one physical page.
    if (seen.has(page)) continue;
    seen.add(page);
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === page) last.count += 1;
    else runs.push({ first: page, count: 1 });
  }
  return runs;
}
