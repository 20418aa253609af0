import { flushPromises, type VueWrapper } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Component } from 'vue';
import { line } from '../../testing/fake-debug.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { openPanel, tell, type OpenPanel } from '../../testing/open-panel.ts';
import DisassemblyPanel from './DisassemblyPanel.vue';
import RegistersPanel from './RegistersPanel.vue';

let host: FakeHost;
let panel: OpenPanel | undefined;
const stop = { kind: 'stopped', cause: { kind: 'pause' } } as const;
const told = (...events: Parameters<FakeHost['debug']['tell']>): Promise<void> => tell(host, ...events);

async function open(component: Component, cpus = 1): Promise<VueWrapper> {
  panel = await openPanel(component, host, cpus);
  return panel.view;
}
const ask = async (address: bigint): Promise<void> => {
  if (panel) panel.request.value = { address };
  await flushPromises();
};

beforeEach(() => {
  host = new FakeHost([machine({ state: 'paused' })]);
});
afterEach(() => panel?.close());

describe('registers', () => {
  it('are those of a machine that stands still; of one that runs, the panel says so', async () => {
    vi.useFakeTimers();
    try {
      const view = await open(RegistersPanel);
      await told({ kind: 'running' });
      expect(view.text()).toContain('Running. Pause the machine to see its registers.');
      await told(stop);
      expect(view.text()).toContain('00007c00');
      await told({ kind: 'running' });
      // A step is over by then; what is on screen stays meanwhile.
      expect(view.text()).toContain('00007c00');
      vi.advanceTimersByTime(1000);
      await flushPromises();
      expect(view.text()).not.toContain('00007c00');
      expect(view.text()).toContain('Running.');
    } finally {
      vi.useRealTimers();
    }
  });

  it('mark what changed since the stop before, with what it was', async () => {
    host.debug.values.set('eax', 5n).set('eflags', 0x40n);
    const view = await open(RegistersPanel);
    await told(stop);
    expect(view.findAll('.ch')).toHaveLength(0);
    host.debug.values.set('eax', 6n).set('eflags', 0n);
    await told({ kind: 'running' }, { kind: 'stopped', cause: { kind: 'step', cpu: 0 } });
    expect(view.findAll('.ch').map((each) => each.attributes('data-register'))).toEqual(['eax']);
    expect(view.find('.ch').attributes('title')).toContain('Was 00000005.');
    expect(view.findAll('.bit.chg').map((each) => each.text())).toEqual(['ZF']);
  });

  it('are changed by typing, and a refusal is told where it was typed', async () => {
    const view = await open(RegistersPanel);
    await told(stop);
    await view.find('[data-register=eax]').trigger('click');
    await view.find('input').setValue('12zz');
    await view.find('input').trigger('keydown', { key: 'Enter' });
    expect(view.find('[role=alert]').text()).toBe('“12zz” is not a hexadecimal number.');
    host.debug.refusal = 'EAX has no room.';
    await view.find('input').setValue('12ab');
    await view.find('input').trigger('keydown', { key: 'Enter' });
    await flushPromises();
    expect(view.find('[role=alert]').text()).toBe('EAX has no room.');
    host.debug.refusal = undefined;
    await view.find('input').trigger('keydown', { key: 'Enter' });
    await flushPromises();
    expect(host.calls.at(-1)).toBe('set eax 12ab');
    expect(view.find('[data-register=eax]').text()).toContain('12ab');
    await view
      .findAll('.bit')
      .find((each) => each.text() === 'CF')
      ?.trigger('click');
    await flushPromises();
    expect(host.calls.at(-1)).toBe('set eflags 1');
  });

  it('are those of the vCPU that stopped, until another is chosen', async () => {
    const view = await open(RegistersPanel, 3);
    await told({ kind: 'stopped', cause: { kind: 'step', cpu: 2 } });
    expect(view.find('[aria-checked=true]').text()).toBe('vCPU 2');
    await view.find('[role=radiogroup]').trigger('keydown', { key: 'ArrowRight' });
    expect(view.find('[aria-checked=true]').text()).toBe('vCPU 0');
  });
});

describe('the disassembly', () => {
  beforeEach(() => {
    host.debug.lines = [
      line(0x7c00, 'mov eax,0x12', { labels: ['start'] }),
      line(0x7c02, 'jmp short 0x7c06', { target: { address: 0x7c06, symbol: 'start.more' } }),
      line(0x7c04, 'nop'),
      line(0x7c06, 'lock inc dword [0x600]'),
      line(0x9000, 'hlt', { labels: ['idle'] }),
    ];
    host.debug.symbols.set(0x9000, 'idle');
  });
  const texts = (view: VueWrapper) => view.findAll('[data-address]').map((each) => each.find('.text').text());

  it('shows labels, symbols in the place of addresses, the next instruction and the arrows of jumps', async () => {
    const view = await open(DisassemblyPanel);
    await told(stop);
    expect(texts(view).slice(0, 2)).toEqual(['moveax,0x12', 'jmpshort start.more']);
    expect(view.find('.lab').text()).toBe('start:');
    expect(view.find('.pc').attributes('data-address')).toBe(String(0x7c00));
    expect(view.findAll('.arrows path')).toHaveLength(1);
    host.debug.values.set('eip', 0x7c06n);
    await told({ kind: 'running' }, { kind: 'stopped', cause: { kind: 'step', cpu: 0 } });
    expect(view.find('.pc').attributes('data-address')).toBe(String(0x7c06));
    // The lines kept their places.
    expect(texts(view)).toHaveLength(5);
  });

  it('sets and clears breakpoints in the margin, those of everybody', async () => {
    const view = await open(DisassemblyPanel);
    await told(stop);
    await view.findAll('[data-action=breakpoint]')[2]?.trigger('click');
    await flushPromises();
    expect(host.calls).toEqual(['break execute 0x7c04']);
    expect(view.find('.bp').attributes('data-address')).toBe(String(0x7c04));
    expect(view.find('.bp button').attributes('title')).toContain('Breakpoint 1: 0 hits');
    const [set] = host.debug.breakpoints;
    if (set === undefined) throw new Error('There is no breakpoint.');
    await told({ kind: 'breakpoints', breakpoints: [{ ...set, id: 7, enabled: false, log: 'here' }] });
    expect(view.find('.dot').classes()).toEqual(['dot', 'off', 'log']);
    await view.find('.bp button').trigger('click');
    await flushPromises();
    expect(host.calls.at(-1)).toBe('unbreak 7');
  });

  it('goes to symbols and back, runs to a line by its key, and stays where it was asked to', async () => {
    const view = await open(DisassemblyPanel);
    await told(stop);
    await view.find('form input').setValue('nowhere');
    await view.find('form').trigger('submit');
    await flushPromises();
    expect(view.find('[role=alert]').text()).toBe('There is no register or symbol named nowhere.');
    await view.find('form input').setValue('idle');
    await view.find('form').trigger('submit');
    await flushPromises();
    expect(view.find('[role=alert]').exists()).toBe(false);
    expect(view.find('.chosen').attributes('data-address')).toBe(String(0x9000));
    expect(document.querySelector('#head')?.textContent).toContain('fixed');
    await view.find('[role=grid]').trigger('keydown', { key: 'F10', ctrlKey: true });
    await flushPromises();
    expect(host.calls.at(-1)).toBe('run to 9000');
    await view.find('[role=grid]').trigger('keydown', { key: 'ArrowLeft', altKey: true });
    await flushPromises();
    expect(document.querySelector('#head')?.textContent).toContain('follows eip of vCPU 0');
  });

  it('comes back to the next instruction with each stop, unless it is told to stay', async () => {
    const view = await open(DisassemblyPanel);
    await told(stop);
    await ask(0x9000n);
    const head = document.querySelector('#head');
    expect(head?.textContent).toContain('fixed');
    await told({ kind: 'running' }, stop);
    expect(head?.textContent).toContain('follows');
    head?.querySelector<HTMLElement>('[data-action=follow]')?.click();
    await told({ kind: 'running' }, stop);
    expect(head?.textContent).toContain('fixed');
    expect(view.find('.pc').exists()).toBe(true);
  });

  it('shows what another panel asks for', async () => {
    const view = await open(DisassemblyPanel);
    await told(stop);
    await ask(0x9000n);
    expect(view.find('.chosen').attributes('data-address')).toBe(String(0x9000));
  });
});
