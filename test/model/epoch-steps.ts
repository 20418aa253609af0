/**
 * What may happen in a world of epoch-world.ts, by the real text of the state machines. Links are TCP's: in order, and what was sent may be lost only with who sent it.
 * What a process and its machine tell each other comes at once: that it comes later looks from outside as if the message behind it came later.
 */
import { EpochPlan } from '../../engine/machine/epochs.ts';
import type { Machine } from '../../engine/machine/machine.ts';
import { Gateway, type GatewayAction } from '../../engine/tolerance/gateway.ts';
import { other, type Checkpoint, type SideAction, type SideName } from '../../engine/tolerance/messages.ts';
import type { PairQuestion } from '../../engine/tolerance/questions.ts';
import { Side } from '../../engine/tolerance/side.ts';
import { EpochInput } from '../../main/host/pair/epoch-input.ts';
import { byteOf, channel, inputOf, linkBetween, linkFrom, linkTo, names, plain, printOf, saidBy, silentWorld, type Budgets, type Carried, type Faults, type Input, type SideWorld, type ToOther, type World } from './epoch-world.ts';
import type { Happened } from './worlds.ts';

type EpochQuestion = Extract<PairQuestion, { kind: 'offer' | 'decided' | 'followedTo' | 'lead' }>;

/** Work in one world. */
class Step {
  wrong: string | undefined;

  constructor(
    readonly world: World,
    private readonly faults: Faults,
  ) {}

  #fail(what: string): void {
    this.wrong ??= what;
  }

  side(name: SideName, event: (side: Side) => SideAction[]): void {
    const one = this.world.sides[name];
    if (one === undefined) return;
    for (const action of event(new Side(one.state, [channel]))) this.#act(name, action);
  }

  /** The process's own count of epochs, and what it asks the machine's service worker. */
  #input(name: SideName, body: (input: EpochInput) => void): void {
    const one = this.world.sides[name];
    if (one === undefined) return;
    const asked: EpochQuestion[] = [];
    const ask = (_tool: string, question: PairQuestion) => {
      // Nothing else is asked there.
      asked.push(question as EpochQuestion);
      return Promise.resolve();
    };
    // All that it uses of a machine.
    const input = new EpochInput({ ask } as unknown as Machine, (error) => this.#fail(String(error)));
    input.replace(one.counted);
    body(input);
    one.counted = input.state;
    for (const question of asked) this.#take(one, question);
  }

  /** The service worker's plan. */
  #plan<Result>(one: SideWorld, body: (plan: EpochPlan<Input>) => Result): Result {
    const { leads, state, decisions, followed } = one.plan;
    const plan = new EpochPlan<Input>(leads || this.faults.noDecision === true);
    plan.replace(state);
    for (const decision of decisions) plan.decided(decision);
    plan.followedTo(followed);
    const result = body(plan);
    const { next } = plan.state;
    one.plan = { ...one.plan, state: plan.state, decisions: one.plan.decisions.filter(({ epoch }) => epoch >= next) };
    return result;
  }

  #send(name: SideName, message: ToOther): void {
    if (this.world.sides[other(name)] !== undefined) this.world.links[linkBetween[name]].push(message);
  }

  #act(name: SideName, action: SideAction): void {
    const { world } = this;
    const one = world.sides[name];
    if (one === undefined) return;
    switch (action.kind) {
      case 'toPeer':
        return this.#send(name, { kind: 'protocol', message: action.message });
      case 'toGateway':
        // What only lets somebody forget arrives at once, which is the dangerous side.
        if (action.message.kind === 'applied') this.gateway((gateway) => gateway.fromSide(name, action.message));
        else world.links[linkFrom[name]].push(action.message);
        return;
      case 'release':
        if (world.lease.side === name && world.lease.term === action.message.term) world.links[linkFrom[name]].push(action.message);
        else this.side(name, (side) => side.fenced());
        return;
      case 'apply':
        // The gateway's own here.
        return this.#input(name, (input) => input.push(action.sequence, action.input as Input));
      case 'capture':
        one.capture = 'asked';
        if (this.faults.earlyCount === true) one.early = one.counted;
        this.#input(name, (input) => input.followedTo(undefined));
        return this.#send(name, { kind: 'hold' });
      case 'abandon':
        one.capture = undefined;
        return;
      case 'acquire': {
        const isGranted = world.lease.term === action.term - 1;
        if (isGranted) world.lease = { term: action.term, side: name };
        return this.side(name, (side) => side.leased(isGranted));
      }
      case 'alone':
        if (this.faults.noLead !== true && (action.tookOver || this.faults.waitsForDead !== true)) this.#input(name, (input) => input.lead());
        one.isHeld = false;
        if (world.delivered.some((byte, index) => byte !== saidBy(one.guest)[index])) this.#fail(`side ${name} goes on alone with other output than clients have`);
        return;
      case 'fence':
        world.sides[name] = undefined;
        return;
      case 'note':
        if (action.note.kind === 'protected') this.#input(name, (input) => input.followedTo(one.checkpointEpoch));
        else if (action.note.reason !== 'join' && action.note.reason !== 'asked') this.#fail(`a resync, since output ${action.note.reason}`);
        return;
      case 'commit':
        // A happening of its own, since it takes time.
        return;
    }
  }

  gateway(event: (gateway: Gateway) => GatewayAction[]): void {
    const { world } = this;
    for (const action of event(new Gateway(world.gateway))) {
      if (action.kind === 'deliver') this.#deliver(action);
      else if (action.message.kind === 'delivered') {
        const { message } = action;
        this.side(action.side, (side) => side.fromGateway(message));
      } else if (world.sides[action.side] !== undefined) world.links[linkTo[action.side]].push(action.message);
    }
  }

  #deliver({ side, offset, bytes }: Extract<GatewayAction, { kind: 'deliver' }>): void {
    const { world } = this;
    if (offset !== world.delivered.length) this.#fail(`offset ${offset} is delivered behind ${world.delivered.length} bytes`);
    world.delivered.push(...bytes);
    for (const name of names) {
      const one = world.sides[name];
      if (one === undefined || (name !== side && one.state.mode !== 'together')) continue;
      const said = saidBy(one.guest);
      if (world.delivered.some((byte, index) => byte !== said[index])) this.#fail(`clients have what side ${name} has not said`);
    }
  }

  fromPeer(name: SideName, message: ToOther): void {
    const one = this.world.sides[name];
    if (one === undefined) return;
    switch (message.kind) {
      case 'protocol':
        return this.side(name, (side) => side.fromPeer(message.message));
      case 'hold':
      case 'epoch':
        // Behind a state that is being put in place.
        if (one.state.committing !== undefined) one.behind.push(message);
        else this.#follow(name, message);
        return;
      case 'held':
        if (one.capture === 'asked') one.capture = 'held';
        return;
      case 'followed':
        if (one.state.mode === 'together' && one.state.sync === undefined) this.#input(name, (input) => input.followedTo(message.epoch));
        return;
    }
  }

  #follow(name: SideName, message: ToOther): void {
    const one = this.world.sides[name];
    if (one === undefined) return;
    if (message.kind === 'epoch') this.#input(name, (input) => input.decided(message.decision));
    else {
      one.isHeld = true;
      this.#send(name, { kind: 'held' });
    }
  }

  #take(one: SideWorld, question: EpochQuestion): void {
    switch (question.kind) {
      case 'offer':
        return this.#plan(one, (plan) => plan.offer(question.sequence, question.input));
      case 'decided':
        // A plan that leads takes none.
        if (one.plan.leads) return;
        one.plan = { ...one.plan, decisions: [...one.plan.decisions, question.decision] };
        return this.#plan(one, () => undefined);
      case 'followedTo':
        one.plan = { ...one.plan, followed: question.epoch };
        return;
      case 'lead':
        one.plan = { ...one.plan, leads: true, decisions: [], followed: undefined };
    }
  }

  /** Whether the machine stands at the end of an epoch, and the next one may begin; it does. */
  begin(name: SideName): boolean {
    const { world } = this;
    const one = world.sides[name];
    if (one === undefined || one.isHeld || one.state.mode === 'joining' || one.guest.answered < one.guest.applied.length) return false;
    const begun = this.#plan(one, (plan) => plan.begin(world.budgets.ticks === 0, printOf(one.guest)));
    if (begun === undefined) return false;
    const { decision, inputs } = begun;
    if ((one.plan.leads || this.faults.noDecision === true) && inputs.length === 0) world.budgets.ticks--;
    const first = one.guest.applied.length;
    one.guest = { ...one.guest, applied: [...one.guest.applied, ...inputs.map((_, index) => ({ epoch: decision.epoch, input: first + index }))] };
    if (decision.until !== one.guest.applied.length) this.#fail(`machine ${name} has ${one.guest.applied.length} inputs, of ${decision.until}`);
    if (inputs.some((input, index) => JSON.stringify(input) !== JSON.stringify(inputOf(first + index)))) this.#fail(`machine ${name} takes inputs out of order`);
    if (begun.differs) this.#fail(`machine ${name} is not the same inside as the other was`);
    const leader = world.sides[other(name)];
    if (!one.plan.leads && leader?.plan.leads === true && leader.guest.applied.length >= one.guest.applied.length && !printOf(leader.guest).startsWith(printOf(one.guest)))
      this.#fail(`machine ${name} has inputs in other epochs than the other`);
    this.#input(name, (input) => input.began(decision));
    if (one.state.role === 'primary') this.#send(name, { kind: 'epoch', decision });
    else this.#send(name, { kind: 'followed', epoch: decision.epoch });
    return true;
  }

  answer(name: SideName): void {
    const one = this.world.sides[name];
    const next = one?.guest.applied[one.guest.answered];
    if (one === undefined || next === undefined) return;
    one.guest = { ...one.guest, answered: one.guest.answered + 1 };
    this.side(name, (side) => side.output(channel.name, Uint8Array.of(byteOf(next))));
  }

  /** The primary's machine stands still for a moment. */
  copy(name: SideName): void {
    const one = this.world.sides[name];
    if (one === undefined) return;
    const counted = this.faults.earlyCount === true && one.early !== undefined ? one.early : one.counted;
    one.copied = { guest: one.guest, epochs: this.faults.noOffered === true ? { ...counted, offered: [] } : counted };
    one.checkpointEpoch = counted.next - 1;
    one.capture = 'copied';
    this.side(name, (side) => side.snapped());
  }

  sendCopy(name: SideName): void {
    const one = this.world.sides[name];
    if (one === undefined) return;
    const { copied } = one;
    one.capture = one.copied = undefined;
    this.side(name, (side) => side.captured(copied));
  }

  commit(name: SideName): void {
    const one = this.world.sides[name];
    const checkpoint: Checkpoint | undefined = one?.state.committing;
    if (one === undefined || checkpoint === undefined) return;
    // The model's own.
    const { guest, epochs } = checkpoint.state as Carried;
    one.guest = guest;
    this.#plan(one, (plan) => plan.replace(epochs));
    this.#input(name, (input) => input.replace(epochs));
    this.side(name, (side) => side.committed());
    if (this.world.sides[name]?.state.mode === 'together') one.isHeld = false;
    for (const message of one.behind.splice(0)) this.#follow(name, message);
  }

  die(name: SideName, keepsSent: boolean): void {
    const { links, sides } = this.world;
    sides[name] = undefined;
    links[linkBetween[other(name)]] = [];
    links[linkTo[name]] = [];
    if (!keepsSent) links[linkBetween[name]] = [];
  }
}

/** The primary alone, and a secondary about to join it. */
export function firstWorld(inputs: number, budgets: Budgets, faults: Faults = {}): World {
  const world = silentWorld(inputs, budgets);
  for (const name of names) new Step(world, faults).side(name, (side) => side.begin());
  return world;
}

/** Both are there. The primary has begun `ahead` epochs, the secondary all but two of them, and the primary has not heard of that. */
export function protectedWorld(inputs: number, budgets: Budgets, faults: Faults = {}, ahead = 0): World {
  let world = firstWorld(0, { ticks: 0, faults: 0, resyncs: 0 }, faults);
  for (;;) {
    const [first] = happenings(world, faults);
    if (first === undefined) break;
    world = first.next;
  }
  world.budgets.ticks = ahead;
  for (let epoch = 0; epoch < ahead; epoch++) {
    new Step(world, faults).begin('a');
  }
  for (let epoch = 2; epoch < ahead; epoch++) {
    const step = new Step(world, faults);
    const decision = world.links.ab.shift();
    if (decision !== undefined) step.fromPeer('b', decision);
    step.begin('b');
  }
  return { ...world, toCome: inputs, budgets: { ...budgets } };
}

/** Everything that may happen in a world. */
export function happenings(world: World, faults: Faults): Happened<World>[] {
  const results: Happened<World>[] = [];
  const happen = (what: string, body: (step: Step) => unknown) => {
    const step = new Step(structuredClone(world), faults);
    if (body(step) !== false) results.push({ what, next: step.world, wrong: step.wrong });
  };
  for (const name of names) {
    const { links } = world;
    const message = links[linkBetween[other(name)]][0];
    if (message !== undefined)
      happen(`${other(name)} to ${name}: ${JSON.stringify(message, plain)}`, (step) => {
        step.world.links[linkBetween[other(name)]].shift();
        step.fromPeer(name, message);
      });
    const told = links[linkTo[name]][0];
    if (told !== undefined)
      happen(`gateway to ${name}: ${JSON.stringify(told, plain)}`, (step) => {
        step.world.links[linkTo[name]].shift();
        step.side(name, (side) => side.fromGateway(told));
      });
    const given = links[linkFrom[name]][0];
    if (given !== undefined)
      happen(`${name} to gateway: ${JSON.stringify(given, plain)}`, (step) => {
        step.world.links[linkFrom[name]].shift();
        step.gateway((gateway) => gateway.fromSide(name, given));
      });
    const one = world.sides[name];
    if (one === undefined) continue;
    happen(`machine ${name} begins epoch ${one.plan.state.next}`, (step) => step.begin(name));
    if (!one.isHeld && one.guest.answered < one.guest.applied.length) happen(`machine ${name} answers`, (step) => step.answer(name));
    if (one.capture === 'held') happen(`${name} is copied`, (step) => step.copy(name));
    if (one.capture === 'copied') happen(`${name} sends what was copied`, (step) => step.sendCopy(name));
    if (one.state.committing !== undefined) happen(`${name} commits`, (step) => step.commit(name));
    const peer = world.sides[other(name)];
    if (peer === undefined && message === undefined && (one.state.mode === 'together' || one.state.mode === 'joining') && !one.state.lostWhileCommitting)
      happen(`${name} finds the other dead`, (step) => step.side(name, (side) => side.peerLost()));
    if (world.budgets.resyncs > 0 && one.state.role === 'primary' && one.state.mode === 'together' && one.state.sync === undefined)
      happen('a state is asked for', (step) => {
        step.world.budgets.resyncs--;
        step.side(name, (side) => side.resync('asked'));
      });
    if (world.budgets.faults > 0)
      for (const keepsSent of [true, false])
        happen(`${name} dies, and what it has sent is ${keepsSent ? 'on its way' : 'lost'}`, (step) => {
          step.world.budgets.faults--;
          step.die(name, keepsSent);
        });
  }
  if (world.toCome > 0)
    happen('a client says something', (step) => {
      const { gateway } = step.world;
      step.world.toCome--;
      const number = gateway.base + gateway.inputs.length;
      step.gateway((one) => one.input(inputOf(number)));
    });
  return results;
}
