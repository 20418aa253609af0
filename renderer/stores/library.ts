import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import type { LibraryEntry, MachineSummary } from '../../main/contract/machine.ts';
import { useHost } from '../host/client.ts';
import { useNotices } from './notices.ts';
import { useTasks } from './tasks.ts';

export type ControlVerb = 'start' | 'pause' | 'resume' | 'suspend' | 'discard' | 'reset' | 'powerOff' | 'powerButton';

/** The library as the host tells it, live. */
export const useLibrary = defineStore('library', () => {
  const host = useHost();
  const notices = useNotices();
  const entries = ref<LibraryEntry[]>([]);
  const loaded = ref(false);
  /** Machines a request is under way for. */
  const busy = ref(new Set<string>());
  /** Thumbnails as object URLs, by machine, with the stamp they were fetched for. */
  const thumbnails = ref(new Map<string, { stamp: number; url: string }>());

  /** What the sides of pairs show, by "machine/side". */
  const pairPictures = ref(new Map<string, { stamp: number; url: string }>());

  const machines = computed(() => entries.value.filter((entry): entry is MachineSummary => entry.kind === 'machine'));

  function put(entry: LibraryEntry): void {
    const at = entries.value.findIndex(({ id }) => id === entry.id);
    if (at < 0) entries.value.push(entry);
    else entries.value[at] = entry;
    entries.value.sort((a, b) => nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true }));
    if (entry.kind !== 'machine') return;
    const { id, pair } = entry;
    void fetchPicture(thumbnails.value, id, entry.thumbnail, () => host.library.thumbnail({ id }));
    for (const { side, picture } of pair?.screens ?? []) void fetchPicture(pairPictures.value, `${id}/${side}`, picture, () => host.pairs.picture({ id, side }));
  }

  async function fetchPicture(
    pictures: Map<string, { stamp: number; url: string }>,
    key: string,
    stamp: number | null,
    ask: () => Promise<{ png: Uint8Array } | null>,
  ): Promise<void> {
    const old = pictures.get(key);
    if (stamp === null || old?.stamp === stamp) return;
    try {
      const picture = await ask();
      if (picture === null) return;
      const url = URL.createObjectURL(new Blob([picture.png.slice()], { type: 'image/png' }));
      pictures.set(key, { stamp, url });
      if (old) URL.revokeObjectURL(old.url);
    } catch {
      // The machine went meanwhile, or its picture is damaged: the plate "No screen yet" stands in its place.
    }
  }

  /** Follows the library until the page goes. Settles once the first list is here. */
  async function start(): Promise<void> {
    const stream = await host.library.watch();
    await new Promise<void>((resolve, reject) => {
      void (async () => {
        for await (const event of stream) {
          if (event.kind === 'removed') entries.value = entries.value.filter(({ id }) => id !== event.id);
          else if (event.kind === 'changed') put(event.entry);
          else {
            entries.value = [];
            event.entries.forEach(put);
            loaded.value = true;
            resolve();
          }
        }
      })().catch((error: unknown) => {
        if (loaded.value) notices.failure('The library no longer follows the host', error);
        else reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  /** Carries out one control request and shows why when it is refused. */
  async function control(id: string, verb: ControlVerb): Promise<boolean> {
    busy.value.add(id);
    try {
      put(await host.machines[verb]({ id }));
      return true;
    } catch (error) {
      if (verb !== 'suspend' || !useTasks().isCancelled(error))
        notices.failure(FAILED[verb].replace('%', nameOf(find(id)) || id), error);
      return false;
    } finally {
      busy.value.delete(id);
    }
  }

  /** A copy with a name of its own, or a linked clone; the list of tasks shows how far it is. Undefined when it was not made. */
  async function clone(id: string, kind: 'full' | 'linked' = 'full'): Promise<MachineSummary | undefined> {
    try {
      const made = await host.library.clone({ id, kind });
      put(made);
      return made;
    } catch (error) {
      if (!useTasks().isCancelled(error)) notices.failure(`${nameOf(find(id)) || id} was not cloned`, error);
      return undefined;
    }
  }

  /** Copies a machine's folder from elsewhere on this computer into the library. */
  async function adopt(name: string, path: string | undefined): Promise<MachineSummary | undefined> {
    try {
      if (path === undefined)
        throw new Error('A browser does not say where a folder is. Drop it on the Vitrine app, which can read it there.');
      const made = await host.library.adopt({ folder: path });
      put(made);
      return made;
    } catch (error) {
      if (!useTasks().isCancelled(error)) notices.failure(`The folder ${name} was not adopted`, error);
      return undefined;
    }
  }

  function find(id: string | undefined): LibraryEntry | undefined {
    return entries.value.find((entry) => entry.id === id);
  }

  return { entries, machines, loaded, busy, thumbnails, pairPictures, start, put, control, clone, adopt, find };
});

const FAILED: Record<ControlVerb, string> = {
  start: '% did not start',
  pause: '% was not paused',
  resume: '% did not go on',
  suspend: '% was not suspended',
  discard: 'The state of % was not discarded',
  reset: '% was not reset',
  powerOff: '% was not powered off',
  powerButton: "% did not take the power button's press",
};

/** What people call an entry. */
export function nameOf(entry: LibraryEntry | undefined): string {
  if (entry === undefined) return '';
  return entry.kind === 'machine' ? entry.name : entry.id;
}
