import { SettingError } from "../../core/errors.ts";
import { drawIndex, type UniformSource } from "../uniform-source.ts";
import {
  type EpochPolicies,
  emptyValues,
  evaluate,
  type FiniteHorizonMdp,
  occupancy,
  startValue,
  uniformPolicies,
} from "./finite-mdp.ts";

/** Gradients from simulated trajectories in place of exact ones. */
export interface Sampling {
  /** Trajectories a step, K in the paper. */
  readonly trajectories: number;
  readonly random: UniformSource;
}

/** Where a run ended. */
export interface PolicyGradientResult {
  /** Scores θ of every epoch, float64[S·A]; all begin at 0. */
  readonly theta: readonly Float64Array[];
  /** Their softmax over actions. */
  readonly policies: readonly Float64Array[];
  /** Transitions drawn; 0 with exact gradients. */
  readonly transitions: number;
}

export interface SimultaneousOptions {
  /** Step size η > 0. */
  readonly eta: number;
  readonly steps: number;
  readonly sampled?: Sampling;
  /**
   * Called before every step and after the last, with the number of steps done, the exact value of the start and the
   * policies, which later steps overwrite. Ends the run by returning true.
   */
  watch?(step: number, value: number, policies: EpochPolicies): boolean | undefined;
}

export interface DynamicOptions {
  /** Step size of an epoch, > 0. */
  eta(h: number): number;
  /** Steps of an epoch. */
  steps(h: number): number;
  /** float64[S], where trajectories of epoch h start, positive in all its states. Default: uniform. */
  start?(h: number): Float64Array;
  readonly sampled?: Sampling;
  /**
   * Called before every step of every epoch and after its last, with the policies of all epochs, which later steps
   * overwrite, and Q of epoch h, float64[S·A], which its steps leave as it is. Ends the epoch by returning true.
   */
  watch?(h: number, step: number, policies: EpochPolicies, q: Float64Array): boolean | undefined;
}

/**
 * Softmax policy gradient of all epochs at once.
 *
 *     ∂J/∂θ_h(s, a) = d_h(s) · π_h(a|s) · (Q_h(s, a) − V_h(s))
 *
 * with d_h the chance of being in s at epoch h under the current policies. Sampled, the gradient is the mean of
 * ∇ ln π_h(a|s) · (reward from h on) over trajectories.
 *
 * @param mdp  states, actions, rewards and transitions of every epoch
 * @throws     SettingError `policy-gradient/options`
 * @source     Klein, Weissmann & Döring 2024, arXiv:2310.02671, Algorithms 1 and 3
 * @example
 * const { policies } = simultaneousPg(mdp, { eta: 1 / (5 * mdp.H ** 2 * mdp.rMax), steps: 10_000 });
 */
export function simultaneousPg(mdp: FiniteHorizonMdp, options: SimultaneousOptions): PolicyGradientResult {
  const { eta, steps, sampled, watch } = options;
  requireSteps(eta, steps, sampled);
  const { theta, policies } = atRest(mdp);
  const gradient = theta.map((scores) => new Float64Array(scores.length));
  const values = emptyValues(mdp);
  const visits = occupancy(mdp, policies);
  for (let step = 0; ; step++) {
    if (!sampled || watch) evaluate(mdp, policies, values);
    if (watch?.(step, startValue(mdp, values), policies) === true || step >= steps)
      return { theta, policies, transitions: sampled ? step * mdp.H * sampled.trajectories : 0 };
    if (sampled) sampleGradient(mdp, policies, sampled, gradient);
    else {
      occupancy(mdp, policies, visits);
      for (let h = 0; h < mdp.H; h++) exactGradient(visits[h], policies[h], values.Q[h], gradient[h]);
    }
    for (let h = 0; h < mdp.H; h++) ascend(theta[h], eta, gradient[h], policies[h], mdp.A);
  }
}

/**
 * Dynamic softmax policy gradient: the last epoch is trained first and then kept, and so on backwards, so that every epoch
 * is a contextual bandit whose future stands still.
 *
 *     ∂J_h/∂θ_h(s, a) = μ_h(s) · π_h(a|s) · (Q_h(s, a) − V_h(s)),   Q_h constant
 *
 * @param mdp  states, actions, rewards and transitions of every epoch
 * @throws     SettingError `policy-gradient/options`
 * @source     Klein, Weissmann & Döring 2024, arXiv:2310.02671, Algorithms 2 and 4
 * @example
 * const { policies } = dynamicPg(mdp, { eta: (h) => 1 / (2 * (mdp.H - h) * mdp.rMax), steps: () => 1000 });
 */
export function dynamicPg(mdp: FiniteHorizonMdp, options: DynamicOptions): PolicyGradientResult {
  const { H, S, A } = mdp;
  const { sampled, watch } = options;
  const even = new Float64Array(S).fill(1 / S);
  const { theta, policies } = atRest(mdp);
  const values = emptyValues(mdp);
  const gradient = theta.map((scores) => new Float64Array(scores.length));
  let transitions = 0;
  for (let h = H - 1; h >= 0; h--) {
    const [eta, steps, mu] = [options.eta(h), options.steps(h), options.start?.(h) ?? even];
    requireSteps(eta, steps, sampled);
    if (mu.length !== S || mu.some((chance) => !(chance > 0)))
      throw new SettingError(
        "policy-gradient/options",
        `every state of epoch ${h} needs a chance above 0 to start in`,
        {
          given: [...mu],
        },
      );
    evaluate(mdp, policies, values);
    for (let step = 0; ; step++) {
      if (watch?.(h, step, policies, values.Q[h]) === true || step >= steps) break;
      if (sampled) {
        sampleGradient(mdp, policies, sampled, gradient, { start: mu, from: h, to: h });
        transitions += (H - h) * sampled.trajectories;
      } else exactGradient(mu, policies[h], values.Q[h], gradient[h]);
      ascend(theta[h], eta, gradient[h], policies[h], A);
    }
  }
  return { theta, policies, transitions };
}

function atRest(mdp: FiniteHorizonMdp): { theta: Float64Array[]; policies: Float64Array[] } {
  const policies = uniformPolicies(mdp);
  return { theta: policies.map((policy) => new Float64Array(policy.length)), policies };
}

function requireSteps(eta: number, steps: number, sampled: Sampling | undefined): void {
  if (eta > 0 && steps >= 0 && (sampled?.trajectories ?? 1) >= 1) return;
  throw new SettingError(
    "policy-gradient/options",
    "a positive step size, 0 or more steps and a trajectory are needed",
    {
      given: { eta, steps, trajectories: sampled?.trajectories },
    },
  );
}

/** The policy gradient of one epoch whose states are visited with the chances `visits`; fills `into`. */
export function exactGradient(visits: Float64Array, policy: Float64Array, q: Float64Array, into: Float64Array): void {
  const actions = policy.length / visits.length;
  for (let s = 0, first = 0; s < visits.length; s++, first += actions) {
    let value = 0;
    for (let at = first; at < first + actions; at++) value += policy[at] * q[at];
    for (let at = first; at < first + actions; at++) into[at] = visits[s] * policy[at] * (q[at] - value);
  }
}

/**
 * The sampled gradient: the mean over trajectories that start at epoch `from` in a state drawn from `start`
 * (default: the start of the process). Fills `into[from … to]`.
 */
export function sampleGradient(
  mdp: FiniteHorizonMdp,
  policies: EpochPolicies,
  { trajectories, random }: Sampling,
  into: readonly Float64Array[],
  {
    start = mdp.mu,
    from = 0,
    to = mdp.H - 1,
  }: { readonly start?: Float64Array; readonly from?: number; readonly to?: number } = {},
): void {
  const { H, S, A } = mdp;
  for (let h = from; h <= to; h++) into[h].fill(0);
  const pairs = new Int32Array(H);
  const rewards = new Float64Array(H);
  for (let trajectory = 0; trajectory < trajectories; trajectory++) {
    let state = drawIndex(random, start);
    for (let h = from; h < H; h++) {
      const pair = state * A + drawIndex(random, policies[h], state * A, A);
      pairs[h] = pair;
      rewards[h] = mdp.reward(h)[pair];
      if (h + 1 < H) state = drawIndex(random, mdp.transition(h), pair * S, S);
    }
    let total = 0;
    for (let h = H - 1; h >= from; h--) {
      total += rewards[h];
      if (h > to) continue;
      const weight = total / trajectories;
      const first = pairs[h] - (pairs[h] % A);
      for (let at = first; at < first + A; at++) into[h][at] -= weight * policies[h][at];
      into[h][pairs[h]] += weight;
    }
  }
}

/** θ ← θ + η·gradient, and the policy becomes the softmax of θ. */
function ascend(theta: Float64Array, eta: number, gradient: Float64Array, policy: Float64Array, actions: number): void {
  for (let first = 0; first < theta.length; first += actions) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let at = first; at < first + actions; at++) {
      theta[at] += eta * gradient[at];
      if (theta[at] > largest) largest = theta[at];
    }
    let total = 0;
    for (let at = first; at < first + actions; at++) total += policy[at] = Math.exp(theta[at] - largest);
    for (let at = first; at < first + actions; at++) policy[at] /= total;
  }
}
