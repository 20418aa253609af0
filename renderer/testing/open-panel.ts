import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { computed, defineComponent, h, shallowRef, type Component, type ShallowRef } from 'vue';
import { createMemoryHistory, createRouter } from 'vue-router';
import { provideHost } from '../host/client.ts';
import type { PanelRequest } from '../features/workbench/panel.ts';
import { headKey, provideWorkbench } from '../features/workbench/workbench.ts';
import { machine, type FakeHost } from './fake-host.ts';

export interface OpenPanel {
  view: VueWrapper;
  /** What the panel has put into the head of its group. */
  head: HTMLElement;
  /** What it is asked to show. */
  request: ShallowRef<PanelRequest | undefined>;
  /** What it has asked others to show. */
  shown: { panel: string; request: PanelRequest | undefined }[];
  close(): void;
}

/** A panel in a workbench of its own, with a paused machine. */
export async function openPanel(panel: Component, host: FakeHost, cpus = 1): Promise<OpenPanel> {
  const head = document.createElement('div');
  head.id = 'head';
  document.body.append(head);
  const shownMachine = machine({ cpus, state: 'paused' });
  const request = shallowRef<PanelRequest>();
  const shown: OpenPanel['shown'] = [];
  const bench = defineComponent(() => {
    provideWorkbench({
      machine: computed(() => shownMachine),
      requests: new Map(),
      show: (name, asked) => shown.push({ panel: name, request: asked }),
      close: () => undefined,
    });
    return () => h(panel, { machine: shownMachine, visible: true, request: request.value, class: 'bench-panel' });
  });
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/', component: bench },
      { path: '/console/:id', name: 'console', component: bench },
    ],
  });
  const view = mount(bench, {
    attachTo: document.body,
    global: {
      plugins: [createPinia(), router, { install: (app) => provideHost(app, host.client) }],
      provide: { [headKey as symbol]: computed(() => 'head') },
    },
  });
  await flushPromises();
  return {
    view,
    head,
    request,
    shown,
    close() {
      view.unmount();
      document.body.innerHTML = '';
    },
  };
}

/** The host's debugger says something, and everybody has heard it. */
export async function tell(host: FakeHost, ...events: Parameters<FakeHost['debug']['tell']>): Promise<void> {
  host.debug.tell(...events);
  await flushPromises();
}
