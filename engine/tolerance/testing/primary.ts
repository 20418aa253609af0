/** A primary that is one of two, for tests: what both sides say in, what it lets go out. */
import fc from 'fast-check';
import { byteChannel, type OutputChannel } from '../channel.ts';
import type { SideAction } from '../messages.ts';
import { Side, startingSide } from '../side.ts';

/** A primary that is one of two, and a place for what it lets go. */
export function primary(channel: OutputChannel = byteChannel('com1')) {
  const state = startingSide('a', 'primary', [channel.name]);
  const side = new Side(state, [channel]);
  const released: number[] = [];
  const notes: string[] = [];
  const cuts: number[] = [];
  const take = (actions: readonly SideAction[]) => {
    for (const action of actions) {
      if (action.kind === 'release') {
        if (action.message.offset !== released.length) throw new Error(`Offset ${action.message.offset} is released behind ${released.length} bytes.`);
        released.push(...action.message.bytes);
        cuts.push(released.length);
      } else if (action.kind === 'note' && action.note.kind === 'resync') notes.push(action.note.reason);
    }
    return actions;
  };
  take(side.begin());
  take(side.fromPeer({ kind: 'ready' }));
  take(side.fromGateway({ kind: 'shared', term: 1 }));
  take(side.snapped());
  take(side.captured('state'));
  take(side.fromPeer({ kind: 'committed', generation: 1 }));
  notes.length = 0;
  return { side, state, released, notes, cuts, take };
}

/** A stream in pieces. */
export const pieces = (bytes: readonly number[], lengths: readonly number[]): Uint8Array[] => {
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

export const byteStream = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 60 });
export const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 });
export const order = fc.infiniteStream(fc.boolean());

/** Gives both sides' pieces to a primary in some order. */
export function feed(pair: ReturnType<typeof primary>, channel: string, own: Uint8Array[], peer: Uint8Array[], turns: Iterator<boolean>) {
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
