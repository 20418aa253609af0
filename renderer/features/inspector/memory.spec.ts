import { flushPromises } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { openPanel, tell, type OpenPanel } from '../../testing/open-panel.ts';
import BreakpointsPanel from './BreakpointsPanel.vue';
import CallStackPanel from './CallStackPanel.vue';
import MemoryPanel from './MemoryPanel.vue';
import StackPanel from './StackPanel.vue';

let host: FakeHost;
let panel: OpenPanel;
const stop = { kind: 'stopped', cause: { kind: 'pause' } } as const;

beforeEach(() => {
  host = new FakeHost([machine({ state: 'paused' })]);
});
afterEach(() => panel.close());

async function go(text: string): Promise<void> {
  await panel.view.find('form input').setValue(text);
  await panel.view.find('form').trigger('submit');
  await flushPromises();
}
const row = (address: string) => panel.view.findAll('.hex-row').find((each) => each.find('.ad').text() === address);

describe('memory', () => {
  it('shows bytes with what their page is, and says why others were not read', async () => {
    host.debug.memory.set(new TextEncoder().encode('Lantern'), 0xffc0);
    host.debug.pages = { user: false, hasCode: true, traced: true };
    panel = await openPanel(MemoryPanel, host);
    await tell(host, stop);
    await go('ffc0');
    expect(row('0000ffc0')?.text()).toContain('Lantern');
    expect(row('0000ffc0')?.find('.letters').text()).toBe('PW·X··T');
    expect(row('0000ffc0')?.find('.kind').classes()).toContain('traced');
    expect(panel.view.find('.pg').text()).toContain('traced by the guard');
    expect(row('00010000')?.text()).toContain('not present, nothing was read');
    panel.request.value = { address: 0x600n, physical: true };
    await flushPromises();
    expect(panel.head.textContent).toContain('physical');
    // Rights are those of a mapping.
    expect(row('00000600')?.find('.letters').text()).toBe('······T');
    await go('nowhere');
    expect(panel.view.find('[role=alert]').text()).toContain('named nowhere');
  });

  it('changes a byte that two digits are typed over, and marks it', async () => {
    panel = await openPanel(MemoryPanel, host);
    await tell(host, stop);
    await go('600');
    const grid = panel.view.find('[role=grid]');
    await grid.trigger('keydown', { key: 'ArrowRight' });
    await grid.trigger('keydown', { key: 'a' });
    expect(row('00000600')?.find('.chosen').text()).toBe('a_');
    await grid.trigger('keydown', { key: '5' });
    await flushPromises();
    expect(host.calls).toEqual(['write 601 a5']);
    expect(row('00000600')?.text()).toContain('00a500');
    expect(grid.attributes('aria-activedescendant')).toBe(`byte-${0x602}`);
    host.debug.memory[0x600] = 9;
    await tell(host, { kind: 'running' }, stop);
    expect(
      row('00000600')
        ?.findAll('.hex .ch')
        .map((each) => each.text()),
    ).toEqual(['09']);
    host.debug.refusal = 'There is no RAM at 0x602, so nothing was written.';
    await grid.trigger('keydown', { key: '1' });
    await grid.trigger('keydown', { key: '1' });
    await flushPromises();
    expect(panel.view.find('[role=alert]').text()).toContain('nothing was written');
  });

  it('is shown and changed in words of 16, 32 and 64 bits as well', async () => {
    host.debug.memory.set([0x78, 0x56, 0x34, 0x12, 0xef, 0xbe, 0xad, 0xde], 0x600);
    panel = await openPanel(MemoryPanel, host);
    await tell(host, stop);
    await go('605');
    const words = () =>
      row('00000600')
        ?.findAll('.hex > span')
        .map((each) => each.text())
        .slice(0, 2);
    const widen = async (bytes: number): Promise<void> => {
      await panel.view.find('[aria-label="Bytes of a word"]').setValue(String(bytes));
      await flushPromises();
    };
    await widen(2);
    expect(words()).toEqual(['5678', '1234']);
    await widen(8);
    expect(words()).toEqual(['deadbeef12345678', '0000000000000000']);
    await widen(4);
    expect(words()).toEqual(['12345678', 'deadbeef']);
    // The word that has what was chosen: 605h, then the eight bytes around it.
    expect(row('00000600')?.find('.chosen').text()).toBe('12345678');
    const grid = panel.view.find('[role=grid]');
    await grid.trigger('keydown', { key: 'ArrowRight' });
    expect(row('00000600')?.find('.chosen').text()).toBe('deadbeef');
    await grid.trigger('keydown', { key: 'ArrowLeft' });
    for (const key of 'cafe010') await grid.trigger('keydown', { key });
    expect(row('00000600')?.find('.chosen').text()).toBe('cafe010_');
    expect(host.calls).toEqual([]);
    await grid.trigger('keydown', { key: '2' });
    await flushPromises();
    expect(host.calls).toEqual(['write 600 2 1 fe ca']);
    expect(grid.attributes('aria-activedescendant')).toBe(`byte-${0x604}`);
  });

  it('of a running machine is read live by what does not stop it, and cannot be typed over', async () => {
    vi.useFakeTimers();
    try {
      panel = await openPanel(MemoryPanel, host);
      await tell(host, stop);
      await go('600');
      await tell(host, { kind: 'running' });
      await vi.advanceTimersByTimeAsync(300);
      await flushPromises();
      expect(host.calls.at(-1)).toBe('peek 600');
      expect(panel.head.textContent).toContain('live');
      expect(row('00000600')?.find('.letters').text()).toBe('');
      host.debug.memory[0x600] = 0x41;
      await vi.advanceTimersByTimeAsync(600);
      await flushPromises();
      expect(row('00000600')?.text()).toContain('A·');
      await panel.view.find('[role=grid]').trigger('keydown', { key: '1' });
      expect(panel.view.find('[role=alert]').text()).toBe('The machine runs. Pause it to change its memory.');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('breakpoints', () => {
  it('are added as people write them; a refusal stands where it was written', async () => {
    panel = await openPanel(BreakpointsPanel, host);
    await tell(host, { kind: 'off' });
    expect(panel.view.text()).toContain('No breakpoints.');
    host.debug.refusal = 'The port is missing.';
    await go('port');
    expect(panel.view.find('[role=alert]').text()).toBe('The port is missing.');
    host.debug.refusal = undefined;
    await go('port 0x60 read');
    expect(host.calls.at(-1)).toBe('break port 0x60 read');
    expect(panel.view.find('tbody tr').text()).toContain('60, read or write');
    expect(panel.view.find('[role=alert]').exists()).toBe(false);
  });

  it('are turned off, get a condition, and go by keys', async () => {
    panel = await openPanel(BreakpointsPanel, host);
    await go('port 0x60');
    await panel.view.find('table').trigger('keydown', { key: ' ' });
    await flushPromises();
    expect(host.calls.at(-1)).toBe('change 1 {"enabled":false}');
    expect(panel.view.find('.dot').classes()).toContain('off');
    const condition = panel.view.find('.editor input');
    await condition.setValue('value == 1');
    await condition.trigger('change');
    await flushPromises();
    expect(host.calls.at(-1)).toBe('change 1 {"condition":"value == 1"}');
    expect(panel.view.find('tbody').text()).toContain('off, if value == 1');
    await panel.view.find('table').trigger('keydown', { key: 'Delete' });
    await flushPromises();
    expect(host.calls.at(-1)).toBe('unbreak 1');
    expect(panel.view.find('table').exists()).toBe(false);
  });

  it('say what the last stop was for, and what those that log have said', async () => {
    panel = await openPanel(BreakpointsPanel, host);
    await go('port 0x60');
    await tell(
      host,
      { kind: 'logged', lines: [{ cpu: 0, id: 1, text: 'eax is 3' }], lost: 2 },
      { kind: 'stopped', cause: { kind: 'breakpoint', cpu: 0, hits: [{ id: 1, text: 'Port 0x60 was read: 0x1c', at: 0x60 }] } },
    );
    expect(panel.view.find('[role=status]').text()).toBe('Port 0x60 was read: 0x1c, by vCPU 0.');
    expect(panel.view.find('.log').text()).toContain('eax is 3');
    expect(panel.view.text()).toContain('2 lines came too fast to be shown.');
    expect(panel.view.find('tr.sel').attributes('data-breakpoint')).toBe('1');
  });
});

describe('the stack', () => {
  const frame = { selector: 8, errorCode: null, source: null };
  beforeEach(() => {
    host.debug.frames = [
      { ...frame, kind: 'top', offset: 0x7c00, linear: 0x7c00, at: null, symbol: 'work+0x2' },
      { ...frame, kind: 'interrupt', offset: 0x9000, linear: 0x9000, at: 0x504, errorCode: 2, symbol: null },
    ];
  });

  it('tells who called whom, and goes there', async () => {
    panel = await openPanel(CallStackPanel, host);
    await tell(host, stop);
    expect(panel.view.text()).toContain('work+0x2');
    expect(panel.view.text()).toContain('Exception with error code 2');
    expect(panel.view.text()).toContain('There is nothing behind it.');
    await panel.view.findAll('button')[1]?.trigger('click');
    expect(panel.shown).toEqual([{ panel: 'disassembly', request: { address: 0x9000n } }]);
  });

  it('is shown word by word, with return addresses', async () => {
    host.debug.values.set('esp', 0x500n).set('ebp', 0x508n);
    host.debug.memory.set([0x78, 0x56, 0x34, 0x12, 0, 0x90], 0x500);
    panel = await openPanel(StackPanel, host);
    await tell(host, stop);
    const lines = panel.view.findAll('.l').map((each) => each.text());
    expect(lines[0]).toContain('12345678');
    expect(lines[1]).toContain('returns to 00009000');
    expect(lines[2]).toContain('where ebp points');
  });
});
