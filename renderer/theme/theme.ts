import { readonly, ref } from 'vue';
import type { Settings } from '../../main/contract/application.ts';

export type Theme = 'light' | 'dark';

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const current = ref<Theme>(document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'light');
let choice: Settings['theme'] = 'system';

/** What is on the screen now. Parts drawn on a canvas read their tokens again when it changes. */
export const theme = readonly(current);

/** Applies a person's choice, and keeps it for the next first paint (theme/first-paint.js). */
export function applyTheme(next: Settings['theme']): void {
  choice = next;
  localStorage.setItem('vitrine.theme', next);
  show();
}

function show(): void {
  current.value = choice === 'dark' || (choice === 'system' && systemIsDark.matches) ? 'dark' : 'light';
  document.documentElement.dataset['theme'] = current.value;
}

systemIsDark.addEventListener('change', show);

/** The resolved value of a token, for instance `--text-1`. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
