import { DTypeError, ShapeError } from "../errors.ts";
import { sameShape } from "../shape.ts";
import { asTensor, type Tensor } from "../tensor.ts";
import { mapTree, type Symbolic } from "../tree.ts";

/** A tree with a tensor for every leaf. */
export const tensorTree = <T>(tree: T): Symbolic<T> => mapTree(tree, (leaf) => asTensor(leaf));

/** A tree of the structure of `tree` with other leaves. */
export function withLeaves(tree: unknown, leaves: readonly Tensor[]): any {
  let next = 0;
  return mapTree(tree, () => leaves[next++]);
}

const entries = (tree: unknown): Map<string, Tensor> => {
  const found = new Map<string, Tensor>();
  mapTree(tree, (leaf, path) => found.set(path, asTensor(leaf)));
  return found;
};

/**
 * The leaves of `second`, which must be a tree like `first`: of the same structure, shapes and dtypes.
 *
 * @param names  what errors call the two, and the way out
 * @throws       ShapeError or DTypeError with `code`
 */
export function expectSameTree(
  code: string,
  first: unknown,
  second: unknown,
  { names, fix }: { names: readonly [string, string]; fix: string },
): Tensor[] {
  const [a, b] = [entries(first), entries(second)];
  const odd = [...a.keys(), ...b.keys()].find((path) => !a.has(path) || !b.has(path));
  if (odd !== undefined)
    throw new ShapeError(code, `${names[0]} and ${names[1]} are trees of different structure`, {
      given: { [names[0]]: [...a.keys()], [names[1]]: [...b.keys()] },
      fix,
    });
  return [...a].map(([path, x]) => {
    const y = b.get(path)!;
    const details = { operands: { [names[0]]: x, [names[1]]: y }, fix };
    const where = path === "" ? "" : ` at "${path}"`;
    if (!sameShape(x.shape, y.shape))
      throw new ShapeError(code, `shapes [${x.shape}] and [${y.shape}] differ${where}`, details);
    if (x.dtype !== y.dtype) throw new DTypeError(code, `dtypes ${x.dtype} and ${y.dtype} differ${where}`, details);
    return y;
  });
}
