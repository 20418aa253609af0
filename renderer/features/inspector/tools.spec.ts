import { flushPromises } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { openPanel, tell, type OpenPanel } from '../../testing/open-panel.ts';
import FpuPanel from './FpuPanel.vue';
import SymbolsPanel from './SymbolsPanel.vue';
import TracePanel from './TracePanel.vue';
import WatchesPanel from './WatchesPanel.vue';
import { extendedText } from './x87.ts';

let host: FakeHost;
let panel: OpenPanel | undefined;
const stop = { kind: 'stopped', cause: { kind: 'pause' } } as const;

beforeEach(() => {
  localStorage.clear();
  host = new FakeHost([machine({ state: 'paused' })]);
});
afterEach(() => {
  panel?.close();
  panel = undefined;
});

describe('watches', () => {
  it('are evaluated at each stop, mark what changed, and are there again', async () => {
    host.debug.symbols.set(0x1234, 'ticks');
    panel = await openPanel(WatchesPanel, host);
    await tell(host, stop);
    for (const text of ['ticks', 'nothing']) {
      await panel.view.find('form input').setValue(text);
      await panel.view.find('form').trigger('submit');
      await flushPromises();
    }
    const rows = (): string[] => panel?.view.findAll('tbody tr').map((each) => each.text()) ?? [];
    expect(rows()[0]).toContain('000012344660');
    expect(rows()[1]).toContain('There is no register or symbol named nothing.');
    expect(panel.view.find('.ch').exists()).toBe(false);
    host.debug.symbols.clear();
    host.debug.symbols.set(0x1235, 'ticks');
    await tell(host, { kind: 'running' }, stop);
    expect(panel.view.find('.ch').text()).toContain('1235');
    panel.close();
    panel = await openPanel(WatchesPanel, host);
    expect(rows()).toHaveLength(2);
  });
});

describe('symbols', () => {
  it('are loaded from dropped files, found, and gone to', async () => {
    panel = await openPanel(SymbolsPanel, host);
    expect(panel.view.text()).toContain('No symbols.');
    const { view } = panel;
    await view.find('.bias').setValue('-1000');
    const files = [new File(['00001000 T start'], 'kernel.map')];
    const drop = Object.assign(new Event('drop', { bubbles: true }), { dataTransfer: { files } });
    host.debug.symbols.set(0x9000, 'idle');
    view.find('.panel').element.dispatchEvent(drop);
    await flushPromises();
    await flushPromises();
    expect(host.calls.at(-1)).toBe('symbols kernel.map 16 -4096');
    expect(view.find('.files').text()).toContain('kernel.map1 symbol, moved by -1000');
    await view.find('.place').trigger('click');
    expect(panel.shown).toEqual([{ panel: 'disassembly', request: { address: 0x9000n } }]);
    await view.find('[aria-label="Find a symbol"]').setValue('xyz');
    await flushPromises();
    expect(view.text()).toContain('0 symbols');
    host.debug.refusal = 'It is in use.';
    await view.find('[aria-label="Remove kernel.map"]').trigger('click');
    await flushPromises();
    expect(view.find('[role=alert]').text()).toBe('It is in use.');
  });
});

describe('the trace', () => {
  it('is recorded when asked to, and read at a stop', async () => {
    panel = await openPanel(TracePanel, host);
    const { view } = panel;
    await tell(host, stop);
    expect(view.text()).toContain('Nothing was recorded. Press Record');
    await view.find('[data-action=record]').trigger('click');
    await flushPromises();
    expect(host.calls.at(-1)).toBe('record transfers');
    const entry = { eip: 0, cs: 8, mode: 'protected' };
    host.debug.trace = [
      { ...entry, linear: 0x7c00, instruction: 1, text: 'call 0x9000', symbol: 'start' },
      { ...entry, linear: 0x9000, instruction: 2, text: 'hlt', symbol: 'idle' },
    ];
    await tell(host, { kind: 'running' }, stop);
    expect(view.findAll('.place')).toHaveLength(2);
    await view.find('[aria-label="Show only"]').setValue('idle');
    expect(view.findAll('.place').map((each) => each.text())).toEqual(['00009000hltidle']);
    await view.find('[data-action=stop]').trigger('click');
    await flushPromises();
    expect(host.calls.at(-1)).toBe('record nothing');
    expect(view.find('[data-action=record]').exists()).toBe(true);
  });
});

describe('floating point', () => {
  it('is shown as decimal numbers, and empty registers as empty', async () => {
    panel = await openPanel(FpuPanel, host);
    await tell(host, stop);
    const lines = panel.view.findAll('.l').map((each) => each.text());
    expect(lines[0]).toBe('st03.141592653589793');
    expect(lines[1]).toBe('st1empty');
  });

  it('knows what is no plain number', () => {
    const number = (top: number, mantissa: bigint): string => {
      const view = new DataView(new ArrayBuffer(10));
      view.setBigUint64(0, mantissa, true);
      view.setUint16(8, top, true);
      return extendedText(new Uint8Array(view.buffer));
    };
    const one = 1n << 63n;
    expect(number(0x3fff, one)).toBe('1');
    expect(number(0xbffe, one)).toBe('-0.5');
    expect(number(0x8000, 0n)).toBe('-0');
    expect(number(0x7fff, one)).toBe('infinity');
    expect(number(0xffff, one | (1n << 62n))).toBe('-quiet NaN');
    expect(number(0x7ffe, one)).toBe('1.000000000 × 2^16383');
    expect(number(0x3ffd, 0xaaaaaaaaaaaaaaabn)).toBe('0.33333333333333331');
  });
});
