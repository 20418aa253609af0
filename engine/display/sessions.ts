/**
 * Who has a machine's display and inputs, as a state machine: events in, actions out. It knows no machine, no socket and no clock.
 *
 *            open                configured          resumed             frame
 *   idle ──────────► configure ──────────► resume ──────────► frame ──────────► live
 *    ▲ ▲                 ▲                                      │                 │
 *    │ └─ end, goes on ──┼──────────────────────────────────────┴──── end ────────┤
 *    │                   │ open (the same user)                                   │
 *    │               suspended ◄──────────────── suspend ◄── end or take-over ────┘
 *    └── the machine went off
 *
 * Whoever carries the actions out does so in order, one after the other, and answers each with its event. So the guest never runs between a
 * session's end and the next one's configuration, unless the session said that it goes on without one.
 */
import type { DisplayProperties } from './properties.ts';

export interface SessionClient {
  /** Tells clients apart; one has one session at a time. */
  id: string;
  /** As people call it. */
  name: string;
  /** Only clients of one user follow each other. */
  user: string;
}

export interface DisplaySession {
  /** Counts from 1 in the life of a machine. */
  number: number;
  client: SessionClient;
  /** When it asked; milliseconds of whatever clock the events carry. */
  asked: number;
  /** When the machine was there for it, and when it drew the first frame at the right size. */
  resumed: number | undefined;
  firstFrame: number | undefined;
  whenEnds: WhenEnds;
}

/** What becomes of the machine when the session ends. */
export type WhenEnds = 'suspend' | 'run';

export interface Viewer {
  client: SessionClient;
  since: number;
}

export type SessionPhase = 'idle' | 'configure' | 'resume' | 'frame' | 'live' | 'suspend' | 'suspended';

export interface SessionsState {
  phase: SessionPhase;
  /** Has the machine. */
  holder: DisplaySession | undefined;
  /** Gets it when the machine stands still. */
  next: { session: DisplaySession; properties: DisplayProperties } | undefined;
  viewers: readonly Viewer[];
  /** What the display was last told to be. */
  properties: DisplayProperties | undefined;
  /** Whose user the machine is, until it is off. */
  user: string | undefined;
  sessions: number;
}

export const noSessions: SessionsState = {
  phase: 'idle',
  holder: undefined,
  next: undefined,
  viewers: [],
  properties: undefined,
  user: undefined,
  sessions: 0,
};

export type SessionEvent = { at: number } & (
  | { kind: 'open'; client: SessionClient; properties: DisplayProperties; takeOver: boolean; whenEnds: WhenEnds }
  | { kind: 'view'; client: SessionClient }
  /** The holder's displays or inputs are others now. */
  | { kind: 'change'; client: string; properties: DisplayProperties }
  /** A holder or viewer has closed, or its connection is lost. */
  | { kind: 'end'; client: string; how: 'closed' | 'lost' }
  /** What happens to the machine when this session ends was changed. */
  | { kind: 'whenEnds'; client: string; whenEnds: WhenEnds }
  | { kind: 'configured' }
  | { kind: 'resumed' }
  | { kind: 'frame' }
  | { kind: 'suspended' }
  /** An action could not be carried out: a sentence. */
  | { kind: 'failed'; reason: string }
  /** Power off, crash, or suspended to a file by somebody. */
  | { kind: 'machineOff' }
);

export type SessionAction =
  | { kind: 'configure'; properties: DisplayProperties }
  | { kind: 'resume' }
  | { kind: 'suspend' }
  /** To a client: its session is there, or it looks on. */
  | { kind: 'admitted'; client: string; role: 'holder' | 'viewer'; session: number }
  /** It has none, and why: a sentence. */
  | { kind: 'refused'; client: string; code: 'busy' | 'other-user' | 'twice' | 'failed'; reason: string }
  | { kind: 'ended'; client: string; reason: string };

/** One line of a session's log. */
export interface SessionLogEntry {
  at: number;
  session: number;
  client: string;
  what: 'open' | 'detect' | 'configure' | 'resume' | 'frame' | 'change' | 'end' | 'suspend' | 'view' | 'refuse' | 'take-over' | 'fail';
  sentence: string;
}

export interface SessionStep {
  state: SessionsState;
  actions: SessionAction[];
  log: SessionLogEntry[];
}

/** "1280 × 800 + 1080 × 1920". */
export function sizesOf({ outputs }: DisplayProperties): string {
  return outputs.flatMap((output) => (output === undefined ? [] : [`${output.width} × ${output.height}`])).join(' + ');
}

const attached = (phase: SessionPhase): boolean => phase === 'configure' || phase === 'resume' || phase === 'frame' || phase === 'live';

/** The state behind an event. An event that means nothing in a state leaves it as it is. */
export function advanceSessions(state: SessionsState, event: SessionEvent): SessionStep {
  const step: SessionStep = { state, actions: [], log: [] };
  const say = (what: SessionLogEntry['what'], session: Pick<DisplaySession, 'number' | 'client'> | undefined, sentence: string, client = session?.client.name ?? '') =>
    step.log.push({ at: event.at, session: session?.number ?? 0, client, what, sentence });
  const { holder, phase } = state;
  switch (event.kind) {
    case 'open':
      open(step, event, say);
      return step;
    case 'view': {
      const refusal = refusalOf(state, event.client);
      if (refusal !== undefined) return refuse(step, event.client, refusal, say);
      if (holder === undefined || !attached(phase)) return refuse(step, event.client, { code: 'busy', reason: 'Nobody has the machine, so there is nothing to look on at.' }, say);
      step.state = { ...state, viewers: [...state.viewers, { client: event.client, since: event.at }] };
      step.actions.push({ kind: 'admitted', client: event.client.id, role: 'viewer', session: holder.number });
      say('view', holder, `${event.client.name} looks on.`, event.client.name);
      return step;
    }
    case 'change':
      if (holder?.client.id !== event.client || !attached(phase)) return step;
      step.state = { ...state, properties: event.properties };
      step.actions.push({ kind: 'configure', properties: event.properties });
      say('change', holder, `The display became ${sizesOf(event.properties)}.`);
      return step;
    case 'whenEnds':
      if (holder?.client.id === event.client) step.state = { ...state, holder: { ...holder, whenEnds: event.whenEnds } };
      return step;
    case 'end':
      end(step, event, say);
      return step;
    case 'configured':
      if (phase !== 'configure' || holder === undefined) return step;
      step.state = { ...state, phase: 'resume' };
      step.actions.push({ kind: 'resume' });
      say('configure', holder, `The display is ${state.properties === undefined ? 'as before' : sizesOf(state.properties)}.`);
      return step;
    case 'resumed':
      if (phase !== 'resume' || holder === undefined) return step;
      step.state = { ...state, phase: 'frame', holder: { ...holder, resumed: event.at } };
      say('resume', holder, 'The machine goes on.');
      return step;
    case 'frame':
      if (phase !== 'frame' || holder === undefined) return step;
      step.state = { ...state, phase: 'live', holder: { ...holder, firstFrame: event.at } };
      say('frame', holder, `First frame at the right size, ${(event.at - holder.asked).toFixed(1)} ms after the request.`);
      return step;
    case 'suspended':
      if (phase !== 'suspend') return step;
      say('suspend', holder, 'The machine stands still.', '');
      step.state = { ...state, phase: 'suspended', holder: undefined };
      if (state.next !== undefined) begin(step, state.next.session, state.next.properties);
      return step;
    case 'failed':
      fail(step, event.reason, say);
      return step;
    case 'machineOff':
      for (const { client } of [...(holder === undefined ? [] : [holder]), ...(state.next === undefined ? [] : [state.next.session]), ...state.viewers])
        step.actions.push({ kind: 'ended', client: client.id, reason: 'The machine is off.' });
      if (holder !== undefined) say('end', holder, 'The machine went off.');
      step.state = { ...noSessions, sessions: state.sessions };
      return step;
  }
}

type Say = (what: SessionLogEntry['what'], session: Pick<DisplaySession, 'number' | 'client'> | undefined, sentence: string, client?: string) => void;
type Refusal = { code: 'busy' | 'other-user' | 'twice'; reason: string };

function refusalOf(state: SessionsState, client: SessionClient): Refusal | undefined {
  if (state.user !== undefined && state.user !== client.user)
    return { code: 'other-user', reason: `The machine belongs to a session of another user; ${client.name} is not one of theirs.` };
  const here = [state.holder?.client, state.next?.session.client, ...state.viewers.map((viewer) => viewer.client)];
  if (here.some((one) => one?.id === client.id)) return { code: 'twice', reason: `${client.name} is there already.` };
  return undefined;
}

function refuse(step: SessionStep, client: SessionClient, { code, reason }: Refusal, say: Say): SessionStep {
  step.actions.push({ kind: 'refused', client: client.id, code, reason });
  say('refuse', undefined, reason, client.name);
  return step;
}

function open(step: SessionStep, event: Extract<SessionEvent, { kind: 'open' }>, say: Say): void {
  const { state } = step;
  const { client, properties } = event;
  const refusal = refusalOf(state, client);
  if (refusal !== undefined) return void refuse(step, client, refusal, say);
  const live = attached(state.phase) && state.holder !== undefined;
  if ((live && !event.takeOver) || state.next !== undefined) {
    const name = state.next?.session.client.name ?? state.holder?.client.name ?? 'Another client';
    return void refuse(step, client, { code: 'busy', reason: `${name} has the machine. Take it over, or look on.` }, say);
  }
  const session: DisplaySession = {
    number: state.sessions + 1,
    client,
    asked: event.at,
    resumed: undefined,
    firstFrame: undefined,
    whenEnds: event.whenEnds,
  };
  step.state = { ...state, sessions: session.number, user: client.user };
  say('open', session, `${client.name} asks for the machine.`);
  say('detect', session, `${client.name} is ${sizesOf(properties)}.`);
  if (live && state.holder !== undefined) {
    say('take-over', state.holder, `${client.name} takes the machine over.`);
    step.actions.push({ kind: 'ended', client: state.holder.client.id, reason: `${client.name} took the machine over.` }, { kind: 'suspend' });
    step.state = { ...step.state, phase: 'suspend', holder: undefined, next: { session, properties } };
  } else if (state.phase === 'suspend') step.state = { ...step.state, next: { session, properties } };
  else begin(step, session, properties);
}

/** The machine stands still, or never had a session: it becomes this client's. */
function begin(step: SessionStep, session: DisplaySession, properties: DisplayProperties): void {
  step.state = { ...step.state, phase: 'configure', holder: session, next: undefined, properties };
  step.actions.push({ kind: 'admitted', client: session.client.id, role: 'holder', session: session.number }, { kind: 'configure', properties });
}

function end(step: SessionStep, event: Extract<SessionEvent, { kind: 'end' }>, say: Say): void {
  const { state } = step;
  const { holder, next } = state;
  const how = event.how === 'closed' ? 'has closed' : 'is gone without a word';
  if (next?.session.client.id === event.client) {
    step.state = { ...state, next: undefined };
    say('end', next.session, `${next.session.client.name} ${how} before it had the machine.`);
    return;
  }
  const viewer = state.viewers.find(({ client }) => client.id === event.client);
  if (viewer !== undefined) {
    step.state = { ...state, viewers: state.viewers.filter((one) => one !== viewer) };
    say('end', holder, `${viewer.client.name} looks on no more.`, viewer.client.name);
    return;
  }
  if (holder?.client.id !== event.client) return;
  say('end', holder, `${holder.client.name} ${how}.`);
  // Those who looked on have nothing to look at.
  for (const { client } of state.viewers) step.actions.push({ kind: 'ended', client: client.id, reason: `${holder.client.name} ${how}.` });
  if (holder.whenEnds === 'run') {
    // A machine that stood still for this session goes on all the same.
    if (state.phase === 'configure') step.actions.push({ kind: 'resume' });
    step.state = { ...state, phase: 'idle', holder: undefined, viewers: [] };
  } else {
    step.state = { ...state, phase: 'suspend', holder: undefined, viewers: [] };
    step.actions.push({ kind: 'suspend' });
  }
}

/** The step that was under way did not work. The display stays what it was. */
function fail(step: SessionStep, reason: string, say: Say): void {
  const { state } = step;
  const { holder, next, phase } = state;
  say('fail', holder ?? next?.session, reason);
  if (phase === 'suspend') {
    if (next !== undefined) step.actions.push({ kind: 'refused', client: next.session.client.id, code: 'failed', reason });
    step.state = { ...state, phase: 'idle', holder: undefined, next: undefined };
  } else if ((phase === 'configure' || phase === 'resume') && holder !== undefined) {
    step.actions.push({ kind: 'ended', client: holder.client.id, reason });
    for (const { client } of state.viewers) step.actions.push({ kind: 'ended', client: client.id, reason });
    step.state = { ...state, phase: 'suspended', holder: undefined, viewers: [] };
  }
}
