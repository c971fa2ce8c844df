import { concat } from "../../core/operations/concat.ts";
import { reshape } from "../../core/operations/reshape.ts";
import { splitAxis } from "../../core/operations/split.ts";
import type { Tensor } from "../../core/tensor.ts";

/** Parameters up to this size are updated together: launching a kernel costs more than their arithmetic. */
const smallSize = 4096;

/**
 * Groups places of a list of tensors that an elementwise rule can treat as one vector: small ones of the same `kind`.
 * Large ones stay alone.
 */
export function groupSmall(tensors: readonly Tensor[], kind: (index: number) => unknown): number[][] {
  const groups: number[][] = [];
  const open = new Map<unknown, number[]>();
  tensors.forEach((tensor, i) => {
    const key = `${tensor.dtype} ${kind(i)}`;
    const group = tensor.size > smallSize ? undefined : open.get(key);
    if (group !== undefined) group.push(i);
    else {
      const fresh = [i];
      groups.push(fresh);
      if (tensor.size <= smallSize) open.set(key, fresh);
    }
  });
  return groups;
}

/** Several tensors as one vector; a single one as it is. */
export const pack = (tensors: readonly Tensor[]): Tensor =>
  tensors.length === 1 ? tensors[0] : concat(tensors.map((tensor) => reshape(tensor, [tensor.size])));

/** The inverse of `pack`, to the shapes of `like`. */
export const unpack = (packed: Tensor, like: readonly Tensor[]): Tensor[] =>
  like.length === 1
    ? [packed]
    : splitAxis(
        packed,
        like.map((tensor) => tensor.size),
      ).map((part, i) => reshape(part, like[i].shape));
