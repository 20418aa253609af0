/** The lines of a listing: around the next instruction of a vCPU at each stop, or around an address; more of them as it is scrolled. */
import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { DisassembledLineMessage } from '../../../main/contract/debug.ts';
import { sentence } from '../../host/failure.ts';
import type { DebugFeed } from './debug-feed.ts';

const BEFORE = 40;
const COUNT = 120;
const MORE = 60;
/** More lines are not kept: the far end goes. */
const MOST = 1200;
/** The host's limit of one question. */
const ASKED_AT_ONCE = 500;

export interface Listing {
  lines: ShallowRef<DisassembledLineMessage[]>;
  failure: Ref<string>;
  /** The address it was last asked to show. */
  centre: Ref<number | undefined>;
  /** What shall be brought into view next: counts. */
  arrivals: Ref<number>;
  /** Something else than the next instruction is shown. */
  isFixed: ComputedRef<boolean>;
  /** Until the next stop. */
  goTo(address: number): void;
  follow(): void;
  /** What is shown stays, whatever stops. */
  stay(): void;
  more(where: 'above' | 'below'): Promise<void>;
}

const endOf = ({ address, bytes }: DisassembledLineMessage): number => address + bytes.length;

export function useListing(host: HostClient, id: () => string, feed: DebugFeed, visible: () => boolean): Listing {
  const lines = shallowRef<DisassembledLineMessage[]>([]);
  const failure = ref('');
  const fixed = ref<number>();
  let pinned = false;
  const centre = ref<number>();
  const arrivals = ref(0);
  const isFixed = computed(() => fixed.value !== undefined);
  let round = 0;
  let extending = false;

  const ask = (what: { address?: number; before: number; count: number }) =>
    host.debug.disassemble({ id: id(), cpu: feed.vcpu.value, ...what });

  async function load(): Promise<void> {
    const mine = ++round;
    const address = fixed.value;
    const [first] = lines.value;
    try {
      let came: DisassembledLineMessage[] = [];
      // Over a step, lines keep their places.
      if (first !== undefined && lines.value.length <= ASKED_AT_ONCE)
        came = await ask({ address: first.address, before: 0, count: lines.value.length });
      const holds = came.some((line) => (address === undefined ? line.current : line.address === address));
      if (mine !== round) return;
      if (!holds) came = await ask({ ...(address === undefined ? {} : { address }), before: BEFORE, count: COUNT });
      if (mine !== round) return;
      lines.value = came;
      failure.value = '';
      centre.value = address ?? came.find((line) => line.current)?.address;
      arrivals.value++;
    } catch (error) {
      if (mine !== round) return;
      lines.value = [];
      failure.value = sentence(error);
    }
  }

  async function more(where: 'above' | 'below'): Promise<void> {
    const first = lines.value[0];
    const last = lines.value.at(-1);
    if (extending || first === undefined || last === undefined) return;
    const mine = round;
    extending = true;
    try {
      if (where === 'below') {
        if (endOf(last) > 0xffffffff) return;
        const came = await ask({ address: endOf(last), before: 0, count: MORE });
        if (mine === round && came.length > 0) lines.value = [...lines.value, ...came].slice(-MOST);
      } else if (first.address > 0) {
        const came = await ask({ address: first.address, before: MORE, count: 1 });
        const above = came.filter(({ address }) => address < first.address);
        if (mine === round && above.length > 0) lines.value = [...above, ...lines.value].slice(0, MOST);
      }
    } catch (error) {
      if (mine === round) failure.value = sentence(error);
    } finally {
      extending = false;
    }
  }

  watch(feed.stops, () => {
    if (!pinned) fixed.value = undefined;
  });
  watch(
    () => [visible(), feed.phase.value, feed.moment.value, feed.vcpu.value, feed.naming.value] as const,
    ([shown, phase]) => {
      if (!shown || phase === 'off' || phase === 'unknown') return;
      // A running machine is asked only by whoever goes to an address.
      if (phase === 'stopped') void load();
    },
    { immediate: true },
  );
  watch([feed.still, feed.phase], ([still, phase]) => {
    if (still || (phase === 'running' && fixed.value !== undefined)) return;
    round++;
    lines.value = [];
    failure.value = '';
  });

  return {
    lines,
    failure,
    centre,
    arrivals,
    isFixed,
    goTo(address) {
      fixed.value = address;
      void load();
    },
    stay() {
      pinned = true;
      fixed.value = centre.value;
    },
    follow() {
      pinned = false;
      fixed.value = undefined;
      if (feed.phase.value === 'stopped') void load();
      else {
        round++;
        lines.value = [];
      }
    },
    more,
  };
}
