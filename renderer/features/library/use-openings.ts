/** What people drop on the library, and what the app is asked to open: a file begins a new machine, a folder is adopted. */
import { onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue';
import { useHost } from '../../host/client.ts';
import { takeDropped, type Dropped } from '../../host/dropped.ts';
import { useApplication } from '../../stores/application.ts';
import { useLibrary } from '../../stores/library.ts';
import { useNotices } from '../../stores/notices.ts';

export interface Openings {
  /** The file that the new machine is to begin with. */
  readonly dropped: Ref<Dropped | undefined>;
  /** Something is held over the window. */
  readonly dropping: Ref<boolean>;
  take(event: DragEvent): Promise<void>;
}

/** `dialog`: what is open, undefined for nothing. `adopted` is told of machines that are new in the library. */
export function useOpenings(
  dialog: Readonly<Ref<string | undefined>>,
  newMachine: () => void,
  adopted: (id: string) => void,
): Openings {
  const host = useHost();
  const application = useApplication();
  const library = useLibrary();
  const notices = useNotices();
  const dropped = ref<Dropped>();
  const dropping = ref(false);

  async function take(event: DragEvent): Promise<void> {
    dropping.value = false;
    const thing = await takeDropped(event);
    if (thing) await begin(thing);
  }

  async function begin(thing: Dropped): Promise<void> {
    if (!thing.folder) {
      dropped.value = thing;
      newMachine();
      return;
    }
    const made = await library.adopt(thing.name, thing.path);
    if (made) adopted(made.id);
  }

  /** What a person has begun in a dialog is not thrown away for what is opened meanwhile. */
  async function dialogClosed(): Promise<void> {
    if (dialog.value === undefined) return;
    await new Promise<void>((resolve) => {
      const stop = watch(dialog, (now) => {
        if (now !== undefined) return;
        stop();
        resolve();
      });
    });
  }

  /** What the app is asked to open is taken as if it were dropped, one after the other. */
  async function follow(signal: AbortSignal): Promise<void> {
    if (!application.about?.desktop) return;
    try {
      for await (const { path, name, folder } of await host.desktop.openings(undefined, { signal })) {
        await dialogClosed();
        await begin({ path, name, folder, file: undefined });
      }
    } catch (error) {
      if (!signal.aborted) notices.failure('Files are no longer opened', error);
    }
  }

  const gone = new AbortController();
  onMounted(() => void follow(gone.signal));
  onBeforeUnmount(() => gone.abort());
  return { dropped, dropping, take };
}
