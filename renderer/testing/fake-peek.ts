/** The reader of guest memory of a FakeHost: what a test puts here is what panels are told. */
import { implement } from '@orpc/server';
import type { ChipFactsMessage } from '../../main/contract/chips.ts';
import { contract } from '../../main/contract/contract.ts';
import type { DescriptorEntryMessage, DescriptorTableMessage } from '../../main/contract/descriptors.ts';
import type { FrameMappingsMessage, PageWalkMessage } from '../../main/contract/page-walk.ts';

const off = { name: 'P', set: false, meaning: 'not present' };
const on = { name: 'P', set: true, meaning: 'present' };

/** A walk through 32-bit tables that ends in a page. */
export function pageWalk(linear: number, part: Partial<PageWalkMessage> = {}): PageWalkMessage {
  const entry = { replacement: null, present: true, pageSize: 4096, flags: [on] };
  return {
    mode: '32-bit',
    linear,
    cr3: 0x200000,
    entries: [
      {
        ...entry,
        level: 'directory',
        index: linear >>> 22,
        address: 0x200000,
        value: 0x201001n,
        isLeaf: false,
        target: 0x201000,
      },
      {
        ...entry,
        level: 'table',
        index: (linear >>> 12) & 0x3ff,
        address: 0x201004,
        value: 0x5001n,
        isLeaf: true,
        target: 0x5000,
      },
    ],
    reason: 'mapped',
    text: 'The page-table entry maps a page of 4 KiB.',
    physical: 0x5000 + (linear & 0xfff),
    pageSize: 4096,
    verdicts: [
      { access: 'read', user: false, fault: null },
      { access: 'write', user: false, fault: null },
      { access: 'fetch', user: false, fault: null },
      { access: 'read', user: true, fault: 5 },
      { access: 'write', user: true, fault: 7 },
      { access: 'fetch', user: true, fault: 5 },
    ],
    bytes: Uint8Array.of(0x90, 0x41),
    problem: null,
    ...part,
  };
}

/** The same one whose last entry is not present. */
export function endedWalk(linear: number): PageWalkMessage {
  const walk = pageWalk(linear, {
    reason: 'not-present',
    physical: null,
    text: 'Bit 0, present, of the page-table entry is clear.',
    bytes: new Uint8Array(),
  });
  const entries = walk.entries.map((entry) =>
    entry.level === 'table' ? { ...entry, present: false, value: 0n, flags: [off] } : entry,
  );
  return { ...walk, entries, verdicts: walk.verdicts.map((verdict) => ({ ...verdict, fault: verdict.user ? 4 : 0 })) };
}

export function descriptor(
  index: number,
  part: Partial<DescriptorEntryMessage['descriptor']>,
  registers: string[] = [],
): DescriptorEntryMessage {
  return {
    index,
    address: 0x1000 + 8 * index,
    value: 1n,
    name: null,
    registers: registers.map((name) => ({ name, isStale: false })),
    descriptor: {
      kind: 'code',
      type: '32-bit code',
      properties: ['readable'],
      base: 0,
      limit: 0xffffffff,
      target: null,
      privilege: 0,
      present: true,
      problem: null,
      ...part,
    },
  };
}

/** An entry without anything in it. */
export function emptyEntry(index: number): DescriptorEntryMessage {
  const problem = 'the vector gives #GP';
  return { ...descriptor(index, { kind: 'none', type: 'empty', base: null, limit: null, problem }), value: 0n };
}

export class FakePeek {
  /** By linear address; others are mapped. */
  readonly walks = new Map<number, PageWalkMessage>();
  mappings: FrameMappingsMessage['mappings'] = [];
  readonly tables = new Map<DescriptorTableMessage['table'], DescriptorEntryMessage[]>();
  chips: ChipFactsMessage[] = [];

  constructor(readonly calls: string[]) {}

  /** The part `peek` of the host's router. */
  router() {
    const { peek: os } = implement(contract).$context<Record<never, never>>();
    return {
      walk: os.walk.handler(({ input: { address, cr3, cpu } }) => {
        this.calls.push(`walk ${address.toString(16)} ${cpu ?? 0}${cr3 === undefined ? '' : ` ${cr3.toString(16)}`}`);
        return this.walks.get(address) ?? pageWalk(address);
      }),
      mappings: os.mappings.handler(({ input: { physical } }) => {
        this.calls.push(`mappings ${physical.toString(16)}`);
        return { mode: '32-bit' as const, cr3: 0x200000, mappings: this.mappings, isCut: false };
      }),
      descriptors: os.descriptors.handler(({ input: { table } }) => ({
        table,
        base: 0x1000,
        limit: 8 * (this.tables.get(table)?.length ?? 0) - 1,
        entryBytes: 8,
        entries: this.tables.get(table) ?? [],
        problem: table === 'ldt' ? 'LDTR is null: there is no LDT' : null,
        task: { selector: 0, base: 0, limit: 0, type: null },
        ldt: { selector: 0, base: 0, limit: 0, type: null },
      })),
      chips: os.chips.handler(() => this.chips),
    };
  }
}
