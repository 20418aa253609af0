import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteChannel, packetBytes, packetChannel, packetsOf } from './channel.ts';
import type { SideAction } from './messages.ts';
import { Side, startingSide } from './side.ts';

const serial = byteChannel('com1');
const network = packetChannel('net0');

/** A primary that is one of two, and a place for what it lets go. */
function primary(channel = serial) {
  const state = startingSide('a', 'primary', [channel.name]);
  const side = new Side(state, [channel]);
  const released: number[] = [];
  const notes: string[] = [];
  const cuts: number[] = [];
  let captures = 0;
  const take = (actions: readonly SideAction[]) => {
    for (const action of actions) {
      if (action.kind === 'release') {
        expect(action.message.offset).toBe(released.length);
        released.push(...action.message.bytes);
        cuts.push(released.length);
      } else if (action.kind === 'note' && action.note.kind === 'resync') notes.push(action.note.reason);
      else if (action.kind === 'capture') captures += 1;
    }
    return actions;
  };
  take(side.begin());
  take(side.fromPeer({ kind: 'ready' }));
  take(side.fromGateway({ kind: 'shared', term: 1 }));
  take(side.captured('state'));
  take(side.fromPeer({ kind: 'committed', generation: 1 }));
  notes.length = 0;
  captures = 0;
  return { side, state, released, notes, cuts, take, captures: () => captures };
}

/** A stream in pieces. */
const pieces = (bytes: readonly number[], lengths: readonly number[]): Uint8Array[] => {
  const result: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    if (at >= bytes.length) break;
    result.push(Uint8Array.from(bytes.slice(at, at + length)));
    at += length;
  }
  if (at < bytes.length) result.push(Uint8Array.from(bytes.slice(at)));
  return result;
};

const byteStream = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 60 });
const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 });
const order = fc.infiniteStream(fc.boolean());

/** Gives both sides' pieces to a primary in some order. */
function feed(pair: ReturnType<typeof primary>, channel: string, own: Uint8Array[], peer: Uint8Array[], turns: Iterator<boolean>) {
  let offset = 0;
  while (own.length > 0 || peer.length > 0) {
    const isOwn = peer.length === 0 || (own.length > 0 && turns.next().value === true);
    const piece = (isOwn ? own : peer).shift();
    if (piece === undefined) continue;
    if (isOwn) pair.take(pair.side.output(channel, piece));
    else {
      pair.take(pair.side.fromPeer({ kind: 'produced', generation: 1, channel, offset, bytes: piece }));
      offset += piece.length;
    }
  }
}

describe('a primary of two', () => {
  it('lets equal streams go once and in order, however they are cut, without a resync', () => {
    fc.assert(
      fc.property(byteStream, lengths, lengths, order, (bytes, ownCut, peerCut, turns) => {
        const pair = primary();
        feed(pair, 'com1', pieces(bytes, ownCut), pieces(bytes, peerCut), turns);
        expect(pair.released).toEqual(bytes);
        expect(pair.notes).toEqual([]);
        expect(pair.side.heldBytes).toBe(0);
      }),
    );
  });

  it('lets go what is equal up to the first byte that differs, and asks for one resync there', () => {
    fc.assert(
      fc.property(byteStream, fc.nat(), lengths, lengths, order, (bytes, where, ownCut, peerCut, turns) => {
        const at = where % bytes.length;
        const otherwise = bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
        const pair = primary();
        feed(pair, 'com1', pieces(bytes, ownCut), pieces(otherwise, peerCut), turns);
        expect(pair.released).toEqual(bytes.slice(0, at));
        expect(pair.notes).toEqual(['differs']);
        // What comes while the state is on its way is held.
        pair.take(pair.side.captured('state'));
        pair.take(pair.side.output('com1', Uint8Array.of(7)));
        expect(pair.released).toEqual(bytes.slice(0, at));
        pair.take(pair.side.fromPeer({ kind: 'committed', generation: 2 }));
        expect(pair.released).toEqual(bytes);
        // And is compared with what the secondary says from there on.
        pair.take(pair.side.fromPeer({ kind: 'produced', generation: 2, channel: 'com1', offset: bytes.length, bytes: Uint8Array.of(7) }));
        expect(pair.released).toEqual([...bytes, 7]);
      }),
    );
  });

  it('holds what the secondary has not said, and says that it waits', () => {
    const pair = primary();
    pair.take(pair.side.output('com1', Uint8Array.of(1, 2, 3)));
    expect([pair.released, pair.side.waits, pair.side.heldBytes]).toEqual([[], true, 3]);
    pair.take(pair.side.late());
    expect(pair.notes).toEqual(['late']);
  });

  it('waits for itself too: a secondary that says more is no better', () => {
    const pair = primary();
    expect(pair.side.late()).toEqual([]);
    pair.take(pair.side.fromPeer({ kind: 'produced', generation: 1, channel: 'com1', offset: 0, bytes: Uint8Array.of(1) }));
    expect(pair.side.waits).toBe(true);
  });

  it('lets packets go as a whole', () => {
    const packet = fc.uint8Array({ maxLength: 12 });
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 8 }), lengths, lengths, order, (packets, ownCut, peerCut, turns) => {
        const bytes = packets.flatMap((one) => [...packetBytes(one)]);
        const pair = primary(network);
        feed(pair, 'net0', pieces(bytes, ownCut), pieces(bytes, peerCut), turns);
        expect(packetsOf(Uint8Array.from(pair.released))).toEqual(packets);
        const ends = packets.map((_, index) => packets.slice(0, index + 1).reduce((sum, { length }) => sum + length + 4, 0));
        for (const cut of pair.cuts) expect(ends).toContain(cut);
      }),
    );
  });

  it('goes on alone only with the next term, and then says everything', () => {
    const pair = primary();
    pair.take(pair.side.output('com1', Uint8Array.of(1, 2)));
    expect(pair.take(pair.side.peerLost())).toEqual([{ kind: 'acquire', term: 2 }]);
    pair.take(pair.side.output('com1', Uint8Array.of(3)));
    expect(pair.released).toEqual([]);
    pair.take(pair.side.leased(true));
    expect(pair.released).toEqual([1, 2, 3]);
    expect([pair.state.mode, pair.state.term]).toEqual(['alone', 2]);
  });

  it('is silent for good when the other has the term', () => {
    const pair = primary();
    pair.take(pair.side.output('com1', Uint8Array.of(1)));
    pair.take(pair.side.peerLost());
    expect(pair.take(pair.side.leased(false))).toEqual([{ kind: 'fence' }]);
    pair.take(pair.side.output('com1', Uint8Array.of(2)));
    pair.take(pair.side.fromPeer({ kind: 'produced', generation: 1, channel: 'com1', offset: 0, bytes: Uint8Array.of(1, 2) }));
    expect(pair.released).toEqual([]);
  });

  it('commits instead of comparing once it is told to', () => {
    const pair = primary();
    pair.take(pair.side.resync('periodic', true));
    pair.take(pair.side.captured('state'));
    pair.take(pair.side.fromPeer({ kind: 'committed', generation: 2 }));
    pair.take(pair.side.output('com1', Uint8Array.of(1)));
    pair.take(pair.side.fromPeer({ kind: 'produced', generation: 2, channel: 'com1', offset: 0, bytes: Uint8Array.of(1) }));
    expect(pair.released).toEqual([]);
    pair.take(pair.side.resync('periodic'));
    pair.take(pair.side.captured('state'));
    pair.take(pair.side.fromPeer({ kind: 'committed', generation: 3 }));
    expect(pair.released).toEqual([1]);
  });
});
