import { Tensor } from "./tensor.ts";
import { Value } from "./value.ts";

/**
 * A tree: nested plain objects and arrays whose leaves are tensors, values or numbers. Strings, booleans, null and
 * undefined may stand among them; they are static: part of the tree's structure, not of its data.
 */
export type Tree = unknown;

/** A type with every Tensor in it replaced by `T`. */
export type Replace<X, T> = X extends Tensor
  ? T
  : X extends Value
    ? T
    : X extends readonly (infer _)[] | Record<string, unknown> | object
      ? X extends (...args: never[]) => unknown
        ? X
        : { [K in keyof X]: Replace<X[K], T> }
      : X;

/** The tree that a program returns for one of tensors. */
export type Concrete<X> = Replace<X, Value>;

/** What may be handed to a program where its function takes `X`: values, tensors' worth of data, or numbers. */
export type Argument<X> = Replace<X, Value | number>;

/** What traced code sees of a tree of tensors, values and numbers: tensors. */
export type Symbolic<X> = X extends Tensor | Value | number
  ? Tensor
  : X extends (...args: never[]) => unknown
    ? X
    : X extends object
      ? { [K in keyof X]: Symbolic<X[K]> }
      : X;

const isLeaf = (item: unknown): boolean => item instanceof Tensor || item instanceof Value || typeof item === "number";

const isBranch = (item: unknown): item is Record<string, unknown> | unknown[] =>
  typeof item === "object" && item !== null && !isLeaf(item);

/**
 * Calls `visit` on every leaf with its path ("layers.0.weight") and builds the tree of what it returns. Keys keep
 * their order; static leaves stay as they are.
 */
export function mapTree<T>(tree: Tree, visit: (leaf: any, path: string) => T, path = ""): any {
  if (isLeaf(tree)) return visit(tree, path);
  if (!isBranch(tree)) return tree;
  const below = (key: string | number) => (path === "" ? String(key) : `${path}.${key}`);
  if (Array.isArray(tree)) return tree.map((item, i) => mapTree(item, visit, below(i)));
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, mapTree(item, visit, below(key))]));
}

/** The leaves in order. */
export function leavesOf(tree: Tree, leaves: any[] = []): any[] {
  if (isLeaf(tree)) leaves.push(tree);
  else if (Array.isArray(tree)) for (const item of tree) leavesOf(item, leaves);
  else if (isBranch(tree)) for (const key in tree) leavesOf((tree as Record<string, unknown>)[key], leaves);
  return leaves;
}

/** Maps several trees of one structure together, leaf by leaf; the first tree gives the structure. */
export function zipTrees<T>(visit: (...leaves: any[]) => T, first: Tree, ...others: Tree[]): any {
  const leaves = others.map((tree) => leavesOf(tree));
  let position = 0;
  return mapTree(first, (leaf) => {
    const at = position++;
    return visit(leaf, ...leaves.map((list) => list[at]));
  });
}

/** A text that is equal for trees of the same keys, static leaves and leaf signatures. */
export function signatureOf(tree: Tree): string {
  if (tree instanceof Value) return `${tree.dtype}${tree.shape.join(",")};`;
  if (typeof tree === "number") return "n;";
  if (tree instanceof Tensor) return `t${tree.node.id}.${tree.index};`;
  if (Array.isArray(tree)) {
    let text = "[";
    for (const item of tree) text += signatureOf(item);
    return `${text}]`;
  }
  if (isBranch(tree)) {
    let text = "{";
    for (const key in tree) text += `${key}:${signatureOf((tree as Record<string, unknown>)[key])}`;
    return `${text}}`;
  }
  return `${typeof tree} ${String(tree)};`;
}
