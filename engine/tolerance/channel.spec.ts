import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteChannel, longestPacket, packetBytes, packetChannel, packetsOf, type OutputChannel } from './channel.ts';
import { feed, lengths, order, pieces, primary } from './testing/primary.ts';

const network = packetChannel('net0');
const packet = fc.uint8Array({ maxLength: 12 });
const packets = fc.array(packet, { minLength: 1, maxLength: 8 });

const streamOf = (list: readonly Uint8Array[]): number[] => list.flatMap((one) => [...packetBytes(one)]);
/** Offsets at which a packet ends. */
const endsOf = (list: readonly Uint8Array[]): number[] => list.map((_, index) => streamOf(list.slice(0, index + 1)).length);

/** How many bytes two streams have in common, from the first on. */
function common(one: readonly number[], other: readonly number[]): number {
  let at = 0;
  while (at < one.length && at < other.length && one[at] === other[at]) at++;
  return at;
}

/** Whole packets of the first `bytes` bytes. */
const wholeOf = (list: readonly Uint8Array[], bytes: number): number => endsOf(list).filter((end) => end <= bytes).length;

/** Both sides have said their streams, cut and mixed anyhow; then the primary's state goes over. */
function run(channel: OutputChannel, own: readonly Uint8Array[], peer: readonly Uint8Array[], ownCut: number[], peerCut: number[], turns: Iterator<boolean>) {
  const pair = primary(channel);
  feed(pair, channel.name, pieces(streamOf(own), ownCut), pieces(streamOf(peer), peerCut), turns);
  const before = packetsOf(Uint8Array.from(pair.released));
  const whole = pair.released.length === before.reduce((sum, { length }) => sum + length + 4, 0);
  if (pair.side.waits) pair.take(pair.side.late());
  const { notes } = pair;
  if (notes.length > 0) {
    pair.take(pair.side.snapped());
    pair.take(pair.side.captured('state'));
    pair.take(pair.side.fromPeer({ kind: 'committed', generation: 2 }));
  }
  return { pair, before, whole, notes, after: packetsOf(Uint8Array.from(pair.released)) };
}

describe('a channel of packets', () => {
  it('gives back the packets of a stream, and of a cut one those that are whole', () => {
    fc.assert(
      fc.property(packets, fc.nat(), (list, cut) => {
        const bytes = Uint8Array.from(streamOf(list));
        expect(packetsOf(bytes)).toEqual(list);
        const at = cut % (bytes.length + 1);
        expect(packetsOf(bytes.subarray(0, at))).toEqual(list.slice(0, wholeOf(list, at)));
        expect(network.whole(bytes.subarray(0, at), 0)).toBe([0, ...endsOf(list)].findLast((end) => end <= at));
      }),
    );
  });

  it('refuses a packet that no card would send', () => {
    expect(() => packetBytes(new Uint8Array(longestPacket + 1))).toThrow(RangeError);
    expect(() => network.whole(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0), 0)).toThrow(/too long/);
  });

  it('lets equal packets go once, in order and as a whole, however they are cut, merged and delayed', () => {
    fc.assert(
      fc.property(packets, lengths, lengths, order, (list, ownCut, peerCut, turns) => {
        const { pair, before, notes } = run(network, list, list, ownCut, peerCut, turns);
        expect(before).toEqual(list);
        expect(notes).toEqual([]);
        for (const cut of pair.cuts) expect(endsOf(list)).toContain(cut);
      }),
    );
  });

  it('lets go nothing behind a packet that one side did not send, and all of the primary’s once the state went over', () => {
    fc.assert(
      fc.property(packets, fc.nat(), fc.boolean(), lengths, lengths, order, (list, which, isOwn, ownCut, peerCut, turns) => {
        const lacking = list.filter((_, index) => index !== which % list.length);
        const [own, peer] = isOwn ? [lacking, list] : [list, lacking];
        const { pair, before, whole, notes, after } = run(network, own, peer, ownCut, peerCut, turns);
        const agreed = common(streamOf(own), streamOf(peer));
        expect(before).toEqual(own.slice(0, wholeOf(own, agreed)));
        expect([whole, notes.length]).toEqual([true, 1]);
        // Those that only the secondary sent were never sent.
        expect(after).toEqual(own);
        for (const cut of pair.cuts) expect(endsOf(own)).toContain(cut);
      }),
    );
  });

  it('takes packets in another order for a difference', () => {
    fc.assert(
      fc.property(packets, fc.nat(), lengths, lengths, order, (list, where, ownCut, peerCut, turns) => {
        const at = where % list.length;
        const [first, second] = [list[at], list[(at + 1) % list.length]];
        fc.pre(first !== undefined && second !== undefined && at + 1 < list.length && Buffer.compare(first, second) !== 0);
        const swapped = list.map((one, index) => (index === at ? second : index === at + 1 ? first : one)).filter((one) => one !== undefined);
        const { before, notes, after } = run(network, list, swapped, ownCut, peerCut, turns);
        // Not the first of the two, and not the second.
        expect(before).toEqual(list.slice(0, at));
        expect(notes).toEqual(['differs']);
        expect(after).toEqual(list);
      }),
    );
  });

  it('would let half a packet go as a channel of bytes', () => {
    const list = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
    const pair = primary(byteChannel('net0'));
    feed(pair, 'net0', pieces(streamOf(list), []), pieces(streamOf(list), [5]), [true, false, false][Symbol.iterator]());
    expect(pair.cuts.every((cut) => endsOf(list).includes(cut))).toBe(false);
  });
});
