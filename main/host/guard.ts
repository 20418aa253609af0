import type { GuardState } from '../../engine/machine/guard-types.ts';
import type { GuardActionName, GuardRangeMessage, GuardStateMessage } from '../contract/guard.ts';
import { HostError } from './errors.ts';
import type { MachineFile } from './machine-file.ts';

/** The engine's state as the contract has it. */
export function guardMessage({ agent, nodes, ...state }: GuardState): GuardStateMessage {
  return {
    ...state,
    agent: agent ?? null,
    nodes: nodes.map(({ address, level, parent, first, given }) => ({
      address,
      level: level ?? null,
      parent: parent ?? null,
      first: first ?? null,
      given,
    })),
  };
}

type KeptRange = NonNullable<NonNullable<MachineFile['guard']>['ranges']>[number];

function withRanges(file: MachineFile, ranges: KeptRange[]): MachineFile {
  const { guard, ...rest } = file;
  const changed = { ...guard, ranges };
  if (ranges.length === 0) delete (changed as { ranges?: KeptRange[] }).ranges;
  return Object.keys(changed).length === 0 ? rest : { ...rest, guard: changed };
}

const pageBytes = 4096;
const pages = ({ address, bytes }: { address: number; bytes: number }) => ({
  first: Math.floor(address / pageBytes),
  end: Math.ceil((address + bytes) / pageBytes),
});

/** The machine's file with a range that is set at each power-on. */
export function keepRange(file: MachineFile, range: GuardRangeMessage, action: GuardActionName): MachineFile {
  if (range.kind !== 'physical') {
    throw new HostError(
      'BAD_INPUT',
      'Only a range of physical memory can be protected from power-on: what is linear or a table begins to exist later.',
    );
  }
  return withRanges(file, [
    ...(forgetRange(file, range).guard?.ranges ?? []),
    { address: range.address, bytes: range.bytes, action },
  ]);
}

/** The file without what of its ranges lies on the pages of this one. */
export function forgetRange(file: MachineFile, range: { address: number; bytes: number }): MachineFile {
  const gone = pages(range);
  const kept = (file.guard?.ranges ?? []).flatMap((one): KeptRange[] => {
    const { first, end } = pages(one);
    if (end <= gone.first || first >= gone.end) return [one];
    const before = { ...one, bytes: gone.first * pageBytes - one.address };
    const behind = { ...one, address: gone.end * pageBytes, bytes: one.address + one.bytes - gone.end * pageBytes };
    return [...(first < gone.first ? [before] : []), ...(end > gone.end && behind.bytes > 0 ? [behind] : [])];
  });
  return withRanges(file, kept);
}
