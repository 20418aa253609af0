import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { computed, defineComponent, h, type Component } from 'vue';
import type { ChipFactsMessage } from '../../../main/contract/chips.ts';
import type { MachineSummary } from '../../../main/contract/machine.ts';
import { provideHost } from '../../host/client.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { descriptor, emptyEntry, endedWalk } from '../../testing/fake-peek.ts';
import type { PanelRequest } from '../workbench/panel.ts';
import VcpuChartsPanel from '../workbench/VcpuChartsPanel.vue';
import { headKey, provideWorkbench } from '../workbench/workbench.ts';
import DescriptorsPanel from './DescriptorsPanel.vue';
import DevicesPanel from './DevicesPanel.vue';
import InterruptsPanel from './InterruptsPanel.vue';
import PageWalkPanel from './PageWalkPanel.vue';

let wrapper: VueWrapper | undefined;
let host: FakeHost;
let shown: [string, PanelRequest | undefined][];

async function open(panel: Component, part: Partial<MachineSummary> = {}): Promise<VueWrapper> {
  const head = document.createElement('div');
  head.id = 'head';
  document.body.append(head);
  const shownMachine = machine({ state: 'running', ...part });
  const bench = defineComponent(() => {
    provideWorkbench({
      machine: computed(() => shownMachine),
      requests: new Map(),
      show: (name, asked) => shown.push([name, asked]),
      close: () => undefined,
    });
    return () => h(panel, { machine: shownMachine, visible: true });
  });
  wrapper = mount(bench, {
    attachTo: document.body,
    global: {
      plugins: [createPinia(), { install: (app) => provideHost(app, host.client) }],
      provide: { [headKey as symbol]: computed(() => 'head') },
    },
  });
  await flushPromises();
  return wrapper;
}

beforeEach(() => {
  host = new FakeHost([machine({ state: 'running' })]);
  shown = [];
});
afterEach(() => {
  wrapper?.unmount();
  document.body.innerHTML = '';
  vi.useRealTimers();
});

async function goTo(view: VueWrapper, address: string): Promise<void> {
  await view.find('input[aria-label="Linear address"]').setValue(address);
  await view.find('form').trigger('submit');
  await flushPromises();
}

describe('the page walk', () => {
  it('follows EIP of a running guest, entry by entry to the byte, with what each access would meet', async () => {
    const view = await open(PageWalkPanel);
    expect(host.calls.filter((call) => call.startsWith('walk'))).toEqual(['walk 7c00 0']);
    expect(view.findAll('.walk li').map((row) => row.find('.level').text())).toEqual(['Directory', 'Table', 'Byte']);
    expect(view.find('.split').text()).toContain('7table');
    expect(view.findAll('.verdicts tbody tr').map((row) => row.findAll('td').map((cell) => cell.text()))).toEqual([
      ['goes ahead', 'goes ahead', 'goes ahead'],
      ['#PF, code 5', '#PF, code 7', '#PF, code 5'],
    ]);
    await view.find('.where button').trigger('click');
    expect(shown).toEqual([['memory', { address: 0x7c00n, vcpu: 0 }]]);
  });

  it('says where and why it ends', async () => {
    host.peek.walks.set(0xff0, endedWalk(0xff0));
    const view = await open(PageWalkPanel);
    await goTo(view, '0xff0');
    expect(view.find('.note').text()).toBe('The walk ends here. Bit 0, present, of the page-table entry is clear.');
    expect(view.find('.walk li.bad .bit.bad').exists()).toBe(true);
    expect(view.find('.split .bad').text()).toBe('0table');
  });

  it('goes through other tables when a CR3 is given, and refuses what is none', async () => {
    const view = await open(PageWalkPanel);
    const root = view.find('input[aria-label^="CR3"]');
    await root.setValue('123000');
    await flushPromises();
    expect(host.calls.at(-1)).toBe('walk 7c00 0 123000');
    await root.setValue('xyz');
    await flushPromises();
    expect(view.text()).toContain('“xyz” is not a number of 32 bits in hexadecimal.');
    expect(view.find('input[aria-label^="CR3"]').exists()).toBe(true);
  });

  it('goes back from a frame to who maps it, and on from there', async () => {
    host.peek.mappings = [
      { linear: 0x5000, pageSize: 4096, writable: true, user: false, executable: true },
      { linear: 0xc0005000, pageSize: 0x400000, writable: false, user: true, executable: false },
    ];
    const view = await open(PageWalkPanel);
    await view.find('.walk li:last-child button').trigger('click');
    await flushPromises();
    expect(host.calls).toContain('mappings 5c00');
    const found = view.findAll('.found li');
    expect(found.map((row) => row.text())).toEqual([
      '00005000page of 4 KiB, writable, supervisor',
      'c0005000page of 4 MiB, read-only, user, no execute',
    ]);
    await found[1]?.find('button').trigger('click');
    await flushPromises();
    expect(host.calls.at(-1)).toBe('walk c0005000 0');
  });
});

describe('descriptors', () => {
  it('mark what registers hold, and explain what is wrong', async () => {
    host.peek.tables.set('gdt', [
      emptyEntry(0),
      descriptor(1, {}, ['cs']),
      descriptor(2, { present: false, problem: 'not present: using it gives #NP' }),
    ]);
    const view = await open(DescriptorsPanel);
    expect(view.find('tr.sel').text()).toContain('0008');
    expect(view.find('tr.sel .tag').text()).toBe('cs');
    expect(view.findAll('.problem').map((each) => each.text())).toEqual(['not present: using it gives #NP']);
    await view.find('tr.sel button').trigger('click');
    expect(view.text()).toContain('at 00001008, bytes 0000000000000001, readable');
  });

  it('tell empty vectors in one row, and lead to the code of a gate', async () => {
    const gate = descriptor(0, {
      kind: 'gate',
      type: '32-bit interrupt gate',
      base: null,
      limit: null,
      target: { selector: 8, offset: 0x1234, symbol: 'divide' },
    });
    host.peek.tables.set('idt', [{ ...gate, name: '#DE divide error' }, ...[1, 2, 3, 4].map(emptyEntry)]);
    const view = await open(DescriptorsPanel);
    await view
      .findAll('[role=radio]')
      .find((each) => each.text() === 'IDT')
      ?.trigger('click');
    await flushPromises();
    expect(view.findAll('tbody tr')).toHaveLength(2);
    expect(view.find('.empties').text()).toBe('01-044 empty: the vector gives #GP');
    expect(view.text()).toContain('divide');
    await view.find('td.place button').trigger('click');
    expect(shown).toEqual([['disassembly', { address: 0x1234n }]]);
  });

  it('say why there is no table', async () => {
    const view = await open(DescriptorsPanel);
    const radio = (name: string) => view.findAll('[role=radio]').find((each) => each.text() === name);
    await radio('LDT')?.trigger('click');
    await flushPromises();
    expect(view.find('.empty-state').text()).toBe('LDTR is null: there is no LDT.');
    await radio('TSS')?.trigger('click');
    await flushPromises();
    expect(view.find('.empty-state').text()).toContain('No task register was loaded');
  });
});

describe('chips', () => {
  const chip = (id: string, group: ChipFactsMessage['group']): ChipFactsMessage => ({
    id,
    title: `Chip ${id}`,
    place: 'ports 20',
    group,
    facts: [{ name: 'Mask', value: 'ff', note: 'all of them', flags: [{ name: 'EN', set: true }] }],
    tables: [{ title: 'Inputs', columns: ['Input', 'State'], rows: [['0', 'masked']] }],
  });

  it('show themselves, each with its registers and tables, opened and closed by a person', async () => {
    host.peek.chips = [chip('pic', 'interrupts'), chip('pit', 'devices'), chip('rtc', 'devices')];
    const view = await open(DevicesPanel);
    expect(view.findAll('[data-chip]').map((each) => each.attributes('data-chip'))).toEqual(['pit', 'rtc']);
    expect(view.find('dd').text()).toBe('ffEN setall of them');
    expect(view.findAll('td').map((each) => each.text())).toEqual(['0', 'masked']);
    await view.find('[data-chip=rtc]').trigger('click');
    expect(view.findAll('table')).toHaveLength(2);
    await view.find('[data-chip=pit]').trigger('click');
    expect(view.findAll('table')).toHaveLength(1);
  });

  it('are the local APIC of the vCPU that is looked at, among interrupt controllers', async () => {
    host.peek.chips = ['lapic0', 'lapic1', 'pic'].map((id) => chip(id, 'interrupts'));
    const view = await open(InterruptsPanel, { cpus: 2 });
    const ids = () => view.findAll('[data-chip]').map((each) => each.attributes('data-chip'));
    expect(ids()).toEqual(['lapic0', 'pic']);
    await view.find('[aria-label="vCPU 1"]').trigger('click');
    expect(ids()).toEqual(['lapic1', 'pic']);
  });

  it('say what to do while the machine is off', async () => {
    expect((await open(DevicesPanel, { state: 'off' })).text()).toBe('The machine is off. Start it to see what its chips do.');
  });
});

describe('the charts of vCPUs', () => {
  it('tell how busy each was since the last look, its speed, and its exits by reason', async () => {
    vi.useFakeTimers();
    const vcpu = { exceptions: {}, interrupts: 0, halted: false };
    const at = (seconds: number, instructions: number, idleSeconds: number, halts: number) => ({
      seconds,
      instructions,
      mips: 0,
      exits: {},
      vcpus: [{ ...vcpu, instructions, idleSeconds, exits: { halt: halts, fault: 2 * halts } }],
    });
    host.statistics = [at(10, 1e6, 5, 0), at(12, 9e6, 6.5, 40)];
    const view = await open(VcpuChartsPanel);
    expect(view.text()).toContain('Measuring');
    await vi.advanceTimersByTimeAsync(1100);
    await flushPromises();
    expect(view.findAll('.figure').map((each) => each.text())).toEqual(['25 % busy', '4.00 MIPS']);
    expect(view.find('svg').attributes('aria-label')).toContain('now 25 % busy, 4.00 MIPS');
    expect(view.findAll('.exits tr').map((each) => each.text())).toEqual(['Exception40/s', 'HLT20/s']);
    // The last look is given again: no time went by, and nothing is made up.
    await vi.advanceTimersByTimeAsync(1100);
    expect(view.find('.s1').attributes('points')?.split(' ')).toHaveLength(1);
  });

  it('say that a machine stands still', async () => {
    expect((await open(VcpuChartsPanel, { state: 'paused' })).text()).toContain('The machine stands still.');
  });
});
