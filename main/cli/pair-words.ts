/** What `vitrine pair` prints for people. */
import { differenceSentences } from '../contract/pair-difference.ts';
import type { PairOutsideMessage } from '../contract/pairs.ts';
import type { JournalEntry } from '../host/pair/journal.ts';
import type { PairStatus } from '../host/pair/pairs.ts';
import type { Resync, SideStatus } from '../host/pair/protocol.ts';

const quoted = (bytes: Uint8Array): string => JSON.stringify(Buffer.from(bytes).toString('latin1'));
const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;

/** Where the sides last differed: what they said, and inside. */
function divergenceLines({ divergence, difference }: Resync): string[] {
  const lines: string[] = [];
  if (divergence !== undefined) {
    const { channel, offset, before, primary, secondary } = divergence;
    lines.push(`Last divergence: ${channel} at offset ${offset}, behind ${quoted(before)}: ${quoted(primary)} from the primary, ${quoted(secondary)} from the secondary.`);
  }
  if (difference !== undefined) lines.push(...differenceSentences(difference).map((sentence) => `  ${sentence}`));
  return lines;
}

/** The link of the side that speaks, and what the pair costs it. */
function linkLines({ link, roundTrip, cost }: SideStatus): string[] {
  const lines: string[] = [];
  if (link !== null) {
    const trip = roundTrip === null ? '' : `${milliseconds(roundTrip)} round trip, `;
    lines.push(`Link       ${trip}${link.sent} bytes sent, of which ${link.states} states, ${link.received} received`);
  }
  if (cost !== null && cost.together > 0) {
    const share = (part: number): string => `${((100 * part) / cost.together).toFixed(2)} %`;
    lines.push(`Cost       output waited for its equal ${share(cost.waited)}, the machine stood still for resyncs ${share(cost.stood)} of ${Math.round(cost.together / 1000)} s`);
  }
  return lines;
}

export function statusLines({ reason, gateway, sides, primary }: PairStatus, failover?: JournalEntry): string[] {
  const lines = [reason];
  if (gateway !== null) lines.push(`Gateway    process ${gateway.pid}, 127.0.0.1 port ${gateway.port}, ${gateway.bytesIn} bytes in, ${gateway.bytesOut} out`);
  for (const name of ['a', 'b'] as const) {
    const side = sides[name];
    const role = side === null ? 'gone' : name === primary ? 'primary' : side.role;
    lines.push(side === null ? `Side ${name}     does not answer` : `Side ${name}     ${role}, process ${side.pid}, ${side.mode}, term ${side.term}, ${side.resyncs} resyncs, ${side.heldBytes} bytes held`);
  }
  const speaker = primary === null ? null : sides[primary];
  if (speaker !== null) lines.push(...linkLines(speaker));
  if (failover !== undefined) {
    const how = failover.kind === 'failover' ? 'a test' : 'since the other was heard last';
    lines.push(`Failover   ${new Date(failover.at).toISOString()}, side ${failover.by === 'person' ? primary : failover.by} went on after ${Math.round(failover.took ?? 0)} ms, ${how}`);
  }
  const last = speaker?.recent.at(-1);
  if (last?.pages !== undefined) lines.push(`Last resync ${last.reason}: ${last.pages} pages, ${last.bytes ?? 0} bytes, paused ${Math.round(last.pause ?? 0)} ms`);
  const differed = speaker?.recent.findLast(({ divergence, difference }) => divergence !== undefined || difference !== undefined);
  if (differed !== undefined) lines.push(...divergenceLines(differed));
  return lines;
}

/** A line for each input, oldest first. */
export function requestLines({ inputs }: PairOutsideMessage): string[] {
  if (inputs.length === 0) return ['Nothing has come in yet.'];
  const more = (begin: Uint8Array, bytes: number): string => `${quoted(begin)}${bytes > begin.length ? ' …' : ''}`;
  return inputs.map(({ number, at, kind, bytes, begin, left }) => {
    const behind = left === null ? 'nothing has left behind it' : `${milliseconds(left.after)} until offset ${left.offset} left${left.begin.length > 0 ? `: ${quoted(left.begin)}` : ''}`;
    return `${number}  ${new Date(at).toISOString()}  ${kind === 'keys' ? `keys, ${bytes} bytes` : `${bytes} bytes ${more(begin, bytes)}`}  ${behind}`;
  });
}
