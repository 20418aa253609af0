/** The guard's tree as it is drawn and listed: nodes below their parents, listed pages below their leaves. */
import type { GuardStateMessage } from '../../../main/contract/guard.ts';

type NodeMessage = GuardStateMessage['nodes'][number];
export type ListedRange = GuardStateMessage['ranges'][number];

/** What a leaf can list, in bytes. */
export const LEAF_BYTES = 512 * 4096;

export interface TreeNode extends NodeMessage {
  level: number;
  first: number;
  children: TreeNode[];
  /** Of a leaf: the parts of listed ranges that lie in it. */
  ranges: ListedRange[];
  /** Bytes listed in it and below. */
  bytes: number;
}

export interface TreeShape {
  root: TreeNode | undefined;
  nodes: ReadonlyMap<number, TreeNode>;
  /** Nodes that no way leads to any more. */
  lost: NodeMessage[];
  spare: number;
}

export function shapeOf(state: GuardStateMessage): TreeShape {
  const nodes = new Map<number, TreeNode>();
  const lost: NodeMessage[] = [];
  for (const node of state.nodes) {
    const { level, first } = node;
    if (level === null) continue;
    if (first === null) lost.push(node);
    else nodes.set(node.address, { ...node, level, first, children: [], ranges: [], bytes: 0 });
  }
  const leaves = new Map<number, TreeNode>();
  for (const node of nodes.values()) {
    if (node.level === 0) leaves.set(node.first / LEAF_BYTES, node);
    if (node.parent !== null) nodes.get(node.parent)?.children.push(node);
  }
  for (const node of nodes.values()) node.children.sort((a, b) => a.first - b.first);
  for (const range of state.ranges) {
    const end = range.address + range.bytes;
    for (let at = range.address; at < end; at = LEAF_BYTES * (Math.floor(at / LEAF_BYTES) + 1)) {
      const leaf = leaves.get(Math.floor(at / LEAF_BYTES));
      const bytes = Math.min(end, LEAF_BYTES * (Math.floor(at / LEAF_BYTES) + 1)) - at;
      leaf?.ranges.push({ ...range, address: at, bytes });
      for (let node = leaf; node !== undefined; node = node.parent === null ? undefined : nodes.get(node.parent))
        node.bytes += bytes;
    }
  }
  const root = [...nodes.values()].find(({ parent }) => parent === null);
  return { root, nodes, lost, spare: state.nodes.filter(({ level }) => level === null).length };
}

/** The leaf that lists, or would list, a physical address. */
export function leafOf({ nodes }: TreeShape, physical: number): TreeNode | undefined {
  for (const node of nodes.values())
    if (node.level === 0 && physical >= node.first && physical < node.first + LEAF_BYTES) return node;
  return undefined;
}

/** From the root down to the node. */
export function wayTo({ nodes }: TreeShape, node: TreeNode | undefined): TreeNode[] {
  const way: TreeNode[] = [];
  for (let at = node; at !== undefined && !way.includes(at); at = at.parent === null ? undefined : nodes.get(at.parent))
    way.unshift(at);
  return way;
}

export interface Place {
  node: TreeNode;
  x: number;
  y: number;
}

/** Leaves side by side, each node in the middle above its own; `step` from one leaf to the next, `row` from level to level. */
export function placesOf({ root }: TreeShape, left: number, top: number, step: number, row: number): Place[] {
  const places: Place[] = [];
  let next = left;
  const visit = (node: TreeNode): number => {
    const below = node.children.map(visit);
    const x = below.length > 0 ? ((below[0] ?? 0) + (below.at(-1) ?? 0)) / 2 : next;
    if (below.length === 0) next += step;
    places.push({ node, x, y: top + (2 - node.level) * row });
    return x;
  };
  if (root !== undefined) visit(root);
  return places;
}
