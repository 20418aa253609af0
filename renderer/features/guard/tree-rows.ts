import type { ListedRange, TreeNode, TreeShape } from './tree-shape.ts';

/** A line of the tree's outline. */
export interface TreeRow {
  key: string;
  depth: number;
  node: TreeNode | undefined;
  range: ListedRange | undefined;
  /** Undefined: nothing is below it. */
  open: boolean | undefined;
}

/** What can be seen of the tree with these nodes open: the base, nodes, and the listed ranges below their leaves. */
export function rowsOf({ root }: TreeShape, isOpen: (node: TreeNode) => boolean): TreeRow[] {
  const rows: TreeRow[] = [{ key: 'base', depth: 0, node: undefined, range: undefined, open: undefined }];
  const visit = (node: TreeNode, depth: number): void => {
    const open = isOpen(node);
    rows.push({ key: String(node.address), depth, node, range: undefined, open });
    if (!open) return;
    for (const child of node.children) visit(child, depth + 1);
    for (const range of node.ranges)
      rows.push({ key: `${node.address}/${range.address}`, depth: depth + 1, node, range, open: undefined });
  };
  if (root !== undefined) visit(root, 1);
  return rows;
}
