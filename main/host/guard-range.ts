import type { GuardRange } from '../../engine/machine/guard-types.ts';
import { profiles } from '../../engine/peek/structures/profiles/profiles.ts';
import type { GuardRangeMessage } from '../contract/guard.ts';
import { HostError } from './errors.ts';
import type { Host } from './host.ts';

/** What the engine is to protect: names become the linear addresses that they have at this moment. */
export async function resolveGuardRange(host: Host, id: string, range: GuardRangeMessage): Promise<GuardRange> {
  if (range.kind === 'symbol') return symbolRange(host, id, range);
  if (range.kind === 'structure') return structureRange(host, id, range);
  return range;
}

async function symbolRange(
  host: Host,
  id: string,
  { name, bytes, cpu }: Extract<GuardRangeMessage, { kind: 'symbol' }>,
): Promise<GuardRange> {
  const found = await host.withSession(id, ({ debug }) => Promise.resolve(debug.symbols.reach(name)));
  if (found === undefined) {
    throw new HostError(
      'BAD_INPUT',
      `The debugger knows no symbol ${name}. Symbols come from the assembly that a machine is made of, and from files that are added to its debugger.`,
    );
  }
  return { kind: 'linear', address: found.address, bytes: bytes ?? found.bytes, cpu };
}

async function structureRange(
  host: Host,
  id: string,
  { expression, profile, cpu }: Extract<GuardRangeMessage, { kind: 'structure' }>,
): Promise<GuardRange> {
  const sample = await host.withSession(id, (_session, { file }) => Promise.resolve(file.sample));
  const own = profiles.find((known) => known.id === sample)?.id;
  const [result] = await host.peeks.evaluate({ id, cpu, profile: profile ?? own, expressions: [{ expression, follow: 0 }] });
  if (result === undefined) throw new Error('One expression has one result.');
  if (result.kind === 'error')
    throw new HostError('BAD_INPUT', result.column === undefined ? result.message : `Column ${result.column}: ${result.message}`);
  const { address, size } = result.node;
  if (address === undefined || size === undefined || size < 1)
    throw new HostError('BAD_INPUT', `${expression} is a value and no place in memory; name an object or a field of one.`);
  if (address + size > 2 ** 32) throw new HostError('BAD_INPUT', `${expression} does not lie below 4 GiB.`);
  return { kind: 'linear', address, bytes: size, cpu };
}
