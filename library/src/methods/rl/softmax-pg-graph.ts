import {
  add,
  matmul,
  mul,
  reshape,
  scan,
  softmax,
  sum,
  type Tensor,
  type TensorLike,
  zeros,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

/**
 * The value of softmax policies over a finite horizon, differentiable in the scores: Σ μ(s) V_0(s), by a scan from the last
 * epoch to the first.
 *
 * @param theta       scores, float[H, S, A]
 * @param reward      float[H, S, A]
 * @param transition  chance of the next state, float[H, S, A, S]
 * @param mu          chance of the first state, float[S]
 * @returns           a scalar
 * @source            Klein, Weissmann & Döring 2024, arXiv:2310.02671, section 2
 * @example
 * const ascent = grad((theta) => finiteHorizonValue(theta, reward, transition, mu))(theta);
 */
export function finiteHorizonValue(
  theta: TensorLike,
  reward: TensorLike,
  transition: TensorLike,
  mu: TensorLike,
): Tensor {
  const scores = asTensor(theta);
  const [, states, actions] = scores.shape;
  const [value] = scan(
    (next, { policy, reward, transition }) => {
      const future = matmul(reshape(transition, [states * actions, states]), reshape(next, [states, 1]));
      const q = add(reward, reshape(future, [states, actions]));
      return [sum(mul(policy, q), { axis: 1 }), null];
    },
    zeros([states], { dtype: scores.dtype }),
    { policy: softmax(scores, { axis: -1 }), reward: asTensor(reward), transition: asTensor(transition) },
    { reverse: true },
  );
  return sum(mul(mu, value));
}
