import { describe, expect, it } from 'vitest';
import type { Standing } from '../../../engine/tolerance/lease.ts';
import type { SideAction } from '../../../engine/tolerance/messages.ts';
import { Side, startingSide } from '../../../engine/tolerance/side.ts';
import { pairChannels } from './protocol.ts';
import { Voice } from './voice.ts';

const output = { kind: 'output' as const, term: 1, channel: 'com1', offset: 0, bytes: Uint8Array.of(7) };

/** A side on the other host than the gateway's, with everything that it needs to speak; a test takes something away. */
function open(role: 'primary' | 'secondary' = 'primary') {
  const side = new Side(startingSide('b', role, pairChannels.map(({ name }) => name)), pairChannels);
  side.state.mode = 'together';
  side.state.term = 1;
  const world = { standing: 'held' as Standing, reachable: true, silence: 10, hasGateway: true, asked: [] as unknown[], said: [] as string[], notes: [] as string[], actions: [] as SideAction[] };
  const voice = new Voice({
    pair: { home: { listen: '127.0.0.1', peer: 'f'.repeat(64) }, deadAfter: 1000, lease: { kind: 'etcd', endpoints: ['http://127.0.0.1:1'], validity: 400, credentials: {} } },
    side,
    lease: {
      acquire: (term, after) => Promise.resolve(world.asked.push({ term, after }) > 0),
      standing: () => world.standing,
      get isReachable() {
        return world.reachable;
      },
      end: () => Promise.resolve(),
    },
    record: { note: (text) => void world.notes.push(text) },
    gateway: () => (world.hasGateway ? { silence: world.silence, send: (message) => void world.said.push(`gateway ${(message as { kind: string }).kind}`) } : undefined),
    peer: () => ({ send: (message) => void world.said.push(`peer ${JSON.stringify(message)}`) }),
    perform: (actions) => void world.actions.push(...actions),
  });
  return { world, side, voice };
}

describe('the voice of a side', () => {
  it('lets output leave under a lease that is certain, holds it while nothing proves the lease, and ends the side that has lost it', () => {
    const { world, side, voice } = open();
    voice.release(output);
    expect([world.said, voice.leaseAge(performance.now())]).toEqual([['gateway output'], expect.any(Number)]);
    world.standing = 'unproven';
    voice.release(output);
    expect(world.said).toHaveLength(1);
    world.standing = 'lost';
    voice.release(output);
    expect(world.said).toHaveLength(1);
    expect(world.actions).toContainEqual({ kind: 'fence' });
    expect(side.state.mode).toBe('fenced');
  });

  it('says what was held again when the lease is certain again', () => {
    const { world, voice } = open();
    world.standing = 'unproven';
    voice.look(1000, true);
    world.standing = 'held';
    voice.look(1300, true);
    expect(world.notes).toEqual(['The lease was not certain for 300 ms; what was held leaves now.']);
    expect(world.actions).toContainEqual(expect.objectContaining({ kind: 'toGateway' }));
  });

  it('is given up by a mute primary after the limit, to a protected secondary that could serve, and to nobody else', () => {
    const isGone = (isProtected: boolean, peerCanServe: boolean, take: (world: ReturnType<typeof open>['world']) => void, after = 1001) => {
      const { world, side, voice } = open();
      voice.peerCanServe = peerCanServe;
      take(world);
      voice.look(1000, isProtected);
      voice.look(1000 + after, isProtected);
      return side.state.mode === 'fenced';
    };
    const noGateway = (world: ReturnType<typeof open>['world']) => (world.hasGateway = false);
    expect(isGone(true, true, noGateway)).toBe(true);
    expect(isGone(true, true, (world) => (world.silence = 501))).toBe(true);
    expect(isGone(true, true, (world) => (world.standing = 'unproven'))).toBe(true);
    expect(isGone(true, true, noGateway, 999)).toBe(false);
    expect(isGone(false, true, noGateway)).toBe(false);
    expect(isGone(true, false, noGateway)).toBe(false);
    expect(isGone(true, true, () => undefined)).toBe(false);
  });

  it('tells each other side once whether it could serve, and again when that changes', () => {
    const { world, voice } = open('secondary');
    voice.look(0, true);
    voice.look(50, true);
    world.reachable = false;
    voice.tellReach();
    voice.metPeer();
    voice.tellReach();
    expect(world.said).toEqual(['true', 'false', 'false'].map((canServe) => `peer {"kind":"reach","canServe":${canServe}}`));
  });

  it('asks for the first term at once, and for a later one behind the other side when it reaches no client', async () => {
    const { world, voice } = open();
    await voice.acquire(2);
    world.hasGateway = false;
    await voice.acquire(1);
    await voice.acquire(3);
    expect(world.asked).toEqual([{ term: 2, after: 0 }, { term: 1, after: 0 }, { term: 3, after: 2 * 1000 + 2 * 400 }]);
  });
});
