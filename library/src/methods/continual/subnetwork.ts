import { SettingError } from "../../core/errors.ts";
import {
  abs,
  add,
  cast,
  greaterEqual,
  leavesOf,
  mapTree,
  mul,
  reshape,
  sliceAxis,
  straightThrough,
  sub,
  type Tensor,
  type TensorLike,
  topK,
  where,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import type { Optimizer } from "../../nn/optimizers/optimizer.ts";

/**
 * The mask of a subnetwork: 1 where a score is among the largest of its layer in magnitude, else 0.
 *
 * The threshold is the k-th smallest magnitude with k = 1 + round((1 − keep)(n − 1)); scores equal to it are all kept.
 * Gradients reach the scores as if they were the mask itself, without a change of sign.
 *
 * @param scores  float of any shape, one score a weight
 * @param keep    share of the weights to keep, in (0, 1]
 * @returns       0 and 1, shape and dtype of `scores`
 * @throws        SettingError `topMask/keep`
 * @source        Kang et al. 2022, "Forget-free Continual Learning with Winning Subnetworks", equations 3 and 4
 * @example
 * topMask(value([0.1, -0.9, 0.3, -0.2, 0]), 0.5)   // [0, 1, 1, 1, 0]
 */
export function topMask(scores: TensorLike, keep: number): Tensor {
  if (!(keep > 0 && keep <= 1))
    throw new SettingError("topMask/keep", "the share to keep is above 0 and at most 1", { given: keep });
  const tensor = asTensor(scores);
  const below = Math.round((1 - keep) * (tensor.size - 1));
  const magnitudes = abs(tensor);
  const flat = reshape(magnitudes, [-1]);
  // The threshold is sought from the nearer end: the runtime orders all that it returns.
  const largest = below >= tensor.size / 2;
  const place = largest ? tensor.size - below : below + 1;
  const threshold = sliceAxis(topK(flat, place, { largest }).values, 0, place - 1, place);
  return straightThrough(cast(greaterEqual(magnitudes, threshold), tensor.dtype), tensor);
}

/**
 * A mask whose zeros are small numbers: the winners as they are, all other weights shrunk at random.
 *
 * @param mask   0 and 1
 * @param noise  in [0, 1), drawn anew for each step; shape of `mask`
 * @source       Kang et al. 2023, arXiv:2303.14962, equation 5
 */
export const softMask = (mask: TensorLike, noise: TensorLike): Tensor => add(mask, mul(sub(1, asTensor(mask)), noise));

/**
 * An optimizer that leaves some numbers exactly as they are, whatever moments or weight decay would do to them.
 *
 * @param frozen  told the path of a parameter ("weights.0"), gives a mask of its shape, not 0 where nothing may change;
 *                undefined for parameters that are free
 * @source        Kang et al. 2022, "Forget-free Continual Learning with Winning Subnetworks", equation 6, on the update in place of the
 *                gradient
 */
export const withFrozen = (optimizer: Optimizer, frozen: (path: string) => TensorLike | undefined): Optimizer => ({
  init: optimizer.init,
  update: (params, gradient, state) => {
    const next = optimizer.update(params, gradient, state);
    const updated = leavesOf(next.params) as Tensor[];
    let position = 0;
    const kept = mapTree(params, (before, path) => {
      const after = updated[position++];
      const mask = frozen(path);
      return mask === undefined ? after : where(cast(mask, "bool"), before, after);
    });
    return { params: kept, state: next.state };
  },
});

/**
 * What any of the masks holds.
 *
 * @param masks  0 and 1, equally long; at least one
 * @throws       SettingError `consolidate/masks`
 * @example
 * consolidate([Uint8Array.of(1, 0, 0), Uint8Array.of(1, 0, 1)])   // [1, 0, 1]
 */
export function consolidate(masks: readonly Uint8Array[]): Uint8Array {
  if (masks.length === 0 || masks.some(({ length }) => length !== masks[0].length))
    throw new SettingError("consolidate/masks", "masks of one length are needed", {
      given: masks.map(({ length }) => length),
    });
  return masks[0].map((_, i) => (masks.some((mask) => mask[i] !== 0) ? 1 : 0));
}
