import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import type { Task } from '../../main/contract/tasks.ts';
import { useHost } from '../host/client.ts';
import { sentence } from '../host/failure.ts';
import { useNotices } from './notices.ts';

/** The host's long work, live, whichever front began it. */
export const useTasks = defineStore('tasks', () => {
  const host = useHost();
  const notices = useNotices();
  const list = ref<Task[]>([]);
  const running = computed(() => list.value.filter(({ state }) => state === 'running'));

  /** Follows the list until the page goes. Settles once the first one is here. */
  async function start(): Promise<void> {
    const stream = await host.tasks.watch();
    const first = await stream.next();
    if (!first.done) list.value = first.value;
    void (async () => {
      for await (const tasks of stream) list.value = tasks;
    })().catch((error: unknown) => notices.failure('The list of tasks no longer follows the host', error));
  }

  async function cancel(id: string): Promise<void> {
    try {
      await host.tasks.cancel({ id });
    } catch (error) {
      notices.failure('The task was not cancelled', error);
    }
  }

  async function clear(): Promise<void> {
    try {
      await host.tasks.clear();
    } catch (error) {
      notices.failure('The list was not cleared', error);
    }
  }

  /** Whether a request ended because its task was cancelled: the list says so already. */
  function isCancelled(error: unknown): boolean {
    return list.value.some(({ state, title }) => state === 'cancelled' && sentence(error).startsWith(title));
  }

  return { list, running, start, cancel, clear, isCancelled };
});
