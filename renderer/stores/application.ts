import { defineStore } from 'pinia';
import { ref } from 'vue';
import type { About, Settings } from '../../main/contract/application.ts';
import { useHost } from '../host/client.ts';
import { applyTheme } from '../theme/theme.ts';
import { useNotices } from './notices.ts';

/** What this program is, and the person's choices. */
export const useApplication = defineStore('application', () => {
  const host = useHost();
  const notices = useNotices();
  const about = ref<About>();
  const settings = ref<Settings>({ theme: 'system', releaseKey: 'ControlRight', scaling: 'pixel-exact', passThrough: [], combinations: [] });

  function take(next: Settings): void {
    settings.value = next;
    applyTheme(next.theme);
  }

  /** Reads both, then follows the settings until the page goes. */
  async function start(): Promise<void> {
    about.value = await host.application.about();
    take(await host.application.settings.get());
    void (async () => {
      for await (const next of await host.application.settings.watch()) take(next);
    })().catch((error: unknown) => notices.failure('Settings no longer follow the host', error));
  }

  async function change(part: Partial<Settings>): Promise<void> {
    try {
      take(await host.application.settings.set(part));
    } catch (error) {
      notices.failure('The setting was not kept', error);
    }
  }

  return { about, settings, start, change };
});
