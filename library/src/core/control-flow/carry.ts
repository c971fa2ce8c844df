import { DTypeError, ShapeError } from "../errors.ts";
import { sameShape } from "../shape.ts";
import { asTensor, type Tensor } from "../tensor.ts";
import { mapTree, type Symbolic } from "../tree.ts";

/** The tree of a loop's state with a tensor for every leaf. */
export const stateLike = <T>(state: T): Symbolic<T> => mapTree(state, (leaf) => asTensor(leaf));

const entries = (tree: unknown): Map<string, Tensor> => {
  const found = new Map<string, Tensor>();
  mapTree(tree, (leaf, path) => found.set(path, asTensor(leaf)));
  return found;
};

/** The leaves of what a body returned as the next state: it must be a tree like the first one, of the same types. */
export function expectSameState(code: string, first: unknown, next: unknown): Tensor[] {
  const [before, after] = [entries(first), entries(next)];
  const named = (path: string) => (path === "" ? "the state" : `"${path}"`);
  const odd = [...before.keys(), ...after.keys()].find((path) => !before.has(path) || !after.has(path));
  if (odd !== undefined)
    throw new ShapeError(code, `${named(odd)} is in only one of the first and the next state`, {
      given: { first: [...before.keys()], next: [...after.keys()] },
      fix: "return a tree of the structure of the initial state",
    });
  return [...before].map(([path, x]) => {
    const y = after.get(path)!;
    const operands = { first: x, next: y };
    if (!sameShape(x.shape, y.shape))
      throw new ShapeError(code, `${named(path)} changes its shape from [${x.shape}] to [${y.shape}]`, {
        operands,
        fix: "start with the shape that the body returns, for instance zeros of that shape",
      });
    if (x.dtype !== y.dtype)
      throw new DTypeError(code, `${named(path)} changes its dtype from ${x.dtype} to ${y.dtype}`, {
        operands,
        fix: "cast the initial state or what the body returns",
      });
    return y;
  });
}
