import { inject, type App, type InjectionKey } from 'vue';
import type { HostClient } from '../../main/contract/contract.ts';

const key: InjectionKey<HostClient> = Symbol('host');

export function provideHost(app: App, client: HostClient): void {
  app.provide(key, client);
}

/** The host's client; only within a component's or a store's set-up. */
export function useHost(): HostClient {
  const client = inject(key);
  if (client === undefined) throw new Error('No host was provided.');
  return client;
}
