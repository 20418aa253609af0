import { expect, it } from 'vitest';
import type { PairStatus } from '../host/pair/pairs.ts';
import type { SideStatus } from '../host/pair/protocol.ts';
import { requestLines, statusLines } from './pair-words.ts';

const side: SideStatus = {
  pid: 12,
  side: 'a',
  role: 'primary',
  mode: 'together',
  term: 2,
  generation: 3,
  periodic: false,
  isProtected: true,
  reason: 'Protected: outputs agree.',
  heldBytes: 5,
  heartbeatAge: 40,
  lag: 2,
  leaseAge: 9,
  link: { sent: 1000, received: 500, states: 800 },
  roundTrip: 0.3125,
  cost: { together: 60_000, waited: 3000, stood: 12 },
  resyncs: 1,
  recent: [],
  events: [],
};

it('says how far the other side is away, what that costs, and how long the last failover took', () => {
  const status: PairStatus = { machine: 'clerk', isProtected: true, reason: side.reason, gateway: null, sides: { a: side, b: { ...side, side: 'b', role: 'secondary' } }, primary: 'a' };
  const lines = statusLines(status, { at: 0, by: 'a', kind: 'unprotected', text: '', took: 412.4 });
  expect(lines).toContain('Link       0.31 ms round trip, 1000 bytes sent, of which 800 states, 500 received');
  expect(lines).toContain('Cost       output waited for its equal 5.00 %, the machine stood still for resyncs 0.02 % of 60 s');
  expect(lines).toContain('Failover   1970-01-01T00:00:00.000Z, side a went on after 412 ms, since the other was heard last');
  // What is not known is not told.
  const alone = statusLines({ ...status, sides: { a: { ...side, mode: 'alone', link: null, roundTrip: null, cost: null }, b: null } });
  expect(alone.filter((line) => /^(?:Link|Cost|Failover)/u.test(line))).toEqual([]);
});

it('has a line for each input with what left behind it', () => {
  const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
  expect(requestLines({ offset: 0, bytes: new Uint8Array(0), inputs: [] })).toEqual(['Nothing has come in yet.']);
  expect(
    requestLines({
      offset: 0,
      bytes: new Uint8Array(0),
      inputs: [
        { number: 4, at: 0, kind: 'serial', bytes: 40, begin: bytes('1 7 100\n'), left: { after: 1.25, offset: 9, begin: bytes('1 100\n') } },
        { number: 5, at: 0, kind: 'keys', bytes: 2, begin: bytes('\x1e\x9e'), left: null },
      ],
    }),
  ).toEqual([
    '4  1970-01-01T00:00:00.000Z  40 bytes "1 7 100\\n" …  1.25 ms until offset 9 left: "1 100\\n"',
    '5  1970-01-01T00:00:00.000Z  keys, 2 bytes  nothing has left behind it',
  ]);
});
