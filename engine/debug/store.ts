/**
 * The one store of a machine's breakpoints: the app, the command line and gdb all see, set and remove the same ones. It lives on the host's
 * thread, also while the machine is off; while it is on, each change goes to the machine before the promise of it resolves.
 */
import { MachineError, type Machine } from '../machine/machine.ts';
import type { ArmedBreakpoint, Watched } from '../machine/debug/breakpoint.ts';
import { ExpressionError, parseExpression, parseLogText } from '../machine/debug/expression.ts';
import { knownNames } from '../machine/debug/registers.ts';
import type { ResolveSymbol } from './breakpoint-text.ts';

/** Who set it. `gdb`: goes when gdb goes. `run`: the end of a step over, out or to a place. */
export type BreakpointOwner = 'user' | 'gdb' | 'run';

export interface Breakpoint {
  readonly id: number;
  readonly watched: Watched;
  /** The line of the machine's own source that it stands for; who knows the lines moves `watched` to where its code is. */
  readonly source?: { readonly file: string; readonly line: number } | undefined;
  /** Absent: every vCPU. */
  readonly cpu: number | undefined;
  readonly condition: string | undefined;
  /** Hits that are counted and pass. */
  readonly ignore: number;
  /** Absent: a hit stops the machine. */
  readonly log: string | undefined;
  /** It goes with its first stop. */
  readonly temporary: boolean;
  readonly enabled: boolean;
  readonly owner: BreakpointOwner;
}

export type NewBreakpoint = Partial<Omit<Breakpoint, 'id' | 'watched'>> & Pick<Breakpoint, 'watched'>;
export type BreakpointChange = Partial<Omit<Breakpoint, 'id' | 'owner'>>;

const mostBreakpoints = 10_000;

export class BreakpointStore {
  readonly #breakpoints = new Map<number, Breakpoint>();
  readonly #listeners = new Set<() => void>();
  #next = 1;
  #machine: Machine | undefined;
  #unsubscribe: (() => void) | undefined;

  /** `resolve` finds the symbols in conditions and log texts. */
  constructor(private readonly resolve: ResolveSymbol = () => undefined) {}

  /** All, in the order in which they were set. */
  get list(): readonly Breakpoint[] {
    return [...this.#breakpoints.values()];
  }

  get(id: number): Breakpoint | undefined {
    return this.#breakpoints.get(id);
  }

  /** Called after each change. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Throws ExpressionError for a condition or text that cannot be, MachineError when there are too many. */
  async add(breakpoint: NewBreakpoint): Promise<Breakpoint> {
    if (this.#breakpoints.size >= mostBreakpoints)
      throw new MachineError('too-large', `A machine has at most ${mostBreakpoints} breakpoints.`);
    const added: Breakpoint = {
      id: this.#next,
      watched: breakpoint.watched,
      source: breakpoint.source,
      cpu: breakpoint.cpu,
      condition: breakpoint.condition,
      ignore: breakpoint.ignore ?? 0,
      log: breakpoint.log,
      temporary: breakpoint.temporary ?? false,
      enabled: breakpoint.enabled ?? true,
      owner: breakpoint.owner ?? 'user',
    };
    this.#arm(added);
    this.#next++;
    this.#breakpoints.set(added.id, added);
    await this.#changed();
    return added;
  }

  async change(id: number, change: BreakpointChange): Promise<Breakpoint> {
    const before = this.#breakpoints.get(id);
    if (before === undefined) throw new MachineError('bad-configuration', `There is no breakpoint ${id}.`);
    const after = { ...before, ...change };
    this.#arm(after);
    this.#breakpoints.set(id, after);
    await this.#changed();
    return after;
  }

  /** True if any of them was there. */
  async remove(...ids: number[]): Promise<boolean> {
    const removed = ids.filter((id) => this.#breakpoints.delete(id));
    if (removed.length > 0) await this.#changed();
    return removed.length > 0;
  }

  async removeOf(owner: BreakpointOwner): Promise<void> {
    await this.remove(...this.list.filter((each) => each.owner === owner).map(({ id }) => id));
  }

  /** Replaces what a person has set by what was kept. A breakpoint that cannot be armed any more is kept, disabled. */
  load(breakpoints: readonly Omit<Breakpoint, 'owner'>[]): void {
    for (const breakpoint of breakpoints) {
      const loaded: Breakpoint = { ...breakpoint, owner: 'user' };
      this.#breakpoints.set(loaded.id, this.#canArm(loaded) ? loaded : { ...loaded, enabled: false });
      this.#next = Math.max(this.#next, loaded.id + 1);
    }
    this.#announce();
  }

  /** Hits so far, by id; a machine that is off has none. */
  async hits(): Promise<ReadonlyMap<number, number>> {
    return (await this.#machine?.debug('hits', undefined)) ?? new Map<number, number>();
  }

  /** A machine comes: it gets all breakpoints before it starts. */
  async attach(machine: Machine): Promise<void> {
    this.#machine = machine;
    this.#unsubscribe = machine.on((event) => {
      if (event.kind !== 'debug' || event.event.kind !== 'stopped') return;
      const { cause } = event.event;
      const hit = new Set(cause.kind === 'breakpoint' ? cause.hits.map(({ id }) => id) : []);
      const gone = this.list.filter((each) => each.owner === 'run' || (each.temporary && hit.has(each.id)));
      // The machine may be on its way off; then they go with the next change.
      if (gone.length > 0) void this.remove(...gone.map(({ id }) => id)).catch(() => undefined);
    });
    await this.#push();
  }

  /** The machine is off. */
  async detach(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#machine = undefined;
    await this.removeOf('run');
  }

  #canArm(breakpoint: Breakpoint): boolean {
    try {
      this.#arm(breakpoint);
      return true;
    } catch (error) {
      if (error instanceof ExpressionError) return false;
      throw error;
    }
  }

  #arm({ id, watched, cpu, condition, ignore, log }: Breakpoint): ArmedBreakpoint {
    return {
      id,
      watched,
      cpu,
      ignore,
      condition:
        condition === undefined || condition.trim() === '' ? undefined : parseExpression(condition, knownNames, this.resolve),
      log: log === undefined ? undefined : parseLogText(log, knownNames, this.resolve),
    };
  }

  async #changed(): Promise<void> {
    this.#announce();
    await this.#push();
  }

  #announce(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async #push(): Promise<void> {
    const armed = this.list.filter(({ enabled }) => enabled).map((breakpoint) => this.#arm(breakpoint));
    await this.#machine?.debug('setBreakpoints', armed);
  }
}
