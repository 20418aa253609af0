/**
 * The guard of one machine on one thread: legal updates of the tree, what a write is, and the alerts. The service worker and each vCPU's thread have
 * one over the same blocks; all of them work under the device lock.
 *
 * Taking the right to write a page away is in force when every vCPU has passed a poll since (`Update.flush`): who updates sees to that.
 */
import { FlushScope, Page, physicalPages } from '../cpu/platform.ts';
import { Outcome, Verdict, WriteCause, type Judgement, type TracedWrite } from '../cpu/traced-writes.ts';
import { Attention } from '../isa/state.ts';
import type { MachineControl } from '../machine/control.ts';
import { guardPagesBytes } from '../machine/guard-pages.ts';
import type { MachineBus } from '../machine/machine-bus.ts';
import { pageSize, type MachineMemory } from '../machine/memory.ts';
import type { DmaWrites } from '../machine/physical-map.ts';
import { AlertKind, alertStream, none32 } from './alert.ts';
import { AlertRing } from './alert-ring.ts';
import { Action, highestAction, ListedFlag } from './format.ts';
import { firstOwnPage, GuardNodes } from './nodes.ts';
import { agentNameBytes, guardBlock } from './state.ts';
import { GuardTree, type Finding, type ListedPage } from './tree.ts';

export type GuardFailure =
  | 'no-room'
  | 'damaged'
  | 'not-memory'
  | 'is-node'
  | 'not-listed'
  | 'bad-action'
  | 'bad-range'
  | 'host-only'
  | 'sealed'
  | 'listed'
  | 'too-many-nodes';

/** Pages in a row. */
export interface PageRun {
  first: number;
  count: number;
}

interface Refusal {
  readonly refused: GuardFailure;
  readonly page: number;
}

/** A legal update: refused with a reason and nothing changed, or in force when vCPUs have passed `flush`. */
export type Update = Refusal | { readonly refused?: undefined; readonly flush: number };

export interface GuardJudgement extends Judgement {
  readonly kind: AlertKind;
  readonly action: number;
  readonly node: number;
  readonly level: number | undefined;
}

export interface GuardStatus {
  readonly nodes: number;
  readonly spareNodes: number;
  readonly listed: number;
  readonly treeAction: number;
  readonly agent: string | undefined;
  readonly sealed: boolean;
  readonly alerts: number;
  readonly treeAlerts: number;
}

function* pagesOf(runs: readonly PageRun[]): Generator<number> {
  for (const { first, count } of runs) for (let page = first; page < first + count; page++) yield page;
}

function isAction(action: number): boolean {
  return Number.isInteger(action) && action >= Action.log && action <= highestAction;
}

function verdictOf(action: number): Verdict {
  if (action === Action.deny || action === Action.powerOff) return Verdict.drop;
  return action === Action.fault ? Verdict.refuse : Verdict.allow;
}

/** Tree alerts come first, whatever else is in the batch. */
const urgency = (kind: AlertKind): number => (kind === AlertKind.tree ? 0 : kind === AlertKind.damaged ? 1 : 2);

export class Guard {
  readonly nodes: GuardNodes;
  readonly tree: GuardTree;
  readonly alerts: AlertRing;
  readonly #memory: MachineMemory;
  readonly #control: MachineControl;
  readonly #bus: MachineBus;
  readonly #state;
  readonly #ramPages: number;
  readonly #stream;

  /** `cpu`: the vCPU whose thread this is, -1 for another one. */
  constructor(
    memory: MachineMemory,
    control: MachineControl,
    bus: MachineBus,
    private readonly cpu: number,
  ) {
    this.#memory = memory;
    this.#control = control;
    this.#bus = bus;
    this.#state = memory.block(guardBlock);
    this.#ramPages = memory.shape.ramBytes / pageSize;
    this.nodes = new GuardNodes(memory, control, bus);
    this.tree = new GuardTree(this.nodes, this.nodes, this.#state);
    this.alerts = new AlertRing(memory, this.#state);
    this.#stream = bus.output(alertStream);
    bus.memory.dmaGate = new DmaGate(this, memory);
  }

  // Life

  /** Power-on and reset, while no vCPU runs: nothing is listed, no agent is there, and the machine's own pages are traced. */
  reset(powerOn: boolean): void {
    const state = this.#state;
    this.#clearTraces();
    this.nodes.reset();
    state.root = state.listed = state.agent = state.sealed = 0;
    state.agentName.fill(0);
    state.treeAction = Action.deny;
    if (powerOn) {
      state.alerts = state.treeAlerts = state.unsent = 0;
      this.alerts.clear();
    }
    const own = guardPagesBytes(this.#memory.shape.ramBytes) / pageSize;
    this.nodes.trace(firstOwnPage, own);
    this.nodes.add(firstOwnPage, own, false);
    this.#control.requestFlush(FlushScope.writes);
  }

  #clearTraces(): void {
    const { pageFlags } = this.#memory;
    const attributes = Page.traced | Page.guardNode | Page.guardLevel;
    for (let page = 0; page < this.#ramPages; page++)
      if ((pageFlags[page]! & attributes) !== 0) Atomics.and(pageFlags, page, ~attributes);
  }

  /** The blocks and RAM were replaced, while no vCPU runs: page flags are derived from them. */
  stateReplaced(): void {
    this.#clearTraces();
    if (this.#state.treeAction === 0) this.#state.treeAction = Action.deny;
    this.nodes.rederive();
    for (const { page } of this.tree.list()) if (page < this.#ramPages) Atomics.or(this.#memory.pageFlags, page, Page.traced);
    this.#control.requestFlush(FlushScope.writes);
  }

  status(): GuardStatus {
    const state = this.#state;
    return {
      nodes: this.nodes.count,
      spareNodes: this.nodes.spare,
      listed: state.listed,
      treeAction: state.treeAction,
      agent: state.agent === 0 ? undefined : new TextDecoder().decode(state.agentName).replace(/\0.*$/s, ''),
      sealed: state.sealed !== 0,
      alerts: state.alerts,
      treeAlerts: state.treeAlerts,
    };
  }

  // Legal updates

  /** Lists pages, or changes what they are listed with: all of them or none. */
  protect(runs: readonly PageRun[], action: number, byHost: boolean): Update {
    return this.#bus.lock.with(() => {
      if (!isAction(action)) return { refused: 'bad-action', page: runs[0]?.first ?? 0 };
      const refusal = this.#check(runs, byHost, action);
      if (refusal !== undefined) return refusal;
      const flags = byHost ? ListedFlag.host : 0;
      const done: { page: number; before: ListedPage | undefined }[] = [];
      for (const page of pagesOf(runs)) {
        const found = this.tree.look(page);
        const result = this.tree.add(page, action, flags);
        if (result === 'no-room' || result === 'damaged') {
          for (const entry of done) {
            if (entry.before === undefined) this.tree.remove(entry.page);
            else this.tree.add(entry.page, entry.before.action, entry.before.flags);
          }
          return { refused: result, page };
        }
        done.push({ page, before: found.kind === 'listed' ? { page, action: found.action, flags: found.flags } : undefined });
      }
      for (const { page, before } of done) {
        if (before === undefined) this.#state.listed += 1;
        Atomics.or(this.#memory.pageFlags, page, Page.traced);
      }
      return { flush: this.#control.requestFlush(FlushScope.writes) };
    });
  }

  /** As protect, for pages that are listed already. */
  change(runs: readonly PageRun[], action: number, byHost: boolean): Update {
    return this.#bus.lock.with(() => {
      const refusal = this.#check(runs, byHost, action);
      if (refusal !== undefined) return refusal;
      for (const page of pagesOf(runs)) {
        const { kind } = this.tree.look(page);
        if (kind !== 'listed') return { refused: kind === 'damaged' ? 'damaged' : 'not-listed', page };
      }
      return this.protect(runs, action, byHost);
    });
  }

  /** Takes pages off the list: all of them or none. */
  unprotect(runs: readonly PageRun[], byHost: boolean): Update {
    return this.#bus.lock.with(() => {
      const refusal = this.#check(runs, byHost);
      if (refusal !== undefined) return refusal;
      for (const page of pagesOf(runs)) {
        const { kind } = this.tree.look(page);
        if (kind !== 'listed') return { refused: kind === 'damaged' ? 'damaged' : 'not-listed', page };
      }
      for (const page of pagesOf(runs)) {
        this.tree.remove(page);
        Atomics.and(this.#memory.pageFlags, page, ~Page.traced);
        this.#state.listed -= 1;
      }
      return { flush: this.#control.flushTarget() };
    });
  }

  /** Lets everything go and starts with an empty tree; also out of a damaged one. Pages of the agent stay nodes. */
  clear(): void {
    this.#bus.lock.with(() => {
      const { pageFlags } = this.#memory;
      for (let page = 0; page < this.#ramPages; page++) {
        if ((pageFlags[page]! & (Page.traced | Page.guardNode)) === Page.traced) Atomics.and(pageFlags, page, ~Page.traced);
      }
      this.#state.root = this.#state.listed = 0;
      for (const { page, level } of this.nodes.list()) if (level !== undefined) this.nodes.give(page);
    });
  }

  /** Why the pages may not be updated: each is RAM and no node, and it is the caller's to change. */
  #check(runs: readonly PageRun[], byHost: boolean, action?: number): Refusal | undefined {
    for (const run of runs) {
      const refusal = this.#checkRange(run);
      if (refusal !== undefined) return refusal;
    }
    if (byHost) return undefined;
    for (const page of pagesOf(runs)) {
      const found = this.tree.look(page);
      if (found.kind !== 'listed') continue;
      if ((found.flags & ListedFlag.host) !== 0) return { refused: 'host-only', page };
      // Once it has sealed itself, an agent can neither take back nor weaken anything.
      if (this.#state.sealed !== 0 && found.action !== action) return { refused: 'sealed', page };
    }
    return undefined;
  }

  #checkRange({ first, count }: PageRun): Refusal | undefined {
    if (!Number.isInteger(first) || !Number.isInteger(count) || count < 1 || first < 0 || first + count > physicalPages) {
      return { refused: 'bad-range', page: first };
    }
    for (let page = first; page < first + count; page++) {
      if (this.nodes.isNode(page)) return { refused: 'is-node', page };
      if (page >= this.#ramPages || (this.#memory.pageFlags[page]! & Page.ram) === 0) return { refused: 'not-memory', page };
    }
    return undefined;
  }

  /** Pages an agent gives for nodes, first half: they are traced from here on. In force by `flush`; then comes takeDonated. */
  traceDonated(first: number, count: number): Update {
    return this.#bus.lock.with(() => {
      const refusal = this.#checkRange({ first, count });
      if (refusal !== undefined) return refusal;
      if (count > this.nodes.room) return { refused: 'too-many-nodes', page: first };
      for (let page = first; page < first + count; page++) {
        if ((this.#memory.pageFlags[page]! & Page.traced) !== 0) return { refused: 'listed', page };
      }
      this.nodes.trace(first, count);
      return { flush: this.#control.requestFlush(FlushScope.writes) };
    });
  }

  /** Second half: nobody can write the pages unseen any more. They are emptied and kept for nodes. */
  takeDonated(first: number, count: number): void {
    this.#bus.lock.with(() => this.nodes.add(first, count, true));
  }

  setTreeAction(action: number): Update {
    if (!isAction(action)) return { refused: 'bad-action', page: 0 };
    this.#state.treeAction = action;
    return { flush: this.#control.flushTarget() };
  }

  // The agent

  get agentRegistered(): boolean {
    return this.#state.agent !== 0;
  }

  registerAgent(name: Uint8Array): void {
    this.#state.agentName.fill(0);
    this.#state.agentName.set(name.subarray(0, agentNameBytes));
    this.#state.agent = 1;
  }

  get sealed(): boolean {
    return this.#state.sealed !== 0;
  }

  seal(): void {
    this.#state.sealed = 1;
  }

  /** What a page is now. */
  look(page: number): Finding {
    return this.#bus.lock.with(() => this.tree.look(page));
  }

  /** The first alert from `sequence` on that is still kept, if there is one; valid inside `body`. */
  readAlert<Result>(sequence: number, body: (alert: ReturnType<AlertRing['read']>) => Result): Result {
    return this.#bus.lock.with(() => body(this.alerts.read(sequence)));
  }

  // Writes

  /** What a write to a traced page is. undefined: it is listed nowhere. */
  judge(page: number): GuardJudgement | undefined {
    return this.#bus.lock.with(() => {
      const found = this.tree.look(page);
      switch (found.kind) {
        case 'none':
          return undefined;
        case 'listed':
          return {
            verdict: verdictOf(found.action),
            kind: AlertKind.listed,
            action: found.action,
            node: none32,
            level: undefined,
          };
        case 'node':
        case 'damaged': {
          const { treeAction } = this.#state;
          const kind = found.kind === 'node' ? AlertKind.tree : AlertKind.damaged;
          return { verdict: verdictOf(treeAction), kind, action: treeAction, node: found.node, level: found.level };
        }
      }
    });
  }

  /** Raises the alerts of one instruction, delivery or transfer, and does what their actions say. */
  report(writes: readonly TracedWrite<GuardJudgement>[]): void {
    const sorted =
      writes.length === 1 ? writes : [...writes].sort((a, b) => urgency(a.judgement.kind) - urgency(b.judgement.kind));
    this.#bus.lock.with(() => {
      for (const write of sorted) this.#raise(write);
    });
  }

  #raise(write: TracedWrite<GuardJudgement>): void {
    const { judgement, page, offset } = write;
    const state = this.#state;
    const physical = page * pageSize + offset;
    const bytes = this.alerts.put((record) => {
      record.kind = judgement.kind;
      record.action = judgement.action;
      record.outcome = write.outcome;
      record.cause = write.cause;
      record.time = this.#bus.clock.now();
      record.physical = physical;
      const isDevice = write.cause === WriteCause.dma;
      record.linear = isDevice ? none32 : write.cause === WriteCause.walk ? write.linearPage : (write.linearPage | offset) >>> 0;
      record.size = write.size;
      record.node = judgement.node;
      record.level = judgement.level ?? 0xff;
      record.eip = write.eip;
      record.codeBase = write.codeBase;
      record.codeSelector = write.codeSelector;
      record.cr3 = write.cr3;
      record.cpl = write.cpl;
      record.cpu = isDevice ? 0xff : this.cpu;
      record.made = write.outcome === Outcome.refused ? 0 : 1;
      const shown = Math.min(write.size, record.before.length);
      record.shown = shown;
      record.before.fill(0);
      record.after.fill(0);
      record.before.set(write.before.subarray(offset, offset + shown));
      if (record.made !== 0) record.after.set(write.after.subarray(offset, offset + shown));
    });
    if (judgement.kind !== AlertKind.listed) state.treeAlerts += 1;
    if (!this.#stream.pushAll(bytes)) state.unsent += 1;
    else if (this.cpu >= 0 && this.#stream.congested) this.#control.attend(this.cpu, Attention.timer);
    const where = `0x${physical.toString(16)}`;
    if (judgement.action === Action.pause)
      this.#bus.post({ kind: 'pause', reason: `The guard paused the machine: ${where} was written.` });
    if (judgement.action === Action.powerOff)
      this.#bus.post({ kind: 'powerOff', reason: `The guard switched the machine off: ${where} was to be written.` });
  }
}

/** Writes of devices. One transfer is judged page by page before any byte of a page lands, and reported behind it. */
class DmaGate implements DmaWrites {
  readonly #writes: (TracedWrite<GuardJudgement> & { after: Uint8Array })[] = [];

  constructor(
    private readonly guard: Guard,
    private readonly memory: MachineMemory,
  ) {}

  /** False: the bytes are not to be written. A device cannot be refused, so that is dropped. */
  write(page: number, offset: number, bytes: Uint8Array): boolean {
    const judgement = this.guard.judge(page);
    if (judgement === undefined) return true;
    const drops = judgement.verdict !== Verdict.allow;
    const from = this.memory.pageRead[page]!;
    const before =
      from === 0 ? new Uint8Array(pageSize).fill(0xff) : new Uint8Array(this.memory.buffer).slice(from, from + pageSize);
    const after = Uint8Array.from(before);
    after.set(bytes, offset);
    this.#writes.push({
      judgement,
      page,
      offset,
      size: bytes.length,
      linearPage: 0,
      cause: WriteCause.dma,
      outcome: drops ? Outcome.dropped : Outcome.made,
      before,
      after,
      eip: 0,
      codeSelector: 0,
      codeBase: 0,
      cpl: 0,
      cr3: 0,
    });
    return !drops;
  }

  settle(): void {
    const writes = this.#writes.splice(0);
    if (writes.length > 0) this.guard.report(writes);
  }
}
