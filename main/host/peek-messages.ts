/** What a machine's reader answers, as the contract says it. */
import type { ChipFacts } from '../../engine/layout/facts.ts';
import type { DescriptorTable, SystemSegment } from '../../engine/peek/descriptor-tables.ts';
import { describeEnding } from '../../engine/peek/operation.ts';
import type { WalkAnswer } from '../../engine/peek/questions.ts';
import type { ChipFactsMessage } from '../contract/chips.ts';
import type { DescriptorTableMessage } from '../contract/descriptors.ts';
import type { PageWalkMessage } from '../contract/page-walk.ts';
import { vectorName } from './debug/decode.ts';

/** Vectors from here on belong to interrupts, and are called by nothing but their numbers. */
const exceptions = 32;

export function pageWalkMessage(walk: WalkAnswer['walk'], bytes: WalkAnswer['bytes']): PageWalkMessage {
  return {
    ...walk,
    entries: walk.entries.map((entry) => ({
      ...entry,
      flags: [...entry.flags],
      address: entry.address ?? null,
      replacement: entry.replacement ?? null,
    })),
    physical: walk.physical ?? null,
    verdicts: walk.verdicts.map((verdict) => ({ ...verdict, fault: verdict.fault ?? null })),
    bytes: bytes?.bytes ?? new Uint8Array(),
    problem: bytes?.ending === undefined ? null : describeEnding(bytes.ending),
  };
}

export function chipFactsMessage({ facts, tables, ...head }: ChipFacts): ChipFactsMessage {
  return {
    ...head,
    facts: facts.map(({ name, value, note, flags }) => ({
      name,
      value,
      note: note === undefined || note === '' ? null : note,
      flags: [...(flags ?? [])],
    })),
    tables: tables.map(({ title, columns, rows }) => ({ title, columns: [...columns], rows: rows.map((row) => [...row]) })),
  };
}

const systemSegmentMessage = (segment: SystemSegment): DescriptorTableMessage['task'] => ({
  ...segment,
  type: segment.type ?? null,
});

/** `symbolAt` names linear addresses; a gate's segment is taken to begin at 0, as it does in every system with symbols. */
export function descriptorTableMessage(
  found: DescriptorTable,
  symbolAt: (address: number) => string | null,
): DescriptorTableMessage {
  const isIdt = found.table === 'idt';
  const isReal = isIdt && found.entryBytes === 4;
  return {
    ...found,
    problem: found.problem ?? null,
    task: systemSegmentMessage(found.task),
    ldt: systemSegmentMessage(found.ldt),
    entries: found.entries.map(({ index, address, value, descriptor, registers }) => {
      const { target } = descriptor;
      const linear = target?.offset === undefined ? undefined : target.offset + (isReal ? target.selector * 16 : 0);
      return {
        index,
        address,
        value,
        name: isIdt && index < exceptions ? vectorName(index) : null,
        registers: [...registers],
        descriptor: {
          ...descriptor,
          properties: [...descriptor.properties],
          base: descriptor.base ?? null,
          limit: descriptor.limit ?? null,
          problem: descriptor.problem ?? null,
          target:
            target === undefined
              ? null
              : {
                  selector: target.selector,
                  offset: target.offset ?? null,
                  symbol: linear === undefined ? null : symbolAt(linear),
                },
        },
      };
    }),
  };
}
