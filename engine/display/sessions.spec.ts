import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRequest, type DisplayProperties } from './properties.ts';
import { advanceSessions, noSessions, type SessionAction, type SessionClient, type SessionEvent, type SessionLogEntry, type SessionsState } from './sessions.ts';

function shape(width: number, height = 600): DisplayProperties {
  const result = checkRequest({ outputs: [{ width, height }] }, 1 << 30);
  if (!result.ok) throw new Error(result.reason);
  return result.properties;
}

const desk: SessionClient = { id: 'desk', name: 'Desk', user: 'ada' };
const laptop: SessionClient = { id: 'laptop', name: 'Laptop', user: 'ada' };
const stranger: SessionClient = { id: 'stranger', name: 'Stranger', user: 'eve' };

/** A machine that carries out every action at once, or when told. */
class Machine {
  state: SessionsState = noSessions;
  running = true;
  /** What the guest reads, and whether it ran. */
  display: DisplayProperties | undefined;
  readonly told: string[] = [];
  readonly log: SessionLogEntry[] = [];
  readonly waiting: SessionAction[] = [];
  at = 0;

  event(event: SessionEvent extends infer Each ? (Each extends SessionEvent ? Omit<Each, 'at'> : never) : never): this {
    const step = advanceSessions(this.state, { ...event, at: ++this.at } as SessionEvent);
    this.state = step.state;
    this.log.push(...step.log);
    for (const action of step.actions) {
      if (action.kind === 'admitted' || action.kind === 'ended' || action.kind === 'refused') this.told.push(`${action.kind} ${action.client}`);
      else this.waiting.push(action);
    }
    return this;
  }

  /** Carries out the oldest action. */
  work(): boolean {
    const action = this.waiting.shift();
    if (action === undefined) return false;
    if (action.kind === 'configure') {
      this.display = action.properties;
      this.event({ kind: 'configured' });
    } else if (action.kind === 'resume') {
      this.running = true;
      this.event({ kind: 'resumed' });
    } else if (action.kind === 'suspend') {
      this.running = false;
      this.event({ kind: 'suspended' });
    }
    return true;
  }

  settle(): this {
    while (this.work());
    return this;
  }

  open(client: SessionClient, properties: DisplayProperties, takeOver = false, whenEnds: 'suspend' | 'run' = 'suspend'): this {
    return this.event({ kind: 'open', client, properties, takeOver, whenEnds });
  }
}

describe('a display session', () => {
  it('opens, detects, configures, resumes, and shows its first frame', () => {
    const machine = new Machine().open(desk, shape(1280)).settle();
    expect(machine.state.phase).toBe('frame');
    machine.event({ kind: 'frame' });
    expect(machine.state).toMatchObject({ phase: 'live', holder: { number: 1, firstFrame: 4 } });
    expect(machine.log.map(({ what }) => what)).toEqual(['open', 'detect', 'configure', 'resume', 'frame']);
    expect(machine.told).toEqual(['admitted desk']);
    expect(machine.display).toEqual(shape(1280));
  });

  it('suspends the machine when it is closed or lost, and the next client of the user gets it, configured before it goes on', () => {
    for (const how of ['closed', 'lost'] as const) {
      const machine = new Machine().open(desk, shape(1280)).settle().event({ kind: 'end', client: 'desk', how }).settle();
      expect([machine.state.phase, machine.running]).toEqual(['suspended', false]);
      machine.open(laptop, shape(1920));
      machine.work();
      expect([machine.display, machine.running]).toEqual([shape(1920), false]);
      machine.work();
      expect([machine.state.phase, machine.running]).toEqual(['frame', true]);
    }
  });

  it('waits for the suspend that is under way', () => {
    const machine = new Machine().open(desk, shape(1280)).settle().event({ kind: 'end', client: 'desk', how: 'closed' });
    machine.open(laptop, shape(1920));
    expect([machine.state.phase, machine.state.holder]).toEqual(['suspend', undefined]);
    machine.settle();
    expect(machine.state).toMatchObject({ phase: 'frame', holder: { client: laptop } });
  });

  it('may say that the machine goes on without it', () => {
    const machine = new Machine().open(desk, shape(1280), false, 'run').settle().event({ kind: 'end', client: 'desk', how: 'closed' }).settle();
    expect([machine.state.phase, machine.running]).toEqual(['idle', true]);
  });

  it('is not disturbed by a second client, which takes over, looks on, or goes', () => {
    const machine = new Machine().open(desk, shape(1280)).settle().open(laptop, shape(1920));
    expect([machine.told.at(-1), machine.display]).toEqual(['refused laptop', shape(1280)]);
    machine.event({ kind: 'view', client: laptop });
    expect(machine.state.viewers.map(({ client }) => client.id)).toEqual(['laptop']);
    expect(machine.open(laptop, shape(1920), true).told.at(-1)).toBe('refused laptop');
    machine.event({ kind: 'end', client: 'laptop', how: 'closed' }).open(laptop, shape(1920), true);
    expect(machine.told.at(-1)).toBe('ended desk');
    machine.settle();
    expect(machine.state).toMatchObject({ phase: 'frame', holder: { client: laptop, number: 2 } });
    expect(machine.display).toEqual(shape(1920));
    // The old holder's own end comes late, and is nobody's.
    machine.event({ kind: 'end', client: 'desk', how: 'lost' }).settle();
    expect([machine.state.phase, machine.running]).toEqual(['frame', true]);
  });

  it('is of one user, until the machine is off', () => {
    const machine = new Machine().open(desk, shape(1280)).settle();
    expect(machine.open(stranger, shape(800), true).told.at(-1)).toBe('refused stranger');
    machine.event({ kind: 'end', client: 'desk', how: 'closed' }).settle().open(stranger, shape(800));
    expect([machine.told.at(-1), machine.state.phase]).toEqual(['refused stranger', 'suspended']);
    machine.event({ kind: 'machineOff' }).open(stranger, shape(800)).settle();
    expect(machine.state.holder?.client).toBe(stranger);
  });

  it('is changed by its own client only', () => {
    const machine = new Machine().open(desk, shape(1280)).settle();
    machine.event({ kind: 'change', client: 'laptop', properties: shape(640) }).settle();
    expect(machine.display).toEqual(shape(1280));
    machine.event({ kind: 'change', client: 'desk', properties: shape(1000) }).settle();
    expect(machine.display).toEqual(shape(1000));
  });

  it('ends when the machine cannot be had, and says why', () => {
    const machine = new Machine().open(desk, shape(1280));
    machine.waiting.length = 0;
    machine.event({ kind: 'failed', reason: 'The disk is full.' });
    expect([machine.told.at(-1), machine.state.phase, machine.log.at(-1)?.sentence]).toEqual(['ended desk', 'suspended', 'The disk is full.']);
  });
});

describe('any order of events', () => {
  const clients = [desk, laptop, { id: 'phone', name: 'Phone', user: 'ada' }, stranger];
  const client = fc.constantFrom(...clients);
  const step = fc.oneof(
    fc.record({ do: fc.constant('open' as const), client, width: fc.integer({ min: 100, max: 900 }).map((half) => 2 * half), takeOver: fc.boolean() }),
    fc.record({ do: fc.constant('view' as const), client }),
    fc.record({ do: fc.constant('change' as const), client, width: fc.integer({ min: 100, max: 900 }).map((half) => 2 * half) }),
    fc.record({ do: fc.constantFrom('close' as const, 'lose' as const), client }),
    fc.record({ do: fc.constantFrom('work' as const, 'frame' as const, 'settle' as const, 'off' as const) }),
  );

  it('never lets a guest run under a display that is not its session’s, nor between two sessions', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const machine = new Machine();
        machine.running = false;
        for (const each of steps) {
          if (each.do === 'open') machine.open(each.client, shape(each.width), each.takeOver);
          else if (each.do === 'view') machine.event({ kind: 'view', client: each.client });
          else if (each.do === 'change') machine.event({ kind: 'change', client: each.client.id, properties: shape(each.width) });
          else if (each.do === 'close' || each.do === 'lose') machine.event({ kind: 'end', client: each.client.id, how: each.do === 'close' ? 'closed' : 'lost' });
          else if (each.do === 'work') machine.work();
          else if (each.do === 'frame') machine.event({ kind: 'frame' });
          else if (each.do === 'settle') machine.settle();
          else {
            machine.waiting.length = 0;
            machine.running = false;
            machine.event({ kind: 'machineOff' });
          }
          const { state, waiting, running } = machine;
          if (waiting.length > 0) continue;
          expect(running).toBe(state.phase === 'frame' || state.phase === 'live');
          if (running) expect(machine.display).toEqual(state.properties);
          expect(state.holder !== undefined).toBe(running);
          const ids = [state.holder?.client, ...state.viewers.map((viewer) => viewer.client)].flatMap((one) => one?.id ?? []);
          expect(new Set(ids).size).toBe(ids.length);
          for (const { client: one } of state.viewers) expect(one.user).toBe(state.user);
        }
      }),
      { numRuns: 300 },
    );
  });
});
