/** The guard as the host uses it, on the service worker: ranges become pages, changes are answered when they are in force. */
import type { MachineControl } from '../machine/control.ts';
import type { GuardAction, GuardedRange, GuardNode, GuardRequest, GuardState } from '../machine/guard-types.ts';
import type { MachineBus } from '../machine/machine-bus.ts';
import { MachineError } from '../machine/machine.ts';
import { pageSize, type MachineMemory } from '../machine/memory.ts';
import { nameAction } from './decode.ts';
import { actionNumber, ListedFlag } from './format.ts';
import { Guard, type GuardFailure, type PageRun, type Update } from './guard.ts';
import { resolveRange } from './resolve.ts';

/** Milliseconds after which vCPUs that have not polled are stopped for a moment: those that sleep never poll. */
const longestGrace = 20;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const sentences: Record<GuardFailure, (where: string) => string> = {
  'no-room': (where) =>
    `There is no page left for the guard's tree, so ${where} cannot be protected. An agent in the guest can give pages, and other ranges can be removed.`,
  damaged: (where) => `The guard's tree is damaged on the way to ${where}. Clearing the guard starts a new one.`,
  'not-memory': (where) => `There is no RAM at ${where}, so it cannot be protected.`,
  'is-node': (where) => `${where} belongs to the guard's own tree, which is protected already.`,
  'not-listed': (where) => `${where} is not protected.`,
  'bad-action': () => 'The guard has no such action.',
  'bad-range': (where) => `The range at ${where} does not lie in the guest's memory.`,
  'host-only': (where) => `${where} was protected by the host.`,
  sealed: (where) => `The agent has sealed what it protects at ${where}.`,
  listed: (where) => `${where} is protected and cannot become a page of the tree.`,
  'too-many-nodes': () => "The guard's tree has as many pages as it can have.",
};

/** Why an update was refused, as a sentence. */
export function failureSentence(failure: GuardFailure, page: number): string {
  return sentences[failure](`0x${(page * pageSize).toString(16)}`);
}

export class GuardService {
  readonly guard: Guard;

  constructor(
    private readonly memory: MachineMemory,
    private readonly control: MachineControl,
    private readonly bus: MachineBus,
    /** Runs something while every vCPU stands still between two instructions. */
    private readonly whileStopped: <Result>(body: () => Result) => Result,
  ) {
    this.guard = new Guard(memory, control, bus, -1);
  }

  reset(powerOn: boolean): void {
    this.bus.lock.with(() => this.guard.reset(powerOn));
  }

  /** Protects a physical range while no vCPU runs. */
  protectAtReset({ address, bytes, action }: { address: number; bytes: number; action: GuardAction }): void {
    const update = this.guard.protect(
      resolveRange(this.memory, { kind: 'physical', address, bytes }),
      actionNumber(action),
      true,
    );
    if (update.refused !== undefined) throw new MachineError('bad-configuration', failureSentence(update.refused, update.page));
  }

  stateReplaced(): void {
    this.bus.lock.with(() => this.guard.stateReplaced());
  }

  async perform(request: GuardRequest): Promise<GuardState> {
    switch (request.kind) {
      case 'look':
        break;
      case 'add': {
        const action = actionNumber(request.action);
        await this.#inForce(this.guard.protect(this.#pagesOf(request.range), action, true));
        break;
      }
      case 'remove':
        await this.#inForce(this.guard.unprotect(this.#pagesOf(request.range), true));
        break;
      case 'clear':
        this.guard.clear();
        break;
      case 'treeAction':
        this.guard.setTreeAction(actionNumber(request.action));
        break;
    }
    return this.state();
  }

  #pagesOf(range: Parameters<typeof resolveRange>[1]): PageRun[] {
    return range.kind === 'physical'
      ? resolveRange(this.memory, range)
      : this.whileStopped(() => resolveRange(this.memory, range));
  }

  /** Until every vCPU has dropped its fast write entries since the update. */
  async #inForce(update: Update): Promise<void> {
    if (update.refused !== undefined) throw new MachineError('bad-configuration', failureSentence(update.refused, update.page));
    const { flush } = update;
    const end = performance.now() + longestGrace;
    while (performance.now() < end) {
      if (this.#allPolled(flush)) return;
      await nextTurn();
    }
    // Whoever stands still between two instructions finds the flush before the next one.
    this.whileStopped(() => undefined);
  }

  /** A vCPU that merely stands still does not count here: it may be in the middle of an instruction, with an address in hand. */
  #allPolled(flush: number): boolean {
    for (let cpu = 0; cpu < this.control.cpus; cpu++) {
      const done = Atomics.load(this.memory.words, this.control.word('flushDone', cpu));
      if (((done - flush) | 0) < 0) return false;
    }
    return true;
  }

  state(): GuardState {
    return this.bus.lock.with(() => {
      const { guard } = this;
      const status = guard.status();
      let damaged = 0;
      const ranges: GuardedRange[] = [];
      for (const { page, action, flags } of guard.tree.list(() => (damaged += 1))) {
        const byHost = (flags & ListedFlag.host) !== 0;
        const name = nameAction(action);
        const last = ranges.at(-1);
        if (last !== undefined && last.address + last.bytes === page * pageSize && last.action === name && last.byHost === byHost)
          last.bytes += pageSize;
        else ranges.push({ address: page * pageSize, bytes: pageSize, action: name, byHost });
      }
      const linked = new Map<number, { parent: number | undefined; first: number }>();
      guard.tree.eachNode((node, _level, parent, first) => void linked.set(node, { parent, first }));
      const nodes = guard.nodes.list().map(({ page, level, given }): GuardNode => {
        const { parent, first } = linked.get(page) ?? {};
        return {
          address: page * pageSize,
          level,
          parent: parent === undefined ? undefined : parent * pageSize,
          first: first === undefined ? undefined : first * pageSize,
          given,
        };
      });
      return {
        ranges,
        nodes,
        treeAction: status.treeAction === 0 ? 'deny' : nameAction(status.treeAction),
        agent: status.agent,
        sealed: status.sealed,
        alerts: status.alerts,
        treeAlerts: status.treeAlerts,
        damaged,
      };
    });
  }
}
