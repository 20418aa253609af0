import { describe, expect, it } from 'vitest';
import type { GuardStateMessage } from '../../../main/contract/guard.ts';
import { alert, treeNode as node } from '../../testing/fake-guard.ts';
import { filterAlerts } from './alert-filter.ts';
import { AlertLog } from './alert-log.ts';
import { emptyForm, pagesTouched, parseBytes, rangeOf } from './range-form.ts';
import { rowsOf } from './tree-rows.ts';
import { leafOf, placesOf, shapeOf, wayTo } from './tree-shape.ts';
import { doneWords, guestTime, kindWords } from './wording.ts';

const state: GuardStateMessage = {
  ranges: [
    { address: 0x1ff000, bytes: 0x3000, action: 'deny', byHost: true },
    { address: 0x400000, bytes: 0x1000, action: 'log', byHost: false },
  ],
  nodes: [
    node(0xff000000, 2, null, 0),
    node(0xff001000, 1, 0xff000000, 0),
    node(0xff003000, 0, 0xff001000, 0x200000),
    node(0xff002000, 0, 0xff001000, 0),
    node(0xff004000, 0, 0xff001000, 0x400000),
    node(0xff005000, 0, null, null),
    node(0xff006000, null, null, null),
  ],
  treeAction: 'deny',
  agent: null,
  sealed: false,
  alerts: 0,
  treeAlerts: 0,
  damaged: 0,
};

describe('the log of alerts', () => {
  it('counts what never came by its missing numbers, and begins anew with a run', () => {
    const log = new AlertLog();
    log.add([alert(3), alert(4)]);
    expect([log.missed, log.alerts.length]).toEqual([3, 2]);
    log.add([alert(9)]);
    expect(log.missed).toBe(7);
    log.add([alert(0)]);
    expect([log.missed, log.alerts.length]).toEqual([0, 1]);
    expect(log.settle(1)).toBe(false);
    // The machine was switched on again, and nobody has written yet.
    expect(log.settle(0)).toBe(true);
    expect(log.alerts).toEqual([]);
  });

  it('keeps the newest, and says how many had to go', () => {
    const log = new AlertLog();
    log.add(
      Array.from({ length: 6000 }, (_, sequence) => alert(sequence, sequence === 5 ? { node: 0xff002000, kind: 'tree' } : {})),
    );
    expect(log.attacks.get(0xff002000)?.sequence).toBe(5);
    expect([log.alerts.length, log.dropped, log.missed, log.alerts[0]?.sequence]).toEqual([5000, 1000, 0, 1000]);
    // Counts are of all that came.
    expect(log.within(0x2000, 0x1000)).toBe(6000);
    expect(log.within(0x3000, 0x1000)).toBe(0);
  });

  it('is filtered by kind, and by each word of a text', () => {
    const alerts = [
      alert(0),
      alert(1, { kind: 'tree', node: 0xff002000 }),
      alert(2, { outcome: 'made', action: 'log', writer: null }),
    ];
    const found = (...asked: [Parameters<typeof filterAlerts>[1], string]) =>
      filterAlerts(alerts, ...asked).map(({ sequence }) => sequence);
    expect(found('all', '')).toEqual([0, 1, 2]);
    expect(found('tree', '')).toEqual([1]);
    expect(found('denied', '')).toEqual([0, 1]);
    expect(found('all', 'STRIKE tree')).toEqual([1]);
    expect(found('made', 'device')).toEqual([2]);
    expect(found('all', 'strike nowhere')).toEqual([]);
  });

  it('says what was done in words', () => {
    expect(doneWords(alert(0))).toBe('Denied');
    expect(doneWords(alert(0, { outcome: 'refused', action: 'fault' }))).toBe('Denied, #GP');
    expect(doneWords(alert(0, { action: 'powerOff' }))).toBe('Denied, powered off');
    expect(doneWords(alert(0, { outcome: 'made', action: 'pause' }))).toBe('Made, paused');
    expect(kindWords(alert(0, { cause: 'dma' }))).toBe('By DMA');
    expect(guestTime(8_112_407_330)).toBe('8.112 407 330');
  });
});

describe('the shape of the tree', () => {
  it('has listed pages below their leaves, cut where a leaf ends, and knows nodes out of reach', () => {
    const shape = shapeOf(state);
    expect(shape.root?.bytes).toBe(0x4000);
    expect(shape.root?.children[0]?.children.map(({ address, bytes }) => [address, bytes])).toEqual([
      [0xff002000, 0x1000],
      [0xff003000, 0x2000],
      [0xff004000, 0x1000],
    ]);
    expect(leafOf(shape, 0x1ff123)?.ranges).toEqual([{ address: 0x1ff000, bytes: 0x1000, action: 'deny', byHost: true }]);
    expect(wayTo(shape, leafOf(shape, 0x400000)).map(({ level }) => level)).toEqual([2, 1, 0]);
    expect([shape.lost.map(({ address }) => address), shape.spare]).toEqual([[0xff005000], 1]);
  });

  it('stands with each node in the middle above its own', () => {
    const places = new Map(placesOf(shapeOf(state), 10, 0, 100, 40).map(({ node: { address }, x, y }) => [address, [x, y]]));
    expect(places.get(0xff002000)).toEqual([10, 80]);
    expect(places.get(0xff004000)).toEqual([210, 80]);
    expect(places.get(0xff001000)).toEqual([110, 40]);
    expect(places.get(0xff000000)).toEqual([110, 0]);
  });

  it('is listed as far as it is open', () => {
    const shape = shapeOf(state);
    expect(rowsOf(shape, () => false)).toHaveLength(2);
    expect(rowsOf(shape, () => true)).toHaveLength(1 + 5 + 3);
    expect(rowsOf(shapeOf({ ...state, nodes: [] }), () => true)).toHaveLength(1);
  });
});

describe('the form that names memory', () => {
  it('takes sizes with units, and counts whole pages', () => {
    expect(['64', '16K', '1m', '0', '4G', ''].map(parseBytes)).toEqual([64, 16384, 1048576, undefined, undefined, undefined]);
    expect([pagesTouched(0xfff, 2), pagesTouched(0x1000, 4096)]).toEqual([2, 1]);
  });

  it('makes a range, or says why there is none', () => {
    const form = emptyForm();
    expect(rangeOf({ ...form, address: '0x1000', bytes: '8K' })).toEqual({ kind: 'physical', address: 0x1000, bytes: 8192 });
    expect(rangeOf({ ...form, kind: 'linear', address: 'c0000000', cpu: 1 })).toEqual({
      kind: 'linear',
      address: 0xc0000000,
      bytes: 1,
      cpu: 1,
    });
    expect(rangeOf({ ...form, kind: 'symbol', symbol: ' timer ' })).toEqual({ kind: 'symbol', name: 'timer', cpu: 0 });
    expect(rangeOf({ ...form, kind: 'structure', expression: 'a.b' })).toEqual({ kind: 'structure', expression: 'a.b', cpu: 0 });
    expect(rangeOf({ ...form, kind: 'table', table: 'gdt' })).toEqual({ kind: 'table', table: 'gdt', cpu: 0 });
    expect(rangeOf(form)).toBe('Where does it begin?');
    expect(rangeOf({ ...form, address: 'xyz' })).toContain('not an address');
    expect(rangeOf({ ...form, address: 'ffffffff', bytes: '2' })).toBe('It would reach beyond 4 GiB.');
    expect(rangeOf({ ...form, address: '0', bytes: 'many' })).toContain('is no size');
    expect(rangeOf({ ...form, kind: 'structure' })).toContain('Name an object');
  });
});
