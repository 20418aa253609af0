import { flushPromises } from '@vue/test-utils';
import type { Component } from 'vue';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PairEventMessage } from '../../../main/contract/pairs.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { pairResync, pairSample, pairStatus, preflightPoint } from '../../testing/fake-pairs.ts';
import { openPanel, type OpenPanel } from '../../testing/open-panel.ts';
import { useApplication } from '../../stores/application.ts';
import ChartsPanel from './ChartsPanel.vue';
import ClientPanel from './ClientPanel.vue';
import DivergencePanel from './DivergencePanel.vue';
import EventsPanel from './EventsPanel.vue';
import FaultsPanel from './FaultsPanel.vue';
import PairRequestsPanel from './PairRequestsPanel.vue';
import PairStatus from './PairStatus.vue';
import StatePanel from './StatePanel.vue';

let host: FakeHost;
let open: OpenPanel | undefined;
beforeEach(() => {
  host = new FakeHost([machine()]);
});
afterEach(() => open?.close());

async function show(panel: Component, cpus = 1): Promise<OpenPanel> {
  open = await openPanel(panel, host, cpus);
  return open;
}
const text = (): string => document.body.innerText || document.body.textContent || '';
const button = (selector: string): HTMLButtonElement => {
  const found = document.querySelector<HTMLButtonElement>(selector);
  if (!found) throw new Error(`There is no ${selector}.`);
  return found;
};
async function click(selector: string): Promise<void> {
  button(selector).click();
  await flushPromises();
}
async function pairIs(part: Parameters<typeof pairStatus>[0] = {}, events: PairEventMessage[] = []): Promise<void> {
  const now = Date.now();
  host.pairs.say({ kind: 'now', status: pairStatus(part), samples: [pairSample(now - 500), pairSample(now)], events });
  await flushPromises();
}
const unprotected = { state: 'unprotected' as const, reason: 'The secondary is gone.', sides: { a: pairStatus().sides.a, b: null } };

describe('the pre-flight list', () => {
  it('has each point with what mends it, and makes no pair while one is in the way', async () => {
    host.pairs.points = [preflightPoint('state', { state: 'blocks', sentence: 'It is running.', actions: ['powerOff'] }), preflightPoint('vcpus', { state: 'note' })];
    await show(StatePanel);
    expect(text()).toContain('It is running.');
    expect(text()).toContain('One point is in the way.');
    expect(button('[data-action=create-pair]').disabled).toBe(true);
    host.pairs.points = [preflightPoint('state'), preflightPoint('vcpus', { state: 'note', actions: ['oneVcpu'] })];
    await click('[data-mend=powerOff]');
    expect(host.calls).toContain('powerOff hello');
    expect(button('[data-action=create-pair]').disabled).toBe(false);
    await click('[data-mend=oneVcpu]');
    expect(host.calls).toContain('configure hello cpus');
  });

  it('makes a pair at the port that was named, and says why it was refused', async () => {
    const { view } = await show(StatePanel);
    await view.find('[data-testid=pair-port]').setValue('70000');
    expect(button('[data-action=create-pair]').disabled).toBe(true);
    await view.find('[data-testid=pair-port]').setValue('4567');
    await flushPromises();
    host.pairs.refusal = 'The disk is full.';
    await view.find('form.make').trigger('submit');
    await flushPromises();
    expect(text()).toContain('The disk is full.');
    host.pairs.refusal = undefined;
    await view.find('[data-testid=pair-gone]').setValue('20');
    expect(button('[data-action=create-pair]').disabled).toBe(true);
    await view.find('[data-testid=pair-gone]').setValue('3000');
    await view.find('form.make').trigger('submit');
    await flushPromises();
    expect(host.calls).toContain('pair create hello 4567');
  });
});

describe('a second machine on another host', () => {
  it('is offered where hosts are known, with the etcd that it needs', async () => {
    host.pairs.peers = [{ name: 'rack-2', address: 'rack-2:7443' }];
    const { view } = await show(StatePanel);
    await view.find('[data-testid=pair-peer]').setValue('rack-2');
    const etcd = view.find('.etcd input');
    await etcd.setValue('rack-3');
    expect(button('[data-action=create-pair]').disabled).toBe(true);
    await etcd.setValue('http://rack-3:2379');
    await flushPromises();
    await view.find('form.make').trigger('submit');
    await flushPromises();
    expect(host.calls).toContain('pair create hello 0 rack-2 http://rack-3:2379');
    await pairIs({ lease: 'etcd', away: 'rack-2' });
    expect(text()).toContain('in etcd: side a, term 3');
    expect(text()).toContain('TLS to rack-2, both authenticated, 0.31 ms');
  });

  it('takes the files for an etcd over https, by hand or from the system’s dialog, and leaves out what is empty', async () => {
    host.pairs.peers = [{ name: 'rack-2', address: 'rack-2:7443' }];
    const { view } = await show(StatePanel);
    await view.find('[data-testid=pair-peer]').setValue('rack-2');
    await view.find('.etcd input').setValue('http://rack-3:2379');
    useApplication().about = await host.client.application.about();
    expect(view.findAll('[data-etcd-file]')).toHaveLength(0);
    await view.find('.etcd input').setValue('https://rack-3:2379');
    await view.find('[data-etcd-file=ca]').setValue(' /etc/pki/ca.pem ');
    await view.find('[data-etcd-file=key]').setValue('/x');
    await view.find('[data-etcd-file=key]').setValue('');
    await view.find('[data-browse=certificate]').trigger('click');
    await flushPromises();
    expect(view.find<HTMLInputElement>('[data-etcd-file=certificate]').element.value).toBe('/chosen/file');
    await view.find('form.make').trigger('submit');
    await flushPromises();
    expect(host.calls).toContain('pair create hello 0 rack-2 https://rack-3:2379 {"ca":"/etc/pki/ca.pem","certificate":"/chosen/file"}');
  });
});

describe('the state of a pair', () => {
  it('stands there with its reason, its lease, its link and its clients', async () => {
    await show(StatePanel);
    await pairIs();
    for (const words of ['Protected', 'clients lose nothing', 'Outputs agree.', 'side a, term 3, checked 46 ms ago', 'this host, local sockets, 0.31 ms', '412 KiB/s, 9.2 % of it resyncs', '6.2 % of the time, vCPUs stopped 0.04 %', '1 client at 127.0.0.1:4001'])
      expect(text()).toContain(words);
    await click('[data-action=failover]');
    await click('[data-action=resync]');
    expect(host.calls).toEqual(expect.arrayContaining(['pair failover hello', 'pair resync hello']));
    host.pairs.refusal = 'Nobody could take over.';
    await click('[data-action=failover]');
    expect(text()).toContain('Nobody could take over.');
  });

  it('offers a second machine again when one is gone, and asks before the pair ends', async () => {
    await show(StatePanel);
    await pairIs(unprotected, [{ at: Date.now(), by: 'person', kind: 'failover', text: 'Killed for a test.', took: 412 }]);
    expect(text()).toContain('The secondary is gone.');
    expect(text()).toContain('412 ms, a test, ');
    // A side that took over by itself is one too, and says for how long nothing was heard.
    await pairIs(unprotected, [{ at: Date.now(), by: 'b', kind: 'unprotected', text: 'It took over.', took: 1530 }]);
    expect(text()).toContain('1.53 s, ');
    expect(text()).not.toContain('a test');
    expect(document.querySelector('[data-action=failover]')).toBeNull();
    await click('[data-action=reprotect]');
    expect(host.calls).toContain('pair reprotect hello');
    await click('[data-action=end-pair]');
    expect(host.calls).not.toContain('pair break hello');
    await click('[data-action=end-pair-now]');
    expect(host.calls).toContain('pair break hello');
    host.pairs.say({ kind: 'none' });
    await flushPromises();
    expect(document.querySelector('[data-action=create-pair]')).not.toBeNull();
  });

  it('has nobody to protect where no side answers', async () => {
    await show(StatePanel);
    await pairIs({ state: 'lost', primary: null, sides: { a: null, b: null }, reason: 'No side answers as the primary.' });
    expect(button('[data-action=reprotect]').disabled).toBe(true);
    expect(text()).toContain('nobody answers who has it');
  });
});

describe('faults', () => {
  it('are injected into the side that they are for, and only where there is one', async () => {
    await show(FaultsPanel, 2);
    expect([...document.querySelectorAll<HTMLButtonElement>('[data-fault]')].every(({ disabled }) => disabled)).toBe(true);
    await pairIs();
    await click('[data-fault=kill-primary]');
    await click('[data-fault=flip-memory]');
    await click('[data-fault=delay]');
    expect(host.calls).toEqual([
      'pair inject primary {"kind":"kill"}',
      'pair inject secondary {"kind":"flip-memory","address":3141632}',
      'pair inject secondary {"kind":"delay","milliseconds":50,"seconds":10}',
    ]);
    await open?.view.find('[aria-label="Flip a register: whose"]').setValue('primary');
    await open?.view.find('[data-choice=register]').setValue('ebp');
    await open?.view.find('[data-choice=cpu]').setValue('1');
    await click('[data-fault=flip-register]');
    await click('[data-fault=flip-output]');
    expect(host.calls.slice(-2)).toEqual(['pair inject primary {"kind":"flip-register","cpu":1,"register":"ebp"}', 'pair inject primary {"kind":"flip-output"}']);
    await open?.view.find('.address input').setValue('xyz');
    expect(button('[data-fault=flip-memory]').disabled).toBe(true);
    await pairIs(unprotected);
    expect(button('[data-fault=kill-secondary]').disabled).toBe(true);
    expect(button('[data-fault=cut]').disabled).toBe(true);
  });

  it('ask first where nobody would take over', async () => {
    await show(FaultsPanel);
    await pairIs(unprotected);
    await click('[data-fault=kill-primary]');
    expect(host.calls).toEqual([]);
    await click('[data-action=inject-now]');
    expect(host.calls).toEqual(['pair inject primary {"kind":"kill"}']);
  });
});

describe('what a pair has lived through', () => {
  it('is told newest first with its cost, without the checkpoints of a storm', async () => {
    await show(EventsPanel);
    const now = Date.now();
    const note: PairEventMessage = { at: now - 400, by: 'b', kind: 'note', text: 'The primary is gone: its link is closed.' };
    await pairIs({}, [
      { at: now - 9000, by: 'a', kind: 'protected', text: 'Protected: outputs agree.' },
      pairResync(now - 5000),
      pairResync(now - 4000, 'periodic'),
      note,
      { at: now - 300, by: 'b', kind: 'unprotected', text: 'It took over.' },
    ]);
    const rows = () => [...document.querySelectorAll('tr[data-event]')].map((row) => row.getAttribute('data-event'));
    expect(rows()).toEqual(['unprotected', 'note', 'resync', 'protected']);
    expect(text()).toContain('paused 11 ms, 38 pages, 152 KiB');
    expect(document.querySelectorAll('.band rect.protected, .band rect.unprotected')).toHaveLength(2);
    expect(document.querySelectorAll('.band .tick')).toHaveLength(1);
    // What both have in common behind a resync stands beside it.
    expect(text()).toContain('both sides are equal again, hash 7c41…e09a.');
    expect(text()).not.toContain('Side b: Side b');
  });

  it('is filtered by kind, and one of them is chosen by keys', async () => {
    const { head, view } = await show(EventsPanel);
    const now = Date.now();
    const note: PairEventMessage = { at: now - 400, by: 'b', kind: 'note', text: 'A note.' };
    await pairIs({}, [{ at: now - 9000, by: 'a', kind: 'protected', text: 'Protected.' }, pairResync(now - 5000), note]);
    const grid = view.find('[role=grid]');
    await grid.trigger('keydown', { key: 'ArrowDown' });
    await grid.trigger('keydown', { key: 'ArrowDown' });
    expect(document.querySelector('tr[aria-selected=true]')?.getAttribute('data-event')).toBe('resync');
    expect(grid.attributes('aria-activedescendant')).toBe('pair-event-chosen');
    // What comes later leaves the choice where it is.
    await pairIs({}, [{ ...note, at: now, text: 'Another.' }]);
    expect(document.querySelector('tr[aria-selected=true]')?.getAttribute('data-event')).toBe('resync');
    await grid.trigger('keydown', { key: 'Escape' });
    expect(document.querySelector('tr[aria-selected=true]')).toBeNull();

    head.querySelector<HTMLElement>('[data-action=filter-events]')?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    await flushPromises();
    document.querySelector<HTMLElement>('[data-kind=note]')?.click();
    await flushPromises();
    const rows = [...document.querySelectorAll('tr[data-event]')].map((row) => row.getAttribute('data-event'));
    expect(rows).toEqual(['resync', 'protected']);
    expect(head.querySelector('[data-action=filter-events]')?.getAttribute('aria-label')).toBe('Filter events: 1 of 7 kinds are hidden');
  });

  it('shows the first bytes that differed, and the pages', async () => {
    await show(DivergencePanel);
    await pairIs();
    expect(text()).toContain('What both said has been equal so far.');
    await pairIs({}, [pairResync(Date.now())]);
    expect(text()).toContain('the first serial port, at offset 1,204,118');
    expect([...document.querySelectorAll('td .ch')].map(({ textContent }) => textContent)).toEqual(['66', 'f', '65', 'e']);
    expect(text()).toContain('ram 2ff');
    expect(text()).toContain('Both said before: ok·');
    expect([...document.querySelectorAll('[data-testid=difference] li')].map(({ textContent }) => textContent)).toEqual([
      'First register of vCPU 1: ecx was 0x00000007 on the primary, 0x00000006 on the secondary.',
      'First byte: ram 0x002ff123 in page 2ff was 0x80 on the primary, 0x81 on the secondary.',
      'Pages that differed: 37 of ram, 1 of disk ide0.0.',
      'Instructions until then: 4,096,120 on the primary, 4,096,001 on the secondary.',
    ]);
  });
});

describe('the line of facts', () => {
  it('says who speaks where, and what clients were given', async () => {
    await show(PairStatus);
    expect(text()).not.toContain('lost');
    await pairIs();
    expect(text()).toContain('primary: side asecondary: side b1 client4,096 bytes out0 lost');
    await pairIs({ ...unprotected, primary: 'b', sides: { a: null, b: pairStatus().sides.a }, away: 'rack-2', gateway: null });
    expect(text()).toContain('primary: rack-2this host is gonethe gateway does not answer');
  });
});

describe('what went in and out', () => {
  const bytes = (words: string): Uint8Array => Uint8Array.from(Buffer.from(words));

  it('is text or bytes with the place in the stream, and goes on with it', async () => {
    const { head } = await show(ClientPanel);
    await pairIs({ gateway: { pid: 10, port: 4001, clients: 0, bytesIn: 0, bytesOut: 0, waitingInputs: 0, lost: 0 } });
    expect(text()).toContain('Nothing has left by COM1 yet.');
    expect(head.textContent).toContain('no client at 127.0.0.1:4001; what leaves waits for one');
    host.pairs.outside.bytes = bytes('ready\n1 7 100');
    await pairIs();
    host.pairs.outside.bytes = bytes('ready\n1 7 100 100\r\n\x01');
    await pairIs();
    const lines = () => [...document.querySelectorAll('[data-testid=pair-client] .l')].map(({ textContent }) => textContent);
    expect(lines()).toEqual(['0ready', '61 7 100 100', '19·']);
    expect(text()).toContain('Bytes 0 to 19 of what left');
    head.querySelector<HTMLElement>('[data-mode=hex]')?.click();
    await flushPromises();
    expect(document.querySelectorAll('.hex-row')).toHaveLength(2);
    expect(document.querySelector('.hex-row')?.textContent).toContain('72');
    // Another pair is another stream.
    host.pairs.outside.bytes = bytes('new');
    await pairIs({ gateway: { pid: 99, port: 4001, clients: 1, bytesIn: 0, bytesOut: 3, waitingInputs: 0, lost: 0 } });
    expect(text()).toContain('Bytes 0 to 2 of what left');
  });

  it('is a list of inputs, newest first, that says what its times are', async () => {
    const { head } = await show(PairRequestsPanel);
    host.pairs.outside.inputs = [
      { number: 0, at: 1000, kind: 'serial', bytes: 40, begin: bytes('1 7 100\n'), left: { after: 1.254, offset: 6, begin: bytes('1 7 100 100\n') } },
      { number: 1, at: 2000, kind: 'keys', bytes: 2, begin: bytes('ab'), left: { after: 3, offset: 7, begin: new Uint8Array(0) } },
      { number: 2, at: 3000, kind: 'serial', bytes: 3, begin: bytes('2 7'), left: null },
    ];
    await pairIs();
    const cells = [...document.querySelectorAll('tr[data-request]')].map((row) => [...row.querySelectorAll('td')].slice(1).map(({ textContent }) => textContent));
    expect(cells).toEqual([
      ['2 7', '3', 'nothing yet', '–'],
      ['2 bytes of keys', '2', 'offset 7, not kept any more', '3.00 ms'],
      ['1 7 100·…', '40', '1 7 100 100·', '1.25 ms'],
    ]);
    expect(head.textContent).toBe('p50 3.00 ms, p95 3.00 ms of the last 2');
    expect(text()).toContain('that byte may answer something earlier');
  });
});

describe('the charts', () => {
  it('have a figure for now, and a line that breaks where nothing could be measured', async () => {
    await show(ChartsPanel);
    expect(text()).toContain('Charts begin when the machine is a pair.');
    const now = Date.now();
    const samples = [pairSample(now - 3000), pairSample(now - 2500, { lag: null }), pairSample(now - 2000), pairSample(now, { lag: 3.25 })];
    host.pairs.say({ kind: 'now', status: pairStatus(), samples, events: [pairResync(now - 1000)] });
    await flushPromises();
    const chart = (title: string) => document.querySelector(`svg[aria-label^="${title}"]`);
    expect(chart('Lag')?.getAttribute('aria-label')).toContain('now 3.3 ms');
    expect(chart('Lag')?.querySelectorAll('polyline')).toHaveLength(2);
    expect(chart('Held output')?.getAttribute('aria-label')).toContain('now 1.40 KiB');
    expect(chart('Resyncs')?.getAttribute('aria-label')).toContain('now 1 in 15 min');
    expect(chart('Pages per resync')?.querySelectorAll('.bar')).toHaveLength(1);
    expect(chart('Pause')?.getAttribute('aria-label')).toContain('now 11 ms');
    expect(chart('Link')?.getAttribute('aria-label')).toContain('KiB/s');
  });
});
