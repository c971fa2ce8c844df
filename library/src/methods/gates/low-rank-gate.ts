import { div, logSigmoid, split, type Tensor, type TensorLike } from "../../core/index.ts";
import { zeros } from "../../nn/initialisers.ts";
import { initLinear, type Linear, linear } from "../../nn/linear.ts";

/** Parameters of a gate whose map goes through a narrow middle. */
export interface LowRankGate<T = Tensor> {
  /** width → rank, without bias */
  readonly down: Linear<T>;
  /** rank → channels */
  readonly up: Linear<T>;
}

/** First parameters; the bias starts at 0. `rank` is 16 in the paper. */
export function initLowRankGate(
  key: TensorLike,
  { width, channels, rank = 16 }: { width: number; channels: number; rank?: number },
): LowRankGate {
  const [downKey, upKey] = split(key);
  return {
    down: initLinear(downKey, { in: width, out: rank, bias: false }),
    up: initLinear(upKey, { in: rank, out: channels, biasInitialiser: zeros }),
  };
}

/**
 * The logarithm of a forget gate, log σ(x W₁ W₂ + b) / τ: a gate σ(·)^(1/τ) that stays near 1 and is never 0.
 *
 * @param x    float[..., width]
 * @param tau  τ of the paper, > 0: it divides the logarithm, not the logit. Default 16, with which a logit of 0 keeps 0.958
 * @returns    float[..., channels], below 0
 * @source     Yang et al. 2023, arXiv:2312.06635, section 4.4
 * @example
 * exp(lowRankGate(initLowRankGate(key(0), { width: 128, channels: 64 }), x))   // shares kept, about 0.96
 */
export const lowRankGate = (
  { down, up }: LowRankGate<TensorLike>,
  x: TensorLike,
  { tau = 16 }: { tau?: number } = {},
): Tensor => div(logSigmoid(linear(up, linear(down, x))), tau);
