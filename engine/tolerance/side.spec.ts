import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteStream, feed, lengths, order, pieces, primary } from './testing/primary.ts';

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
        pair.take(pair.side.snapped());
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

  it('knows what both said right before, also of what clients have been given already', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 1, maxLength: 80 }), fc.array(fc.nat(80), { maxLength: 4 }), (said, given) => {
        const pair = primary();
        const say = (offset: number, bytes: readonly number[], theirs: readonly number[]) => [
          ...pair.take(pair.side.output('com1', Uint8Array.from(bytes))),
          ...pair.take(pair.side.fromPeer({ kind: 'produced', generation: 1, channel: 'com1', offset, bytes: Uint8Array.from(theirs) })),
        ];
        say(0, said, said);
        for (const offset of given) pair.take(pair.side.fromGateway({ kind: 'delivered', channel: 'com1', offset: Math.min(offset, said.length) }));
        const notes = say(said.length, [1, 3], [2, 3]).filter(({ kind }) => kind === 'note');
        expect(notes).toEqual([
          {
            kind: 'note',
            note: {
              kind: 'resync',
              reason: 'differs',
              divergence: { channel: 'com1', offset: said.length, before: Uint8Array.from(said.slice(-16)), primary: Uint8Array.of(1, 3), secondary: Uint8Array.of(2, 3) },
            },
          },
        ]);
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
    pair.take(pair.side.snapped());
    pair.take(pair.side.captured('state'));
    pair.take(pair.side.fromPeer({ kind: 'committed', generation: 2 }));
    pair.take(pair.side.output('com1', Uint8Array.of(1)));
    pair.take(pair.side.fromPeer({ kind: 'produced', generation: 2, channel: 'com1', offset: 0, bytes: Uint8Array.of(1) }));
    expect(pair.released).toEqual([]);
    pair.take(pair.side.resync('periodic'));
    pair.take(pair.side.snapped());
    pair.take(pair.side.captured('state'));
    pair.take(pair.side.fromPeer({ kind: 'committed', generation: 3 }));
    expect(pair.released).toEqual([1]);
  });
});
