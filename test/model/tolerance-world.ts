/**
 * A pair, its gateway, its lease and what is on its way between them, as one value, with everything that may happen next. The machines are
 * the smallest that can show a lost, doubled, changed or reordered byte: each answers every input with one byte, which may be another on each side,
 * or with a packet of one, which is said in two halves.
 */
import { byteChannel, packetBytes, packetChannel } from '../../engine/tolerance/channel.ts';
import { Gateway, startingGateway, type GatewayAction, type GatewayState } from '../../engine/tolerance/gateway.ts';
import { other, type FromGateway, type SideAction, type SideName, type ToGateway, type ToPeer } from '../../engine/tolerance/messages.ts';
import { endOf } from '../../engine/tolerance/output-log.ts';
import { Side, startingSide, type SideState } from '../../engine/tolerance/side.ts';

const channel = byteChannel('com1');
const packets = packetChannel(channel.name);
/** Bytes of an answer that is a packet, and how many of them are said first. */
const packetLength = packetBytes(Uint8Array.of(0)).length;
const firstHalf = 3;
export const sides = ['a', 'b'] as const;

/** What a checkpoint carries. */
interface Machine {
  /** Numbers of the inputs in the order in which they came. */
  inputs: number[];
  /** The answers given. */
  answers: number[];
}

type Flying =
  | { readonly to: SideName; readonly from: 'gateway'; readonly message: FromGateway }
  | { readonly to: SideName; readonly from: SideName; readonly message: ToPeer }
  | { readonly to: 'gateway'; readonly from: SideName; readonly message: ToGateway };

/** How often something may still happen. */
export interface Budgets {
  /** A side dies, or is taken for dead though it is only slow, or the link between the sides is cut. */
  fault: number;
  /** A message is lost. */
  loss: number;
  /** A message comes, and will come again. */
  double: number;
  /** The secondary answers otherwise. */
  divergence: number;
  /** The limit for equal output passes. */
  late: number;
  /** A checkpoint arrives damaged. */
  damage: number;
  /** A side's link to the gateway is cut, and there again. */
  reconnect: number;
  /** The lease's holder hears nothing of it for so long that it cannot prove any more to have it. */
  expiry: number;
}

export interface World {
  sides: Record<SideName, SideState | undefined>;
  machines: Record<SideName, Machine>;
  /** What was copied of a machine, and is not sent yet. */
  snapped: Record<SideName, Machine | undefined>;
  gateway: GatewayState;
  flying: Flying[];
  /** The newest term and whose it is. */
  lease: { term: number; side: SideName };
  timed: TimedLease;
  /** Inputs that clients have not sent yet. */
  toCome: number;
  budgets: Budgets;
  /** What clients were given. */
  delivered: number[];
  /** Who has spoken under each term. */
  speakers: Record<number, SideName>;
  /** The link between the sides is cut: each finds the other dead. */
  isCut: boolean;
  /** A side died while it was the only one with the state: nothing can be asked of what is left. */
  isOver: boolean;
}

/** Of a lease with a time, in etcd. Clocks are not there: what has to be over before what, is. */
export interface TimedLease {
  /** In etcd: who waits for the next term, and whether the owner has given up. */
  claim: SideName | undefined;
  isFree: boolean;
  /** The claim's wait is over. */
  isWaited: boolean;
  /** By side: the term that it can prove by its own clock, 0 for none. */
  proven: Record<SideName, number>;
  /**
   * By side: a yes of etcd's to its question that is on its way, for this term. `isOver`: so late that what it proved is over, for it counts from the question.
   */
  answer: Record<SideName, { term: number; isOver: boolean } | undefined>;
}

/** What a negative control takes out. */
export interface Faults {
  /** The lease gives a term to everyone who asks. */
  noFence?: boolean;
  /** The primary lets output go before the secondary has said it. */
  earlyRelease?: boolean;
  /** Output held for a checkpoint goes when it is sent, not when it is acknowledged. */
  releaseBeforeCommit?: boolean;
  /** A damaged checkpoint is put in place. */
  noHash?: boolean;
  /** The secondary acknowledges inputs that a resync may ask for again. */
  earlyForget?: boolean;
  /** Output of an earlier generation is compared. */
  noGeneration?: boolean;
  /** The checkpoint leaves out what the gateway has not confirmed. */
  noHeldOutput?: boolean;
  /** Output leaves without a look at the lease. */
  noLeaseCheck?: boolean;
  /** A proof is counted from when the answer came, not from when it was asked for. */
  lateDeadline?: boolean;
  /** Who claims a term takes it at once. */
  noWait?: boolean;
  /** A claim is no hindrance to a proof, and is left where it is. */
  claimStands?: boolean;
  /** What was held for want of a proof is not said again. */
  noRepeat?: boolean;
  /** The machine runs on before its state is copied. */
  lateSnapshot?: boolean;
  /** Packets are released as bytes are. */
  cutPackets?: boolean;
}

export interface Options {
  /** Messages of one link stay in their order, as TCP has it. */
  inOrder: boolean;
  /**
   * What only lets somebody forget (applied, progress, delivered) arrives at once. That is the dangerous side: late, or never, it keeps more. Far fewer
   * states.
   */
  eager: boolean;
  /** The lease has a time, as in etcd (main/host/pair/etcd-lease.ts). */
  timed?: boolean;
  /** Links lose nothing unless they are cut, and nobody says anything again of himself: as the processes do over TCP. */
  reliable?: boolean;
  /** Answers are packets. */
  packets?: boolean;
  faults?: Faults;
}

export const noBudgets: Budgets = { fault: 0, loss: 0, double: 0, divergence: 0, late: 0, damage: 0, reconnect: 0, expiry: 0 };

/** The primary alone, and a secondary about to join it. */
export function firstWorld(inputs: number, budgets: Budgets): World {
  const world: World = {
    sides: { a: startingSide('a', 'primary', [channel.name]), b: startingSide('b', 'secondary', [channel.name]) },
    machines: { a: { inputs: [], answers: [] }, b: { inputs: [], answers: [] } },
    snapped: { a: undefined, b: undefined },
    gateway: startingGateway([channel.name]),
    flying: [],
    lease: { term: 1, side: 'a' },
    timed: { claim: undefined, isFree: false, isWaited: false, proven: { a: 1, b: 0 }, answer: { a: undefined, b: undefined } },
    toCome: inputs,
    budgets: { ...budgets },
    delivered: [],
    speakers: {},
    isCut: false,
    isOver: false,
  };
  for (const name of sides) new Step(world, { inOrder: true, eager: true }).side(name, (side) => side.begin());
  return world;
}

/** The pair is protected, and nothing is under way. */
export function protectedWorld(inputs: number, budgets: Budgets): World {
  const options: Options = { inOrder: true, eager: true };
  let world = firstWorld(0, noBudgets);
  while (world.flying.length > 0 || world.sides.b?.committing !== undefined || world.sides.a?.sync !== undefined) {
    const [first] = happenings(world, options);
    if (first === undefined) break;
    world = first.next;
  }
  return { ...world, toCome: inputs, budgets: { ...budgets } };
}

/** A thing that may happen: changes the world it is given, and says what is wrong about it then. */
export interface Happening {
  readonly what: string;
  happen(world: World): string | undefined;
}

const clone = (world: World): World => structuredClone(world);

const forgetful: ReadonlySet<string> = new Set(['applied', 'progress', 'delivered']);

/** Work in one world. */
class Step {
  wrong: string | undefined;
  readonly #faults: Faults;

  constructor(
    readonly world: World,
    private readonly options: Options,
  ) {
    this.#faults = options.faults ?? {};
  }

  /** What arrives at once, once this event is over. */
  readonly #later: Flying[] = [];

  /** Ends the step. */
  settle(): void {
    for (let next = this.#later.shift(); next !== undefined; next = this.#later.shift()) this.arrive(next);
  }

  #fail(what: string): void {
    this.wrong ??= what;
  }

  side(name: SideName, event: (side: Side) => SideAction[]): void {
    const state = this.world.sides[name];
    if (state === undefined) return;
    const side = new Side(state, [this.options.packets === true && this.#faults.cutPackets !== true ? packets : channel]);
    const actions = event(side);
    if (this.#faults.earlyRelease === true && state.mode === 'together' && state.role === 'primary') {
      const one = state.channels[channel.name];
      if (one !== undefined && one.agreed < endOf(one.log) && state.sync === undefined) {
        const bytes = one.log.bytes.slice(one.agreed - one.log.start);
        actions.push({ kind: 'release', message: { kind: 'output', term: state.term, channel: channel.name, offset: one.agreed, bytes } });
      }
    }
    for (const action of actions) this.#act(name, action);
  }

  #act(name: SideName, action: SideAction): void {
    const { world } = this;
    switch (action.kind) {
      case 'toPeer':
        if (!world.isCut) this.#fly({ to: other(name), from: name, message: this.#altered(action.message) });
        if (this.#faults.releaseBeforeCommit === true && action.message.kind === 'checkpoint') {
          const { term, channels } = action.message.checkpoint;
          const log = channels[channel.name];
          if (log !== undefined && log.bytes.length > 0)
            this.#act(name, { kind: 'release', message: { kind: 'output', term, channel: channel.name, offset: log.start, bytes: log.bytes } });
        }
        return;
      case 'toGateway': {
        const { message } = action;
        const early = this.#faults.earlyForget === true && message.kind === 'applied';
        this.#fly({ to: 'gateway', from: name, message: early ? { ...message, kept: message.next } : message });
        return;
      }
      case 'release': {
        const { term, side } = world.lease;
        const isNewest = action.message.term === term && side === name;
        const isChecked = this.#faults.noFence !== true && this.#faults.noLeaseCheck !== true;
        if (this.options.timed === true) {
          // It goes by what it knows.
          if (isChecked && world.timed.proven[name] !== action.message.term) return;
          if (!isNewest) this.#fail(`two speakers: side ${name} under term ${action.message.term}, and side ${side} has term ${term}`);
        } else if (isChecked && !isNewest) return this.side(name, (one) => one.fenced());
        this.#fly({ to: 'gateway', from: name, message: action.message });
        return;
      }
      case 'apply':
        world.machines[name].inputs.push(action.sequence);
        if (world.machines[name].inputs.some((sequence, index) => sequence !== index)) this.#fail(`machine ${name} takes inputs out of order`);
        return;
      case 'capture':
      case 'commit':
        // Made to happenings of their own, since they take time.
        return;
      case 'acquire':
        // A lease with a time answers when it does: a happening of its own.
        if (this.options.timed !== true) this.lease(name);
        return;
      case 'alone': {
        const { answers } = world.machines[name];
        if (world.delivered.some((byte, index) => byte !== answers[index])) this.#fail(`side ${name} goes on alone with other output than clients have`);
        return;
      }
      case 'abandon':
      case 'fence':
      case 'note':
        return;
    }
  }

  /** The lease's answer to who asks for the term behind the one that it knows. */
  lease(name: SideName): void {
    const { world } = this;
    const term = (world.sides[name]?.term ?? 0) + 1;
    const isGranted = this.#faults.noFence === true || world.lease.term === term - 1;
    if (isGranted) {
      world.lease = { term, side: name };
      // The change of the key is a proof.
      Object.assign(world.timed, { claim: undefined, isFree: false, isWaited: false });
      world.timed.proven[name] = term;
    }
    this.side(name, (side) => side.leased(isGranted));
  }

  #altered(message: ToPeer): ToPeer {
    const faults = this.#faults;
    if (faults.noHeldOutput === true && message.kind === 'checkpoint') {
      const channels = Object.fromEntries(
        Object.entries(message.checkpoint.channels).map(([name, log]) => [name, { start: endOf(log), bytes: new Uint8Array(0) }]),
      );
      return { kind: 'checkpoint', checkpoint: { ...message.checkpoint, channels } };
    }
    return message;
  }

  /** Two messages that are equal are one: that a message comes twice is another budget. */
  #fly(flying: Flying): void {
    if (this.options.eager && forgetful.has(flying.message.kind)) {
      this.#later.push(flying);
      return;
    }
    const key = JSON.stringify(flying, plain);
    if (this.world.flying.some((one) => JSON.stringify(one, plain) === key)) return;
    this.world.flying.push(flying);
  }

  arrive({ to, from, message }: Flying): void {
    const { world } = this;
    if (to === 'gateway') this.gateway((gateway) => gateway.fromSide(from, message));
    else if (from === 'gateway') this.side(to, (side) => side.fromGateway(message));
    else {
      const state = world.sides[to];
      if (this.#faults.noGeneration === true && message.kind === 'produced' && state !== undefined)
        this.side(to, (side) => side.fromPeer({ ...message, generation: state.generation }));
      else this.side(to, (side) => side.fromPeer(message));
    }
  }

  gateway(event: (gateway: Gateway) => GatewayAction[]): void {
    for (const action of event(new Gateway(this.world.gateway))) {
      if (action.kind === 'toSide') this.#fly({ to: action.side, from: 'gateway', message: action.message });
      else this.#deliver(action);
    }
  }

  #deliver({ side, offset, bytes }: Extract<GatewayAction, { kind: 'deliver' }>): void {
    const { world } = this;
    const { term } = world.gateway;
    const speaker = (world.speakers[term] ??= side);
    if (speaker !== side) this.#fail(`two speakers under term ${term}`);
    if (offset !== world.delivered.length) this.#fail(`offset ${offset} is delivered behind ${world.delivered.length} bytes`);
    if (this.options.packets === true && (offset + bytes.length) % packetLength !== 0) this.#fail('half a packet is delivered');
    const peer = other(side);
    const partner = world.sides[peer];
    for (const [index, byte] of bytes.entries()) {
      const at = offset + index;
      world.delivered.push(byte);
      if (world.machines[side].answers[at] !== byte) this.#fail(`byte ${at} is not what side ${side} has said`);
      // Only who may still take over matters.
      if (partner?.mode !== 'together' || partner.term !== world.lease.term) continue;
      if (world.machines[peer].answers[at] !== byte) this.#fail(`byte ${at} left unmatched and uncommitted`);
    }
  }

  /** The machine stands still for a moment; what it says from then on is no part of the state. */
  snap(name: SideName): void {
    const { world } = this;
    world.snapped[name] = structuredClone(world.machines[name]);
    this.side(name, (side) => side.snapped());
  }

  capture(name: SideName): void {
    const { world } = this;
    // With this fault what is sent is the machine as it is by then.
    const state = this.#faults.lateSnapshot === true ? structuredClone(world.machines[name]) : world.snapped[name];
    world.snapped[name] = undefined;
    this.side(name, (side) => side.captured(state));
  }

  commit(name: SideName, isDamaged: boolean): void {
    const { world } = this;
    const checkpoint = world.sides[name]?.committing;
    if (checkpoint === undefined) return;
    if (isDamaged && this.#faults.noHash !== true) {
      this.side(name, (side) => side.refused());
      return;
    }
    // The model's own state.
    const state = structuredClone(checkpoint.state) as Machine;
    if (isDamaged) state.answers = state.answers.map((answer) => answer + 4);
    world.machines[name] = state;
    this.side(name, (side) => side.committed());
  }

  answer(name: SideName, value: number): void {
    const { answers } = this.world.machines[name];
    let bytes = Uint8Array.of(value);
    if (this.options.packets === true) bytes = answers.length % packetLength === 0 ? packetBytes(bytes).slice(0, firstHalf) : packetBytes(bytes).slice(firstHalf);
    answers.push(...bytes);
    this.side(name, (side) => side.output(channel.name, bytes));
  }
}

/** Bytes that clients get for so many inputs. */
export function answerBytes(inputs: number, { packets: arePackets }: Pick<Options, 'packets'>): number {
  return inputs * (arePackets === true ? packetLength : 1);
}

function plain(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}

/** A world as a text that is the same for equal worlds. The order in which messages were sent counts only where they stay in order. */
export function textOf(world: World, { inOrder }: Pick<Options, 'inOrder'>): string {
  const flying = world.flying.map((one) => JSON.stringify(one, plain));
  if (inOrder) {
    const links = new Map<string, string[]>();
    world.flying.forEach(({ from, to }, index) => {
      const link = `${from}${to}`;
      links.set(link, [...(links.get(link) ?? []), flying[index] ?? '']);
    });
    return JSON.stringify({ ...world, flying: [...links].sort() }, plain);
  }
  return JSON.stringify({ ...world, flying: flying.sort() }, plain);
}

/** Everything that may happen in a world. */
export function happenings(world: World, options: Options): { what: string; next: World; wrong: string | undefined }[] {
  const results: { what: string; next: World; wrong: string | undefined }[] = [];
  const happen = (what: string, body: (step: Step) => void) => {
    const step = new Step(clone(world), options);
    body(step);
    step.settle();
    results.push({ what, next: step.world, wrong: step.wrong });
  };
  const { budgets } = world;
  const seen = new Set<string>();
  world.flying.forEach((flying, index) => {
    const link = `${flying.from} to ${flying.to}`;
    if (options.inOrder && seen.has(link)) return;
    seen.add(link);
    const what = `${link}: ${JSON.stringify(flying.message, plain)}`;
    happen(what, (step) => {
      step.world.flying.splice(index, 1);
      step.arrive(flying);
    });
    if (budgets.loss > 0)
      happen(`lost, ${what}`, (step) => {
        step.world.budgets.loss--;
        step.world.flying.splice(index, 1);
      });
    if (budgets.double > 0)
      happen(`twice, ${what}`, (step) => {
        step.world.budgets.double--;
        step.arrive(flying);
      });
  });
  if (world.toCome > 0)
    happen('a client says something', (step) => {
      step.world.toCome--;
      step.gateway((gateway) => gateway.input('request'));
    });
  for (const name of sides) {
    const state = world.sides[name];
    if (state === undefined) continue;
    const machine = world.machines[name];
    const peer = world.sides[other(name)];
    if (machine.answers.length < answerBytes(machine.inputs.length, options) && state.mode !== 'fenced' && state.committing === undefined) {
      // Side a answers 0 for ever, side b may be of another opinion.
      happen(`${name} answers`, (step) => step.answer(name, 0));
      if (name === 'b' && budgets.divergence > 0)
        happen('b answers otherwise', (step) => {
          step.world.budgets.divergence--;
          step.answer(name, 1);
        });
    }
    const { sync } = state;
    if (sync !== undefined && sync.taken === undefined) happen(`${name} stands still and is copied`, (step) => step.snap(name));
    else if (sync !== undefined && sync.checkpoint === undefined) happen(`${name} sends what was copied`, (step) => step.capture(name));
    if (state.committing !== undefined) {
      happen(`${name} commits`, (step) => step.commit(name, false));
      if (budgets.damage > 0)
        happen(`${name} finds its checkpoint damaged`, (step) => {
          step.world.budgets.damage--;
          step.commit(name, true);
        });
    }
    if (budgets.late > 0 && new Side(state, [channel]).waits)
      happen(`${name} has waited too long`, (step) => {
        step.world.budgets.late--;
        step.side(name, (side) => side.late());
      });
    if ((peer === undefined || world.isCut) && (state.mode === 'together' || state.mode === 'joining') && !state.lostWhileCommitting)
      happen(`${name} finds the other dead`, (step) => step.side(name, (side) => side.peerLost()));
    if (budgets.fault > 0) {
      happen(`${name} dies`, (step) => {
        step.world.budgets.fault--;
        step.world.sides[name] = undefined;
        step.world.flying = step.world.flying.filter(({ to }) => to !== name);
        step.world.isOver = peer?.mode !== 'together' && name === 'a';
      });
      if (peer !== undefined && state.mode === 'together')
        happen(`${name} takes the other for dead`, (step) => {
          step.world.budgets.fault--;
          // It closes the link, by which the other comes to know.
          if (options.reliable === true) {
            step.world.isCut = true;
            step.world.flying = step.world.flying.filter(({ to, from }) => to !== name || from === 'gateway');
          }
          step.side(name, (side) => side.peerLost());
        });
    }
  }
  if (options.timed === true) happenWithLease(world, options, happen);
  if (budgets.reconnect > 0)
    for (const name of sides) {
      const mode = world.sides[name]?.mode;
      if (mode === undefined || mode === 'fenced') continue;
      happen(`${name} loses the gateway, and has it again`, (step) => {
        step.world.budgets.reconnect--;
        step.world.flying = step.world.flying.filter(({ to, from }) => !((to === name && from === 'gateway') || (to === 'gateway' && from === name)));
        step.gateway((gateway) => gateway.retry());
        step.side(name, (side) => side.repeat());
      });
    }
  if (budgets.fault > 0 && sides.every((name) => world.sides[name]?.mode === 'together'))
    happen('the link is cut', (step) => {
      step.world.budgets.fault--;
      step.world.isCut = true;
      step.world.flying = step.world.flying.filter(({ to, from }) => to === 'gateway' || from === 'gateway');
    });
  // Whatever is under way comes first: a retry meanwhile says what is said already.
  const isIdle = sides.every((name) => {
    const { inputs, answers } = world.machines[name];
    const state = world.sides[name];
    return state === undefined || state.mode === 'fenced' || (state.committing === undefined && (state.sync === undefined || state.sync.checkpoint !== undefined) && answers.length >= answerBytes(inputs.length, options));
  });
  if (world.flying.length === 0 && isIdle && options.reliable !== true)
    happen('all retry', (step) => {
      step.gateway((gateway) => gateway.retry());
      for (const name of sides) step.side(name, (side) => side.retry());
    });
  return results;
}

/** What time and messages do to a lease that has a time. */
function happenWithLease(world: World, { faults = {} }: Options, happen: (what: string, body: (step: Step) => void) => void): void {
  const { lease, timed, budgets } = world;
  const { side: owner, term } = lease;
  const mode = world.sides[owner]?.mode;
  const isThere = mode !== undefined && mode !== 'fenced';
  const isProven = timed.proven[owner] === term;
  if (budgets.expiry > 0 && isThere && isProven)
    happen(`${owner} cannot prove its lease any more`, (step) => {
      step.world.budgets.expiry--;
      step.world.timed.proven[owner] = 0;
    });
  // It asks all the time; what matters is when it needs to.
  if (isThere && mode !== 'acquiring' && timed.answer[owner] === undefined && (!isProven || timed.claim !== undefined || faults.lateDeadline === true))
    happen(`etcd says that ${owner} has its term`, (step) => {
      if (faults.claimStands !== true) Object.assign(step.world.timed, { claim: undefined, isWaited: false });
      step.world.timed.answer[owner] = { term, isOver: false };
    });
  // Between a claim's answer and the end of its wait everything ends that was asked for before. An owner that is there hears of the claim, unless etcd is slow for it.
  if (timed.claim !== undefined && !timed.isWaited && (!isThere || mode === 'acquiring' || !isProven || budgets.expiry > 0))
    happen('the wait is over', (step) => {
      if (isThere && isProven && mode !== 'acquiring') step.world.budgets.expiry--;
      step.world.timed.isWaited = true;
      step.world.timed.proven[owner] = 0;
      const answer = step.world.timed.answer[owner];
      if (answer !== undefined) answer.isOver = true;
    });
  // Who is fenced ends itself; who reaches no client leaves the term to the other before it asks for it.
  if ((mode === 'fenced' || mode === 'acquiring') && !timed.isFree)
    happen(`${owner} gives up`, (step) => {
      Object.assign(step.world.timed, { isFree: true, claim: undefined, isWaited: false });
      step.world.timed.proven[owner] = 0;
      step.world.timed.answer[owner] = undefined;
    });
  for (const name of sides) {
    const state = world.sides[name];
    if (state === undefined) continue;
    const answer = timed.answer[name];
    if (answer !== undefined)
      happen(`${name} hears that it has its term`, (step) => {
        step.world.timed.answer[name] = undefined;
        if (answer.isOver && faults.lateDeadline !== true) return;
        step.world.timed.proven[name] = answer.term;
        if (faults.noRepeat !== true) step.side(name, (side) => side.repeat());
      });
    if (state.mode === 'acquiring') {
      const mayTake = owner === name || timed.isFree || (timed.claim === name && (timed.isWaited || faults.noWait === true));
      if (term !== state.term || mayTake) happen(`etcd answers ${name}`, (step) => step.lease(name));
      else if (timed.claim !== name)
        happen(`${name} claims the next term`, (step) => {
          Object.assign(step.world.timed, { claim: name, isWaited: false });
        });
    }
    if (state.role === 'primary' && (state.mode === 'alone' || state.mode === 'together') && state.term < term)
      happen(`${name} learns that its term is over`, (step) => step.side(name, (side) => side.fenced()));
  }
}
