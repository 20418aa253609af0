import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Action, entryWords, indexAt, interiorEntry, listedEntry, rootLevel } from './format.ts';
import { FlatMemory } from './testing/flat-memory.ts';
import { GuardTree, type Finding } from './tree.ts';

/** 4,096 pages, of which the last 64 are for nodes. */
const pages = 4096;
const nodes = 64;
const firstNode = pages - nodes;

let memory: FlatMemory;
let tree: GuardTree;

beforeEach(() => {
  memory = new FlatMemory(pages, nodes);
  tree = new GuardTree(memory, memory, memory.base);
});

const kindOf = (page: number) => tree.look(page).kind;
const root = () => memory.base.root - 1;
/** The node below the root, and the leaf, on the way to a page. */
function wayTo(page: number): [root: number, interior: number, leaf: number] {
  const interior = memory.read(root(), entryWords * indexAt(page, 2) + 1);
  return [root(), interior, memory.read(interior, entryWords * indexAt(page, 1) + 1)];
}
function overwrite(node: number, index: number, head: number, number: number): void {
  memory.write(node, entryWords * index, head);
  memory.write(node, entryWords * index + 1, number);
}

describe('the tree', () => {
  it('finds a listed page with its action and flags, and no other', () => {
    expect(tree.add(0x123, Action.deny, 1)).toBe('added');
    expect(tree.look(0x123)).toEqual({ kind: 'listed', action: Action.deny, flags: 1 });
    expect([kindOf(0x122), kindOf(0x124), kindOf(0x323)]).toEqual(['none', 'none', 'none']);
    expect(tree.list()).toEqual([{ page: 0x123, action: Action.deny, flags: 1 }]);
  });

  it('changes and removes a listed page', () => {
    tree.add(5, Action.log, 0);
    expect(tree.add(5, Action.pause, 0)).toBe('changed');
    expect(tree.look(5)).toMatchObject({ action: Action.pause });
    expect([tree.remove(5), tree.remove(5), kindOf(5)]).toEqual([true, false, 'none']);
  });

  it('gives nodes back when they are empty, and starts from nothing again', () => {
    tree.add(5, Action.log, 0);
    tree.add(700, Action.log, 0);
    expect(memory.spare).toBe(nodes - 4);
    tree.remove(5);
    expect(memory.spare).toBe(nodes - 3);
    tree.remove(700);
    expect([memory.spare, memory.base.root]).toEqual([nodes, 0]);
    expect(kindOf(700)).toBe('none');
  });

  it('changes nothing when there is no room', () => {
    const small = new FlatMemory(4096, 4);
    const tight = new GuardTree(small, small, small.base);
    expect(tight.add(0, Action.log, 0)).toBe('added');
    expect(tight.add(512, Action.log, 0)).toBe('added');
    expect(tight.add(1024, Action.log, 0)).toBe('no-room');
    expect([tight.list().length, small.spare]).toEqual([2, 0]);
    expect(tight.add(1, Action.log, 0)).toBe('added');
  });

  it('links only pages that are spare nodes, and empty', () => {
    memory.words.fill(0xffffffff, firstNode * 1024);
    tree.add(5, Action.log, 0);
    expect(tree.list()).toHaveLength(1);
    const untraced = new GuardTree({ ...bound(memory), isNode: () => false }, memory, { root: 0 });
    expect(() => untraced.add(9, Action.log, 0)).toThrow('no spare node');
  });
});

function bound(of: FlatMemory) {
  return {
    read: of.read.bind(of),
    write: of.write.bind(of),
    clear: of.clear.bind(of),
  };
}

describe('a write to a node', () => {
  it('is an attack on the tree, at each level, on the way to its number or beside it, in use or spare', () => {
    tree.add(5, Action.log, 0);
    tree.add(700, Action.log, 0);
    const [top, interior, leaf] = wayTo(5);
    expect(tree.look(top)).toEqual({ kind: 'node', node: top, level: rootLevel });
    expect(tree.look(interior)).toEqual({ kind: 'node', node: interior, level: 1 });
    expect(tree.look(leaf)).toEqual({ kind: 'node', node: leaf, level: 0 });
    expect(tree.look(wayTo(700)[2])).toMatchObject({ kind: 'node', level: 0 });
    expect(tree.look(firstNode)).toMatchObject({ kind: 'node', node: firstNode });
    expect(tree.look(pages - 1)).toMatchObject({ kind: 'node' });
  });

  it('is one even when the page is listed as well, and whatever is in the node', () => {
    tree.add(5, Action.log, 0);
    for (let page = firstNode; page < pages; page++) tree.add(page, Action.log, 0);
    for (const node of memory.nodesInUse()) expect(tree.look(node).kind).toBe('node');
    fc.assert(
      fc.property(fc.constantFrom(...memory.nodesInUse()), fc.nat(1023), fc.integer(), (node, word, value) => {
        memory.write(node, word, value);
        for (let page = firstNode; page < pages; page++) expect(tree.look(page).kind).toBe('node');
      }),
      { numRuns: 100 },
    );
    expect(memory.strayReads).toEqual([]);
  });
});

describe('a damaged tree', () => {
  const listed = [3, 600, 1700, 3000];
  beforeEach(() => {
    for (const page of listed) tree.add(page, Action.deny, 0);
  });

  it.each([
    ['garbage', () => overwrite(root(), 0, 0xdeadbeef, 0xcafebabe)],
    ['a page out of range', () => overwrite(root(), 0, interiorEntry(1), 0xfffff)],
    ['a page that is no node', () => overwrite(root(), 0, interiorEntry(1), 0x10)],
    ['itself', () => overwrite(root(), 0, interiorEntry(1), root())],
    ['a higher level', () => overwrite(wayTo(3)[1], 0, interiorEntry(2), root())],
    ['its own node', () => overwrite(wayTo(3)[1], 0, interiorEntry(0), wayTo(3)[1])],
    ['the root, as a leaf', () => overwrite(wayTo(3)[1], 0, interiorEntry(0), root())],
    ['a listed page instead of a node', () => overwrite(wayTo(3)[1], 0, listedEntry(Action.log, 0), wayTo(3)[2])],
    ['the leaf of other pages', () => overwrite(wayTo(3)[1], 0, interiorEntry(0), wayTo(600)[2])],
  ])('whose pointer is %s is not followed, and never in circles', (_name, damage) => {
    memory.words.set([0x55, 0x55], 0x10 * 1024);
    damage();
    expect(['damaged', 'none']).toContain(kindOf(3));
    expect(memory.strayReads).toEqual([]);
    // It can be looked through, and legal updates refuse the damaged way instead of making it worse.
    tree.list();
    expect(['damaged', 'added']).toContain(tree.add(3, Action.log, 0));
    expect(memory.strayReads).toEqual([]);
  });

  it.each([
    ['another page’s number', () => overwrite(wayTo(3)[2], 3, listedEntry(Action.deny, 0), 4)],
    ['an action that there is not', () => overwrite(wayTo(3)[2], 3, listedEntry(99, 0), 3)],
    ['a node', () => overwrite(wayTo(3)[2], 3, interiorEntry(0), 3)],
  ])('whose leaf entry has %s is not believed', (_name, damage) => {
    damage();
    expect(kindOf(3)).toBe('damaged');
    expect(tree.list().map(({ page }) => page)).toEqual([600, 1700, 3000]);
  });

  it('with any words in any nodes never makes a walk leave the nodes or go on for ever', () => {
    const word = fc.oneof(
      fc.integer(),
      fc.constantFrom(interiorEntry(0), interiorEntry(1), interiorEntry(2), listedEntry(1, 0), ...memory.nodesInUse()),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...memory.nodesInUse()), fc.nat(63), word), { maxLength: 40 }),
        fc.nat(pages - 1),
        (writes, page) => {
          for (const [node, at, value] of writes) memory.write(node, at, value);
          tree.look(page);
          tree.list();
          tree.eachNode(() => undefined);
          tree.add(page, Action.log, 0);
          tree.remove(page);
          expect(memory.strayReads).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('negative controls', () => {
  /** Looks into a node first and asks afterwards whether it was the one that was written. */
  class LateTree extends GuardTree {
    override look(page: number): Finding {
      let node = this.base.root - 1;
      for (let level = rootLevel; node >= 0 && level >= 0; level--) {
        const number = this.memory.read(node, entryWords * indexAt(page, level) + 1) >>> 0;
        if (this.isWritten(node, page)) return { kind: 'node', node, level };
        node = number;
      }
      return { kind: 'none' };
    }
  }

  it('checking after dereference follows the garbage that was just written', () => {
    tree.add(5, Action.deny, 0);
    // The batch: the attacker's write to the interior node has landed, and the walk for it begins.
    const [, interior] = wayTo(5);
    overwrite(root(), 0, interiorEntry(1), 0x77);
    const late = new LateTree(memory, memory, memory.base);
    expect(late.look(interior).kind).toBe('none');
    expect(memory.strayReads).toContain(0x77);
    memory.strayReads.length = 0;
    expect(tree.look(interior)).toMatchObject({ kind: 'node', node: interior });
    expect(memory.strayReads).toEqual([]);
  });

  it('without asking at each node, and without the marks outside, the attack goes unseen', () => {
    class BlindTree extends GuardTree {
      protected override isWritten(): boolean {
        return false;
      }
    }
    tree.add(5, Action.deny, 0);
    const blind = new BlindTree(
      { ...bound(memory), isNode: (page) => page !== root() && memory.isNode(page) },
      memory,
      memory.base,
    );
    expect(blind.look(root()).kind).toBe('none');
    expect(kindOf(root())).toBe('node');
  });
});

describe('random adds, removes and writes', () => {
  const rounds = 1_000_000;

  it(`agree with a flat set, ${rounds} of them`, { timeout: 300_000 }, () => {
    const flat = new Map<number, number>();
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    // Few regions at a time, so that nodes come and go.
    for (let round = 0; round < rounds; round++) {
      const page = (random(7) * 512 + random(1 + random(24))) % firstNode;
      const kind = random(10);
      if (kind < 3) {
        const action = 1 + random(6);
        expect(tree.add(page, action, 0)).toBe(flat.has(page) ? 'changed' : 'added');
        flat.set(page, action);
      } else if (kind < 6) {
        if (tree.remove(page) !== flat.delete(page)) expect.fail(`round ${round}: removing ${page}`);
      } else {
        const finding = tree.look(page);
        const action = finding.kind === 'listed' ? finding.action : undefined;
        if (action !== flat.get(page))
          expect.fail(`round ${round}: ${page} is ${JSON.stringify(finding)}, not ${flat.get(page)}`);
      }
    }
    expect(tree.list().map(({ page, action }) => [page, action])).toEqual([...flat].sort(([a], [b]) => a - b));
    expect(memory.strayReads).toEqual([]);
  });

  it('agree with a flat set whatever the order', () => {
    const page = fc.oneof(fc.nat(pages - nodes - 1), fc.constantFrom(0, 511, 512, 513, 1023, 1024));
    const command = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), page, action: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant('remove' as const), page, action: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const space = new FlatMemory(pages, nodes);
        const subject = new GuardTree(space, space, space.base);
        const flat = new Map<number, number>();
        for (const { kind, page: at, action } of commands) {
          if (kind === 'add') {
            subject.add(at, action, 0);
            flat.set(at, action);
          } else expect(subject.remove(at)).toBe(flat.delete(at));
        }
        expect(new Map(subject.list().map((entry) => [entry.page, entry.action]))).toEqual(flat);
        const used = new Set([...flat.keys()].map((number) => number >>> 9));
        expect(nodes - space.spare).toBe(flat.size === 0 ? 0 : used.size + 2);
      }),
      { numRuns: 200 },
    );
  });
});
