import type { About } from '../../../main/contract/application.ts';

const CLIENT_KEY = 'vitrine.client';

/** All pages of a browser are one client, as all windows of the app are. */
function browserClient(): string {
  const known = localStorage.getItem(CLIENT_KEY);
  if (known !== null && /^browser-[a-z0-9-]{1,50}$/.test(known)) return known;
  const made = `browser-${crypto.randomUUID()}`;
  localStorage.setItem(CLIENT_KEY, made);
  return made;
}

/** Who this front is among those that look at a machine and type. */
export function displayClient(about: About | undefined | null): { id: string; name: string } {
  return about?.desktop ? { id: 'app', name: 'This app' } : { id: browserClient(), name: navigator.maxTouchPoints > 0 ? 'Touch browser' : 'Browser' };
}
