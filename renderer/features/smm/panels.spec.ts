import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, describe, expect, it } from 'vitest';
import { computed, type Component } from 'vue';
import type { SmmEventMessage, SmmMessage, SmmStateMessage } from '../../../main/contract/smm.ts';
import { provideHost } from '../../host/client.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { headKey } from '../workbench/workbench.ts';
import LatencyPanel from './LatencyPanel.vue';
import RendezvousPanel from './RendezvousPanel.vue';
import SaveStatePanel from './SaveStatePanel.vue';
import SmramPanel from './SmramPanel.vue';
import TimelinePanel from './TimelinePanel.vue';
import VcpusPanel from './VcpusPanel.vue';

const histogram = { counts: [...new Array<number>(13).fill(0), 9, 0, 1, ...new Array<number>(16).fill(0)], count: 10, total: 150_000, longest: 60_000 };
const vcpu = { inSmm: false, stopped: false, smis: 5, latched: 1, entries: 4, stops: 2, stoppedFor: 100, inSmmFor: 100, smbase: 0xa0000 };

function state(part: Partial<SmmStateMessage> = {}): SmmStateMessage {
  return {
    layout: 'intel32',
    mapped: true,
    open: false,
    closed: false,
    locked: true,
    ranges: [{ name: 'compatible', base: 0xa0000, size: 0x20000 }],
    breakOn: { entry: false, exit: false },
    statistics: {
      smis: 10,
      latched: 2,
      causes: { apm: 6, chipset: 0, ipi: 4, injected: 0 },
      entries: 8,
      rendezvous: 4,
      joins: 4,
      latency: histogram,
      stop: histogram,
      residency: histogram,
      exit: histogram,
      vcpus: [
        { ...vcpu, inSmm: true, since: 900 },
        { ...vcpu, stopped: true, since: 800 },
      ],
    },
    now: 2400,
    ...part,
  };
}

const event = (sequence: number, time: number, kind: SmmEventMessage['kind'], cpu: number): SmmEventMessage => ({ sequence, kind, cpu, time, cause: 'apm' });
const events = [
  event(0, 100, 'smi', 0),
  event(1, 110, 'stop', 0),
  event(2, 120, 'acknowledge', 1),
  event(3, 130, 'map', 0),
  event(4, 150, 'enter', 0),
  event(5, 900, 'rsm', 0),
  event(6, 910, 'unmap', 0),
  event(7, 1000, 'release', 1),
];

let wrapper: VueWrapper | undefined;

/** A panel in the head of whose group its own controls stand, on a host that says `messages`. */
async function open(panel: Component, host: FakeHost, messages: SmmMessage[]): Promise<VueWrapper> {
  host.smm.push(...messages);
  const head = document.createElement('div');
  head.id = 'head';
  document.body.append(head);
  wrapper = mount(panel, {
    attachTo: document.body,
    props: { machine: machine({ cpus: 2, state: 'running' }), visible: true },
    global: { plugins: [createPinia(), { install: (app) => provideHost(app, host.client) }], provide: { [headKey as symbol]: computed(() => 'head') } },
  });
  await flushPromises();
  return wrapper;
}

afterEach(() => {
  wrapper?.unmount();
  document.body.innerHTML = '';
});

describe('panels of System Management Mode', () => {
  it('show a lane for each vCPU, and what each did', async () => {
    const view = await open(TimelinePanel, new FakeHost([]), [{ kind: 'now', state: state(), events, skipped: 0 }]);
    expect(view.find('svg').attributes('aria-label')).toContain('Rendezvous 1: 900 ns from request to the last vCPU running');
    expect(view.findAll('rect.smm')).toHaveLength(1);
    expect(view.findAll('rect.stp')).toHaveLength(1);
    expect(view.findAll('rect.mp')).toHaveLength(1);
    expect(view.text()).toContain('SMI: Port b2, vCPU 0');
  });

  it('say what to do while nothing has happened, and why nothing can while the machine is off', async () => {
    const view = await open(TimelinePanel, new FakeHost([]), [{ kind: 'now', state: state(), events: [], skipped: 0 }]);
    expect(view.text()).toContain('No vCPU has entered System Management Mode');
    wrapper?.unmount();
    const off = await open(TimelinePanel, new FakeHost([]), [{ kind: 'off' }]);
    expect(off.text()).toContain('The machine is off.');
  });

  it('move a cursor by keys, and tell what each vCPU did there', async () => {
    const host = new FakeHost([]);
    const view = await open(TimelinePanel, host, [{ kind: 'now', state: state(), events, skipped: 0 }]);
    await view.find('svg').trigger('keydown', { key: 'ArrowRight' });
    expect(view.find('.cur').exists()).toBe(true);
    await view.find('svg').trigger('keydown', { key: 'Escape' });
    expect(view.find('.cur').exists()).toBe(false);
  });

  it('list rendezvous, newest first, and hold still at the chosen one', async () => {
    const view = await open(RendezvousPanel, new FakeHost([]), [{ kind: 'now', state: state(), events, skipped: 7 }]);
    const cells = view.findAll('tbody td').map((cell) => cell.text());
    expect(cells.slice(0, 7)).toEqual(['1', '0.000 000', 'Port b2, vCPU 0', '0', '0', '30 ns', '900 ns']);
    expect(view.text()).toContain('7 events came too fast to be shown');
    await view.find('tbody tr').trigger('click');
    expect(view.find('tbody tr').attributes('aria-selected')).toBe('true');
    await view.find('[data-action=let-go]').trigger('click');
    expect(view.find('tbody tr').attributes('aria-selected')).toBe('false');
  });

  it('tell shares of latencies, and the same as a table for who cannot see the chart', async () => {
    const view = await open(LatencyPanel, new FakeHost([]), [{ kind: 'now', state: state(), events: [], skipped: 0 }]);
    expect(view.find('.mets').text()).toContain('60.0 µs');
    expect(view.findAll('table.unseen td').map((cell) => cell.text())).toEqual(['8.2 µs to 16.4 µs', '9', '32.8 µs to 65.5 µs', '1']);
  });

  it('tell now who is in SMM and who stands still for it', async () => {
    const view = await open(VcpusPanel, new FakeHost([]), [{ kind: 'now', state: state(), events, skipped: 0 }]);
    expect(view.findAll('li').map((row) => row.find('.badge').text())).toEqual(['In SMM', 'Stopped']);
    expect(view.text()).toContain('1.5 µs');
  });

  it('decode a save state, with its reserved fields only when asked', async () => {
    const host = new FakeHost([]);
    const view = await open(SaveStatePanel, host, [{ kind: 'now', state: state(), events: [], skipped: 0 }]);
    await flushPromises();
    expect(view.text()).toContain('000afff4');
    expect(view.text()).toContain('IF ZF');
    expect(view.text()).not.toContain('hidden');
    await view.find('input[type=checkbox]').setValue(true);
    expect(view.text()).toContain('hidden');
  });

  it('read SMRAM where it is, and refuse elsewhere with where it is', async () => {
    const host = new FakeHost([]);
    const view = await open(SmramPanel, host, [{ kind: 'now', state: state(), events: [], skipped: 0 }]);
    await flushPromises();
    expect(view.text()).toContain('000a8000');
    expect(view.text()).toContain('SMRAM bytes.');
    const address = document.querySelector<HTMLInputElement>('.place input');
    expect(address?.value).toBe('a8000');
    if (address) {
      address.value = '1000';
      address.dispatchEvent(new Event('input'));
    }
    await flushPromises();
    expect(view.text()).toContain('SMRAM is a0000-bffff.');
  });
});
