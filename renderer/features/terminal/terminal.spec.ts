import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, describe, expect, it } from 'vitest';
import { computed, defineComponent } from 'vue';
import type { MachineSummary } from '../../../main/contract/machine.ts';
import { provideHost } from '../../host/client.ts';
import { useApplication } from '../../stores/application.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { headKey, whenClosedKey } from '../workbench/workbench.ts';
import TerminalPanel from './TerminalPanel.vue';

/** A screen that only notes what it is given. */
const Screen = defineComponent({
  name: 'TerminalScreen',
  props: { label: { type: String, required: true } },
  emits: ['typed', 'resized'],
  setup(_props, { expose }) {
    const shown: string[] = [];
    expose({
      shown,
      write: (bytes: Uint8Array) => void shown.push(new TextDecoder().decode(bytes)),
      clear: () => void (shown.length = 0),
      focus: () => undefined,
      size: () => ({ columns: 90, rows: 20 }),
    });
    return () => null;
  },
});

const wrappers: VueWrapper[] = [];
let number = 0;
/** The page keeps a terminal for each machine, so each test has a machine of its own. */
const newId = (): string => `machine-${++number}`;
let close: () => void;

async function open(host: FakeHost, part: Partial<MachineSummary>, desktop = true): Promise<VueWrapper> {
  const head = document.createElement('div');
  head.id = 'head';
  document.body.append(head);
  const pinia = createPinia();
  setActivePinia(pinia);
  const wrapper = mount(TerminalPanel, {
    attachTo: document.body,
    props: { machine: machine({ state: 'running', ...part }), visible: true },
    global: {
      plugins: [pinia, { install: (app) => provideHost(app, host.client) }],
      provide: {
        [headKey as symbol]: computed(() => 'head'),
        [whenClosedKey as symbol]: (_panel: string, work: () => void) => (close = work),
      },
      stubs: { TerminalScreen: Screen },
    },
  });
  wrappers.push(wrapper);
  const application = useApplication();
  application.about = { ...(await host.client.application.about()), desktop };
  await flushPromises();
  return wrapper;
}
const shownIn = (view: VueWrapper) => (view.findComponent(Screen).vm as unknown as { shown: string[] }).shown;

afterEach(() => {
  for (const wrapper of wrappers.splice(0)) wrapper.unmount();
  document.body.innerHTML = '';
});

describe('the terminal with gdb', () => {
  it('attaches when it is asked to, and carries what is typed and said', async () => {
    const host = new FakeHost([]);
    const id = newId();
    host.terminals.said.push({ kind: 'output', bytes: new TextEncoder().encode('(gdb) '), lost: 0 });
    const view = await open(host, { id });
    expect(host.calls).toEqual([]);
    await view.find('[data-action=attach-gdb]').trigger('click');
    await flushPromises();
    expect(host.calls).toEqual([`gdb ${id} 90x20`]);
    expect(shownIn(view)).toEqual(['(gdb) ']);
    view.findComponent(Screen).vm.$emit('typed', new TextEncoder().encode('stepi\r'));
    view.findComponent(Screen).vm.$emit('resized', { columns: 100, rows: 30 });
    await flushPromises();
    expect(host.calls.slice(1)).toEqual(['typed stepi\r', 'size 100x30']);
  });

  it('is what it was when its panel comes back, and ends when the panel is closed', async () => {
    const host = new FakeHost([]);
    const id = newId();
    host.terminals.said.push({ kind: 'output', bytes: new TextEncoder().encode('said before'), lost: 0 });
    const view = await open(host, { id });
    await view.find('[data-action=attach-gdb]').trigger('click');
    await flushPromises();
    wrappers.splice(0).forEach((wrapper) => wrapper.unmount());
    document.body.innerHTML = '';
    const again = await open(host, { id });
    expect(shownIn(again)).toEqual(['said before']);
    expect(host.calls).toHaveLength(1);
    close();
    await flushPromises();
    expect(host.calls.at(-1)).toBe(`gdb ${id} ended`);
  });

  it('says why there is none, and how one comes to be', async () => {
    const host = new FakeHost([]);
    host.terminals.refusal = 'gdb is not installed on this computer.';
    const view = await open(host, { id: newId() });
    await view.find('[data-action=attach-gdb]').trigger('click');
    await flushPromises();
    expect(view.find('[data-testid=gdb-problem]').text()).toBe('gdb is not installed on this computer.');
    expect(view.find('[data-action=attach-gdb]').attributes('disabled')).toBeUndefined();
  });

  it('tells that gdb has ended, and attaches again', async () => {
    const host = new FakeHost([]);
    host.terminals.said.push({ kind: 'ended', status: 1 });
    const view = await open(host, { id: newId() });
    await view.find('[data-action=attach-gdb]').trigger('click');
    await flushPromises();
    expect(view.text()).toContain('gdb has ended with status 1.');
    document.querySelector<HTMLElement>('[data-action=attach-again]')?.click();
    await flushPromises();
    expect(host.calls.filter((call) => call.startsWith('gdb'))).toHaveLength(2);
  });

  it('cannot be had in a browser, nor of a machine that is off, and the panel says so', async () => {
    const browser = await open(new FakeHost([]), { id: newId() }, false);
    await browser.find('[data-action=serve-gdb]').trigger('click');
    await flushPromises();
    expect(browser.findAll('pre').map((line) => line.text())).toEqual(['gdb -ex …', '{}', 'Ghidra …', 'IDA …']);
    expect(browser.text()).toContain('A page in a browser cannot start programs of the host.');
    expect(browser.find('[data-action=attach-gdb]').attributes('disabled')).toBeDefined();
    const off = await open(new FakeHost([]), { id: newId(), state: 'off' });
    expect(off.text()).toContain('The machine is off. Start it, then gdb can attach.');
    expect(off.find('[data-action=attach-gdb]').attributes('disabled')).toBeDefined();
  });
});
