/** Bytes of a window on guest memory: once at each stop with what the pages are; of a running machine again and again, without stopping it. */
import { computed, shallowRef, watch, type ComputedRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { PageAttributesMessage } from '../../../main/contract/debug.ts';
import { sentence } from '../../host/failure.ts';
import { usePolled } from '../smm/use-polled.ts';
import { useAtStop } from './at-stop.ts';
import type { DebugFeed } from './debug-feed.ts';
import { whyUnread } from './page-words.ts';

export interface MemoryWindow {
  space: 'linear' | 'physical';
  address: number;
  length: number;
}

export interface SeenMemory {
  at: number;
  bytes: Uint8Array;
  readable: Uint8Array;
  /** By the address of its first byte. Empty of a machine that runs: what a page is was not looked at. */
  pages: ReadonlyMap<number, PageAttributesMessage>;
  /** Why nothing was read of a page. */
  reasons: ReadonlyMap<number, string>;
  live: boolean;
}

const PAGE = 4096;
/** Milliseconds between two looks at a running machine. */
const INTERVAL = 500;
/** Bytes that are remembered to tell what changed. */
const REMEMBERED = 1 << 16;

export const pageOf = (address: number): number => address - (address % PAGE);

export function useMemory(
  host: HostClient,
  id: () => string,
  feed: DebugFeed,
  wanted: () => MemoryWindow | undefined,
): { seen: ComputedRef<SeenMemory | undefined>; failure: ComputedRef<string>; changed: (address: number) => boolean } {
  const stopped = useAtStop(
    feed,
    () => {
      const now = wanted();
      return now === undefined ? undefined : { ...now, cpu: feed.vcpu.value };
    },
    async ({ space, cpu, address, length }): Promise<SeenMemory & { key: string; stop: number }> => {
      const stop = feed.stops.value;
      const read = await host.debug.readMemory({
        id: id(),
        space: space === 'physical' ? { kind: 'physical' } : { kind: 'linear', cpu },
        address,
        length,
      });
      const reasons = read.pages.flatMap((page) => {
        const why = whyUnread(page);
        return why === undefined ? [] : [[page.address, why] as const];
      });
      return {
        at: address,
        bytes: read.bytes,
        readable: read.readable,
        pages: new Map(read.pages.map((page) => [page.address, page])),
        reasons: new Map(reasons),
        live: false,
        key: space === 'physical' ? space : `${space} ${cpu}`,
        stop,
      };
    },
  );

  const running = usePolled(
    () => {
      const now = wanted();
      return now === undefined || feed.phase.value !== 'running' || feed.still.value
        ? undefined
        : { ...now, cpu: feed.vcpu.value };
    },
    async ({ space, cpu, address, length }): Promise<SeenMemory> => {
      const bytes = new Uint8Array(length);
      const readable = new Uint8Array(length);
      const reasons = new Map<number, string>();
      for (let at = address; at < address + length;) {
        const end = Math.min(pageOf(at) + PAGE, address + length);
        const part = await host.peek.read({
          id: id(),
          cpu,
          space: { kind: space },
          operation: { kind: 'read', address: at, length: end - at },
        });
        bytes.set(part.bytes, at - address);
        readable.fill(1, at - address, at - address + part.bytes.length);
        if (part.problem !== null) reasons.set(pageOf(at), part.problem);
        at = end;
      }
      return { at: address, bytes, readable, pages: new Map(), reasons, live: true };
    },
    sentence,
    INTERVAL,
  );

  // What changed between the last two stops, as far as both were looked at.
  let key = '';
  let stop = 0;
  let now = new Map<number, number>();
  const before = shallowRef<ReadonlyMap<number, number>>(new Map());
  watch(stopped.answer, (answer) => {
    if (answer === undefined) return;
    if (answer.key !== key) {
      key = answer.key;
      before.value = new Map();
      now = new Map();
    } else if (answer.stop !== stop) {
      before.value = now;
      now = new Map();
    }
    stop = answer.stop;
    if (now.size > REMEMBERED) now = new Map();
    answer.bytes.forEach((byte, index) => answer.readable[index] === 1 && now.set(answer.at + index, byte));
  });

  const seen = computed(() => (feed.still.value ? stopped.answer.value : running.answer.value));
  return {
    seen,
    failure: computed(() => (feed.still.value ? stopped.failure.value : running.failure.value)),
    changed: (address) => {
      const shown = seen.value;
      const old = before.value.get(address);
      return shown !== undefined && !shown.live && old !== undefined && old !== shown.bytes[address - shown.at];
    },
  };
}
