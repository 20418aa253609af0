/**
 * What all inspector panels of one machine share: whether it stands still and why, its breakpoints, and which vCPU is looked at. Fed by the host's
 * events; of a machine that runs nothing is asked here.
 */
import { computed, onScopeDispose, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type {
  BreakpointMessage,
  DebugEventMessage,
  RegisterMessage,
  StopCauseMessage,
  VcpuRegistersMessage,
} from '../../../main/contract/debug.ts';
import { sentence } from '../../host/failure.ts';
import { sharedFeed } from '../../host/shared-feed.ts';

export interface LoggedLine {
  cpu: number;
  id: number;
  text: string;
}

export interface DebugFeed {
  /** `unknown` until the host has said it. */
  phase: Ref<'unknown' | 'off' | 'running' | 'stopped'>;
  /** It stands still, or did until a moment ago: what was read stays on screen over a step. */
  still: Ref<boolean>;
  /** Why it stands still. */
  cause: ShallowRef<StopCauseMessage | undefined>;
  /** Counts stops alone. */
  stops: Ref<number>;
  /** Counts stops, edits and changes of symbols: whatever was read before may be another now. */
  moment: Ref<number>;
  /** Counts changes of symbols alone: names that were shown may be others now. */
  naming: Ref<number>;
  breakpoints: ShallowRef<BreakpointMessage[]>;
  /** Of breakpoints that only log; the newest last. */
  logged: ShallowRef<readonly LoggedLine[]>;
  /** Lines that came too fast to be shown. */
  lost: Ref<number>;
  /** The vCPU that is looked at. Follows the one that stopped. */
  vcpu: Ref<number>;
  /** Its registers; undefined unless the machine stands still. */
  registers: ShallowRef<VcpuRegistersMessage | undefined>;
  /** What a register was at the stop before, where that was another value. */
  before: ComputedRef<ReadonlyMap<string, bigint>>;
  /** Why the registers could not be read. */
  failure: Ref<string>;
  /** Why nothing comes any more. */
  ended: Ref<string>;
}

const LOGGED_LINES = 500;
/** A step is over within this many milliseconds; who runs longer is said to run. */
const STEP = 250;

/** Everything of a vCPU that can be another at the next stop, by name. */
function valuesOf(vcpu: VcpuRegistersMessage): ReadonlyMap<string, bigint> {
  return new Map(vcpu.registers.map(({ name, value }: RegisterMessage) => [name, value]));
}

function open(host: HostClient, id: string): DebugFeed {
  /** Of each vCPU at the last stop, and at the one before. */
  const values = shallowRef<ReadonlyMap<number, { now: ReadonlyMap<string, bigint>; then?: ReadonlyMap<string, bigint> }>>(
    new Map(),
  );
  const registers = shallowRef<VcpuRegistersMessage>();
  const feed: DebugFeed = {
    phase: ref('unknown'),
    still: ref(false),
    cause: shallowRef<StopCauseMessage>(),
    stops: ref(0),
    moment: ref(0),
    naming: ref(0),
    breakpoints: shallowRef<BreakpointMessage[]>([]),
    logged: shallowRef<readonly LoggedLine[]>([]),
    lost: ref(0),
    vcpu: ref(0),
    registers,
    before: computed(() => {
      const shown = registers.value;
      const then = shown === undefined ? undefined : values.value.get(shown.cpu)?.then;
      const changed = new Map<string, bigint>();
      for (const { name, value } of shown?.registers ?? []) {
        const old = then?.get(name);
        if (old !== undefined && old !== value) changed.set(name, old);
      }
      return changed;
    }),
    failure: ref(''),
    ended: ref(''),
  };
  const stop = new AbortController();
  /** At which stop a vCPU was looked at last: its registers move to "before" once in each. */
  const seen = new Map<number, number>();
  let moving: ReturnType<typeof setTimeout> | undefined;

  function noLongerStill(): void {
    feed.still.value = false;
    feed.registers.value = undefined;
    feed.failure.value = '';
  }

  function show(event: DebugEventMessage): void {
    switch (event.kind) {
      case 'breakpoints':
        feed.breakpoints.value = event.breakpoints;
        return;
      case 'stopped':
        if (event.cause.kind !== 'pause') feed.vcpu.value = event.cause.cpu;
        feed.cause.value = event.cause;
        feed.phase.value = 'stopped';
        clearTimeout(moving);
        feed.still.value = true;
        feed.stops.value++;
        feed.moment.value++;
        return;
      case 'running':
      case 'off':
        feed.phase.value = event.kind;
        feed.cause.value = undefined;
        clearTimeout(moving);
        if (event.kind === 'off') {
          noLongerStill();
          values.value = new Map();
          seen.clear();
        } else moving = setTimeout(noLongerStill, STEP);
        return;
      case 'logged':
        feed.logged.value = [...feed.logged.value, ...event.lines].slice(-LOGGED_LINES);
        feed.lost.value += event.lost;
        return;
      case 'symbols':
        feed.naming.value++;
        feed.moment.value++;
        return;
      case 'edited':
        feed.moment.value++;
        return;
      case 'gdb':
        return;
    }
  }

  let round = 0;
  async function look(): Promise<void> {
    const mine = ++round;
    const cpu = feed.vcpu.value;
    const at = feed.stops.value;
    try {
      const now = await host.debug.registers({ id, cpu });
      if (mine !== round || feed.phase.value !== 'stopped') return;
      const seenNow = valuesOf(now);
      const known = values.value.get(cpu);
      const isNewStop = seen.get(cpu) !== at;
      seen.set(cpu, at);
      // Where there was no stop before, what a person edits is marked as what it was when the machine stopped.
      const then = isNewStop ? known?.now : (known?.then ?? known?.now);
      values.value = new Map(values.value).set(cpu, {
        now: seenNow,
        ...(then === undefined ? {} : { then }),
      });
      feed.registers.value = now;
      feed.failure.value = '';
    } catch (error) {
      if (mine !== round) return;
      feed.registers.value = undefined;
      feed.failure.value = sentence(error);
    }
  }
  watch(
    () => [feed.phase.value, feed.moment.value, feed.vcpu.value] as const,
    ([phase, , cpu], [, , cpuBefore]) => {
      if (phase === 'stopped') {
        if (cpu !== cpuBefore) feed.registers.value = undefined;
        void look();
      } else round++;
    },
  );

  async function follow(): Promise<void> {
    for await (const event of await host.debug.events({ id }, { signal: stop.signal })) show(event);
    feed.ended.value = 'This machine was deleted.';
  }
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) feed.ended.value = sentence(error);
  });
  onScopeDispose(() => {
    stop.abort();
    clearTimeout(moving);
  });
  return feed;
}

/** The feed of a machine, which lives as long as a component uses it. */
export const useDebugFeed = sharedFeed(open);
