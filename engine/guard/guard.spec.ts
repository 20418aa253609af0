import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Page } from '../cpu/platform.ts';
import { guardPagesBytes } from '../machine/guard-pages.ts';
import { mebibyte, pageSize } from '../machine/memory.ts';
import { BareMachine } from '../machine/testing/bare-machine.ts';
import { AlertKind, alertStream } from './alert.ts';
import { decodeAlerts } from './decode.ts';
import { Action, entryWords, indexAt } from './format.ts';
import { Guard } from './guard.ts';
import { GuardHypercalls, Status } from './hypercalls.ts';
import { firstOwnPage } from './nodes.ts';
import { guardBlock } from './state.ts';

const ramBytes = 32 * mebibyte;
const ramPages = ramBytes / pageSize;
const own = guardPagesBytes(ramBytes) / pageSize;

let machine: BareMachine;
let guard: Guard;

beforeEach(() => {
  machine = BareMachine.create({ ramBytes });
  guard = new Guard(machine.memory, machine.control, machine.bus, 0);
  machine.bus.lock.with(() => guard.reset(true));
});

const flagsOf = (page: number) => machine.memory.pageFlags[page]!;
const isTraced = (page: number) => (flagsOf(page) & Page.traced) !== 0;
const listed = () => guard.tree.list().map(({ page, action }) => [page, action]);
const taken = () => decodeAlerts(machine.bus.output(alertStream).take());
const protect = (first: number, count: number, action: number, byHost = true) =>
  guard.protect([{ first, count }], action, byHost);
const unprotect = (first: number, count: number, byHost = true) => guard.unprotect([{ first, count }], byHost);

describe('the pages of the machine itself', () => {
  it('are enough for every page of the guest', () => {
    expect(protect(0, 0xa0, Action.log)).toHaveProperty('flush');
    expect(protect(0x100, ramPages - 0x100, Action.log)).toHaveProperty('flush');
    expect(guard.status()).toMatchObject({ listed: ramPages - 0x60, spareNodes: 0 });
  });

  it('are memory that the guest can read, where every memory map says reserved', () => {
    expect(machine.memory.pageRead[firstOwnPage]).toBe(machine.memory.guardPagesBase);
    expect(firstOwnPage * pageSize).toBeGreaterThan(0xfef0_0000);
    expect(guardPagesBytes(3 * 1024 * mebibyte)).toBe((1536 + 3 + 1) * pageSize);
  });

  it('are traced from power-on, spare ones as well', () => {
    for (let page = firstOwnPage; page < firstOwnPage + own; page++) expect(isTraced(page)).toBe(true);
    expect(guard.judge(firstOwnPage + own - 1)).toMatchObject({ kind: AlertKind.tree, action: Action.deny });
  });
});

describe('legal updates', () => {
  it('list, change and take away whole ranges, and trace their pages', () => {
    protect(0x200, 3, Action.deny);
    protect(0x201, 1, Action.pause);
    expect(listed()).toEqual([
      [0x200, Action.deny],
      [0x201, Action.pause],
      [0x202, Action.deny],
    ]);
    expect([isTraced(0x1ff), isTraced(0x200), isTraced(0x202)]).toEqual([false, true, true]);
    unprotect(0x200, 2);
    expect(listed()).toEqual([[0x202, Action.deny]]);
    expect([isTraced(0x200), isTraced(0x202)]).toEqual([false, true]);
    expect(guard.status().listed).toBe(1);
  });

  it.each([
    ['an action that there is not', () => protect(0x200, 1, 7), 'bad-action'],
    ['no pages', () => protect(0x200, 0, Action.log), 'bad-range'],
    ['a chip', () => protect(0xb8, 1, Action.log), 'not-memory'],
    ['more than there is', () => protect(ramPages, 1, Action.log), 'not-memory'],
    ['its own nodes', () => protect(firstOwnPage, 1, Action.log), 'is-node'],
    ['what is not listed', () => unprotect(0x300, 1), 'not-listed'],
    ['a change of what is not listed', () => guard.change([{ first: 0x300, count: 1 }], Action.log, true), 'not-listed'],
    ['a range that is listed in part', () => (protect(0x300, 1, Action.log), unprotect(0x300, 2)), 'not-listed'],
  ])('refuse %s, and change nothing', (_name, update, reason) => {
    protect(0x200, 1, Action.deny);
    expect(update()).toMatchObject({ refused: reason });
    expect(listed()[0]).toEqual([0x200, Action.deny]);
  });

  it('are all or nothing when nodes run out', () => {
    while (guard.nodes.spare > 4) guard.nodes.take(0);
    protect(0x1ff, 1, Action.log);
    expect(protect(0x5fe, 1100, Action.deny)).toMatchObject({ refused: 'no-room' });
    expect(listed()).toEqual([[0x1ff, Action.log]]);
    expect([isTraced(0x5fe), guard.nodes.spare]).toEqual([false, 1]);
  });

  it('trace a node before it is linked, and leave none untraced at any moment', () => {
    const write = guard.nodes.write.bind(guard.nodes);
    let links = 0;
    guard.nodes.write = (page, word, value) => {
      expect(isTraced(page)).toBe(true);
      // The second word of an entry is written first: the page number, of a node unless this is a leaf.
      if (word % entryWords === 1 && value !== 0 && guard.nodes.levelOf(page) !== 0) {
        expect(isTraced(value)).toBe(true);
        links += 1;
      }
      if (guard.nodes.list().some((node) => !isTraced(node.page))) expect.fail('a node is not traced');
      write(page, word, value);
    };
    const change = fc.tuple(
      fc.boolean(),
      fc.nat(ramPages - 600).map((page) => page + 0x100),
      fc.integer({ min: 1, max: 5 }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 10 }), (changes) => {
        for (const [adds, page, count] of changes)
          if (adds) protect(page, count, Action.log);
          else unprotect(page, count);
      }),
      { numRuns: 50 },
    );
    expect(links).toBeGreaterThan(10);
  });

  it('keep flags and tree in step whatever comes', () => {
    const run = fc.record({ first: fc.integer({ min: 0x100, max: 0x700 }), count: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), run, fc.integer({ min: 1, max: 6 })), { maxLength: 30 }), (changes) => {
        guard.clear();
        const flat = new Map<number, number>();
        for (const [adds, { first, count }, action] of changes) {
          if (adds) {
            protect(first, count, action);
            for (let page = first; page < first + count; page++) flat.set(page, action);
          } else if (unprotect(first, count).refused === undefined) {
            for (let page = first; page < first + count; page++) flat.delete(page);
          }
        }
        expect(new Map(guard.tree.list().map(({ page, action }) => [page, action]))).toEqual(flat);
        for (let page = 0x100; page < 0x740; page++) if (isTraced(page) !== flat.has(page)) expect.fail(`page ${page}`);
        expect(guard.status().listed).toBe(flat.size);
      }),
      { numRuns: 60 },
    );
  });
});

describe('an agent', () => {
  beforeEach(() => guard.registerAgent(new TextEncoder().encode('agent')));

  it('cannot touch what the host has set', () => {
    protect(0x200, 1, Action.deny);
    expect(protect(0x200, 1, Action.log, false)).toMatchObject({ refused: 'host-only' });
    expect(unprotect(0x200, 1, false)).toMatchObject({ refused: 'host-only' });
  });

  it('can add but neither take back nor weaken once it has sealed itself; the host can', () => {
    protect(0x200, 1, Action.deny, false);
    guard.seal();
    expect(unprotect(0x200, 1, false)).toMatchObject({ refused: 'sealed' });
    expect(protect(0x1ff, 2, Action.log, false)).toMatchObject({ refused: 'sealed' });
    expect(protect(0x201, 1, Action.deny, false)).toHaveProperty('flush');
    expect(unprotect(0x200, 1)).toHaveProperty('flush');
  });

  it('gives pages that are traced before they are the tree’s, and emptied', () => {
    machine.memory.ram.fill(0xee, 0x300 * pageSize, 0x302 * pageSize);
    expect(guard.traceDonated(0x300, 2)).toHaveProperty('flush');
    expect([isTraced(0x300), isTraced(0x301)]).toEqual([true, true]);
    guard.takeDonated(0x300, 2);
    expect(machine.memory.ram[0x301 * pageSize]).toBe(0);
    expect(guard.traceDonated(0x301, 1)).toMatchObject({ refused: 'is-node' });
    protect(0x400, 1, Action.log);
    expect(guard.traceDonated(0x400, 1)).toMatchObject({ refused: 'listed' });
    expect(guard.traceDonated(0x500, 4000)).toMatchObject({ refused: 'too-many-nodes' });
  });
});

describe('a device', () => {
  const listedPage = 0x200;

  it('raises one alert a page, and what is denied does not land', () => {
    protect(listedPage, 1, Action.deny);
    protect(listedPage + 1, 1, Action.log);
    machine.bus.lock.with(() => machine.bus.memory.dmaWrite(listedPage * pageSize + 0xff0, new Uint8Array(64).fill(0xab)));
    expect(taken()).toMatchObject([
      {
        kind: 'listed',
        cause: 'dma',
        outcome: 'dropped',
        physical: listedPage * pageSize + 0xff0,
        size: 16,
        writer: undefined,
        linear: undefined,
      },
      { kind: 'listed', cause: 'dma', outcome: 'made', physical: (listedPage + 1) * pageSize, size: 48 },
    ]);
    expect([machine.memory.ram[listedPage * pageSize + 0xff0], machine.memory.ram[(listedPage + 1) * pageSize]]).toEqual([
      0, 0xab,
    ]);
  });

  it('raises the tree alert first when its transfer touches a node and a listed page', () => {
    guard.registerAgent(new Uint8Array());
    guard.traceDonated(0x301, 1);
    guard.takeDonated(0x301, 1);
    protect(0x300, 1, Action.log);
    machine.bus.lock.with(() => machine.bus.memory.dmaWrite(0x300 * pageSize, new Uint8Array(2 * pageSize).fill(1)));
    expect(taken().map(({ kind, outcome, physical }) => [kind, outcome, physical])).toEqual([
      ['tree', 'dropped', 0x301 * pageSize],
      ['listed', 'made', 0x300 * pageSize],
    ]);
    expect([machine.memory.ram[0x300 * pageSize], machine.memory.ram[0x301 * pageSize]]).toEqual([1, 0]);
    expect(guard.status()).toMatchObject({ alerts: 2, treeAlerts: 1 });
  });

  it('raises nothing at a page that nobody listed', () => {
    protect(listedPage, 1, Action.deny);
    machine.bus.lock.with(() => machine.bus.memory.dmaWrite((listedPage + 1) * pageSize, new Uint8Array(8)));
    expect(taken()).toEqual([]);
  });

  it('is what pauses and switches off, by a request of the machine', () => {
    protect(listedPage, 1, Action.pause);
    protect(listedPage + 1, 1, Action.powerOff);
    machine.bus.lock.with(() => machine.bus.memory.dmaWrite(listedPage * pageSize, new Uint8Array(2 * pageSize).fill(7)));
    expect(machine.requests.map(({ kind }) => kind)).toEqual(['pause', 'powerOff']);
    expect([machine.memory.ram[listedPage * pageSize], machine.memory.ram[(listedPage + 1) * pageSize]]).toEqual([7, 0]);
  });
});

describe('a damaged tree', () => {
  it('protects what cannot be looked up by the action of the tree, and says where the damage is', () => {
    protect(0x200, 1, Action.log);
    const root = machine.memory.block(guardBlock).root - 1;
    guard.nodes.write(root, entryWords * indexAt(0x200, 2), 0xdeadbeef);
    expect(guard.judge(0x200)).toMatchObject({ kind: AlertKind.damaged, action: Action.deny, node: root, level: 2 });
    expect(protect(0x201, 1, Action.log)).toMatchObject({ refused: 'damaged' });
    guard.clear();
    expect(protect(0x201, 1, Action.log)).toHaveProperty('flush');
    expect(isTraced(0x200)).toBe(false);
  });
});

describe('a restored state', () => {
  it('has the same pages listed and traced on a machine that knows nothing yet', () => {
    protect(0x200, 2, Action.deny);
    const blocks = machine.memory.directory
      .list()
      .filter(({ name }) => name.startsWith('guard'))
      .map(({ bytes }) => Uint8Array.from(bytes));
    const pages = Uint8Array.from(machine.memory.guardPages);
    const fresh = BareMachine.create({ ramBytes });
    const restored = new Guard(fresh.memory, fresh.control, fresh.bus, -1);
    fresh.memory.guardPages.set(pages);
    fresh.memory.directory
      .list()
      .filter(({ name }) => name.startsWith('guard'))
      .forEach(({ bytes }, index) => bytes.set(blocks[index]!));
    restored.stateReplaced();
    expect(restored.tree.list()).toEqual(guard.tree.list());
    expect(fresh.memory.pageFlags[0x201]! & Page.traced).toBe(Page.traced);
    expect(restored.judge(firstOwnPage)).toMatchObject({ kind: AlertKind.tree });
    expect(restored.nodes.list()).toEqual(guard.nodes.list());
  });
});

describe('hypercalls', () => {
  const call = (eax: number, rest: Partial<Record<'ebx' | 'ecx' | 'edx' | 'esi' | 'edi', number>> = {}) => {
    const registers = { eax, ebx: 0, ecx: 0, edx: 0, esi: 0, edi: 0, ...rest };
    new GuardHypercalls(guard, machine.control, 0).call(registers);
    return registers;
  };

  it('want an agent first, but for questions', () => {
    expect(call(3, { ebx: 0x200, ecx: 1, edx: 4 }).eax).toBe(Status['no-agent']);
    expect(call(0)).toMatchObject({ eax: Status.done, ebx: 1, ecx: 1, edx: own });
    expect(call(1, { ecx: 0x6e656741, edx: 0x74 }).eax).toBe(Status.done);
    expect(guard.status().agent).toBe('Agent');
    expect(call(3, { ebx: 0x200, ecx: 1, edx: 4 }).eax).toBe(Status.done);
    expect(call(6, { ebx: 0x200 })).toMatchObject({ eax: Status.done, ebx: 1, ecx: 4, edx: 0 });
    expect(call(5, { ebx: 0x200, ecx: 1, edx: 1 }).eax).toBe(Status.done);
    expect(call(4, { ebx: 0x200, ecx: 1 }).eax).toBe(Status.done);
    expect(call(99).eax).toBe(Status['unknown-call']);
  });

  it('tell of alerts, oldest kept first', () => {
    call(1);
    call(3, { ebx: 0x200, ecx: 1, edx: Action.deny });
    expect(call(8).eax).toBe(Status['no-alert']);
    machine.bus.lock.with(() => machine.bus.memory.dmaWrite(0x200 * pageSize + 8, Uint8Array.of(1, 2, 3, 4)));
    expect(call(8)).toMatchObject({ eax: Status.done, ebx: 0, ecx: 0x200008, edx: 0x03020401, edi: 0x04030201 });
    expect(call(8, { ebx: 1 }).eax).toBe(Status['no-alert']);
  });

  it('survive whatever a guest puts in registers: nodes stay traced, and nothing outside of RAM is touched', () => {
    const register = fc.oneof(
      fc.integer({ min: 0, max: 12 }),
      fc.nat(ramPages + 4),
      fc.integer().map((value) => value >>> 0),
    );
    const one = fc.tuple(fc.oneof(fc.integer({ min: 0, max: 11 }), register), register, register, register);
    call(1);
    fc.assert(
      fc.property(fc.array(one, { maxLength: 20 }), (calls) => {
        for (const [eax, ebx, ecx, edx] of calls) {
          const answer = call(eax, { ebx, ecx: ecx % 5000, edx });
          expect(Object.values(Status) as number[]).toContain(answer.eax);
          for (const value of Object.values(answer)) expect(value >>> 0).toBe(value);
        }
        if (guard.nodes.list().some(({ page }) => !isTraced(page))) expect.fail('a node is not traced');
        if (guard.tree.list().some(({ page }) => !isTraced(page) || page >= ramPages)) expect.fail('a listed page is not traced');
      }),
      { numRuns: 150 },
    );
  });
});
