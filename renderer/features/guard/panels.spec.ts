import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, describe, expect, it } from 'vitest';
import { computed, defineComponent, h, type Component } from 'vue';
import type { MachineSummary } from '../../../main/contract/machine.ts';
import { provideHost } from '../../host/client.ts';
import { alert } from '../../testing/fake-guard.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { headKey, provideWorkbench } from '../workbench/workbench.ts';
import AlertsPanel from './AlertsPanel.vue';
import PagesPanel from './PagesPanel.vue';
import TreePanel from './TreePanel.vue';

let wrapper: VueWrapper | undefined;
let shown: string[];

/** Panels side by side in a workbench that only notes what is to be shown. */
async function open(panels: readonly Component[], host: FakeHost, part: Partial<MachineSummary> = {}): Promise<VueWrapper> {
  const head = document.createElement('div');
  head.id = 'head';
  document.body.append(head);
  shown = [];
  const summary = machine({ cpus: 2, state: 'running', ...part });
  const Bench = defineComponent({
    setup() {
      provideWorkbench({
        machine: computed(() => summary),
        requests: new Map(),
        show: (panel) => void shown.push(panel),
        close: () => undefined,
      });
      return () => panels.map((panel) => h(panel, { machine: summary, visible: true }));
    },
  });
  wrapper = mount(Bench, {
    attachTo: document.body,
    global: {
      plugins: [createPinia(), { install: (app) => provideHost(app, host.client) }],
      provide: { [headKey as symbol]: computed(() => 'head') },
    },
  });
  await settle();
  return wrapper;
}

/** Alerts are shown by a timer. */
async function settle(): Promise<void> {
  await flushPromises();
  await new Promise((resolve) => setTimeout(resolve, 10));
  await flushPromises();
}

afterEach(() => {
  wrapper?.unmount();
  document.body.innerHTML = '';
});

describe('monitored pages', () => {
  it('are listed with who protects them and how often they were written', async () => {
    const host = new FakeHost([]);
    host.guard.alerts.push([alert(0), alert(1)]);
    host.guard.state = { ...host.guard.state, alerts: 2 };
    const view = await open([PagesPanel], host);
    const row = view.find('table tbody tr');
    expect(row.text()).toContain('00002000');
    expect(row.find('.tag').text()).toBe('agent');
    expect(row.find('.hit').text()).toBe('2');
    expect(view.find('footer').text()).toMatch(/1 page in 1 range.*2 alerts.*guard-lab, sealed/s);
  });

  it('are added by what names them, and say why not', async () => {
    const host = new FakeHost([]);
    const view = await open([PagesPanel], host);
    const protect = view.find('[data-action=protect]');
    expect(protect.attributes('disabled')).toBeDefined();
    await view.find('[aria-label="First byte, hexadecimal"]').setValue('5000');
    await view.find('[aria-label="Size in bytes"]').setValue('8K');
    expect(view.find('form p').text()).toContain('2 whole pages.');
    await view.find('form').trigger('submit');
    await settle();
    expect(host.guard.added).toEqual([{ kind: 'physical', address: 0x5000, bytes: 8192 }]);
    expect(view.findAll('table tbody tr')).toHaveLength(2);

    host.guard.refusal = 'The debugger knows no symbol nowhere.';
    await view.find('[aria-label="Named by"]').setValue('structure');
    await view.find('[aria-label="Object or field"]').setValue('nowhere');
    await view.find('form').trigger('submit');
    await settle();
    expect(view.find('form p').text()).toBe('The debugger knows no symbol nowhere.');
  });

  it('cannot be added while the machine is off, and the panel says so', async () => {
    const view = await open([PagesPanel], new FakeHost([]), { state: 'off' });
    expect(view.find('form p').text()).toBe('The machine is off. Start it to protect its memory.');
    await view.find('[aria-label="First byte, hexadecimal"]').setValue('5000');
    expect(view.find('[data-action=protect]').attributes('disabled')).toBeDefined();
  });

  it('get another action, and are let go', async () => {
    const host = new FakeHost([]);
    const view = await open([PagesPanel], host);
    await view.find('[aria-label="At a write to 00002000"]').setValue('log');
    await settle();
    expect(host.guard.state.ranges).toMatchObject([{ address: 0x2000, action: 'log' }]);
    await view.find('[aria-label="Let 00002000 go"]').trigger('click');
    await settle();
    expect(host.guard.state.ranges).toEqual([]);
    expect(view.text()).toContain('Nothing is protected yet.');
  });
});

describe('alerts', () => {
  it('tell who wrote what where, newest first, and how many are not here', async () => {
    const host = new FakeHost([]);
    host.guard.state = { ...host.guard.state, alerts: 7 };
    host.guard.alerts.push([alert(3), alert(4)], [alert(6, { kind: 'tree', node: 0xff002000, physical: 0xff002808 })]);
    const view = await open([AlertsPanel], host);
    const rows = view.findAll('tr[data-alert]').map((row) => row.findAll('td').map((cell) => cell.text()));
    expect(rows.map(([, kind]) => kind)).toEqual(['Tree node', 'Listed page', 'Listed page']);
    expect(rows[2]).toEqual([
      '1.500 000 000',
      'Listed page',
      '1',
      '0008:00101471 strike+0xb',
      '00002004',
      '01 02 03 04 → 09 02 03 04',
      'Denied',
    ]);
    expect(view.find('[data-testid=gone]').text()).toContain('4 more came too fast or too long ago');
  });

  it('are filtered, and gone through by F8', async () => {
    const host = new FakeHost([]);
    host.guard.state = { ...host.guard.state, alerts: 3 };
    host.guard.alerts.push([alert(0), alert(1, { outcome: 'made', action: 'log' }), alert(2)]);
    const view = await open([AlertsPanel], host);
    const chosen = () => view.findAll('tr[aria-selected=true]').map((row) => row.attributes('data-alert'));
    const press = async (shiftKey: boolean): Promise<void> => {
      window.dispatchEvent(new KeyboardEvent('keydown', { key: 'F8', shiftKey }));
      await settle();
    };
    await press(false);
    expect(chosen()).toEqual(['0']);
    await press(false);
    await press(false);
    expect(chosen()).toEqual(['2']);
    await press(true);
    expect(chosen()).toEqual(['1']);
    const kinds = document.querySelector<HTMLSelectElement>('[aria-label="Which alerts"]');
    if (kinds === null) throw new Error('The filter stands in the head.');
    kinds.value = 'made';
    kinds.dispatchEvent(new Event('change'));
    await settle();
    expect(view.findAll('tr[data-alert]')).toHaveLength(1);
  });

  it('lead to the page in the tree, which marks the attacked node', async () => {
    const host = new FakeHost([]);
    host.guard.state = { ...host.guard.state, alerts: 2 };
    host.guard.alerts.push([alert(0), alert(1, { kind: 'tree', node: 0xff002000, level: 0, physical: 0xff002808 })]);
    const view = await open([AlertsPanel, TreePanel], host);
    await view.findAll('tr[data-alert]')[0]?.trigger('click');
    await settle();
    await view.find('[data-action=go-there]').trigger('click');
    await settle();
    expect(shown).toEqual(['guard-tree']);
    expect(view.find('[role=treeitem][aria-selected=true]').text()).toMatch(/ff002000.*written at 1\.500 000 000 s: denied/s);
    expect(view.find('.node.hit').attributes('data-node')).toBe('ff002000');
    await view.findAll('tr[data-alert]')[1]?.trigger('click');
    await view.find('[data-action=go-there]').trigger('click');
    await settle();
    expect(view.find('[role=treeitem][aria-selected=true]').text()).toMatch(/^00002000.*Deny$/s);
  });
});

describe('the tree', () => {
  it('is gone through by keys, and folds', async () => {
    const view = await open([TreePanel], new FakeHost([]));
    const lines = () => view.findAll('[role=treeitem]').map((row) => row.text().slice(0, 8));
    expect(lines()).toEqual([expect.stringContaining('Base'), 'ff000000', 'ff001000', 'ff002000', '00002000']);
    const tree = view.find('[role=tree]');
    for (const key of ['Home', 'ArrowDown', 'ArrowDown']) await tree.trigger('keydown', { key });
    expect(view.find('[role=treeitem][aria-selected=true]').text()).toContain('ff001000');
    await tree.trigger('keydown', { key: 'ArrowLeft' });
    expect(lines()).toHaveLength(3);
  });

  it('says when it is damaged', async () => {
    const host = new FakeHost([]);
    host.guard.state = { ...host.guard.state, damaged: 2 };
    const view = await open([TreePanel], host);
    expect(view.find('footer').text()).toContain('2 entries cannot be right');
  });
});
