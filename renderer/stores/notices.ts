import { defineStore } from 'pinia';
import { ref } from 'vue';
import { errorCode, sentence } from '../host/failure.ts';

export interface Notice {
  id: number;
  /** What did not happen, without a full stop. */
  title: string;
  /** Why. */
  text: string;
  /** For programs and bug reports; undefined when there is none. */
  code: string | undefined;
}

/** Failures stay on the screen until they are dismissed. */
export const useNotices = defineStore('notices', () => {
  const list = ref<Notice[]>([]);
  let next = 1;

  function failure(title: string, error: unknown): void {
    const text = sentence(error);
    if (list.value.some((notice) => notice.title === title && notice.text === text)) return;
    list.value.push({ id: next++, title, text, code: errorCode(error) });
  }

  function dismiss(id: number): void {
    list.value = list.value.filter((notice) => notice.id !== id);
  }

  return { list, failure, dismiss };
});
