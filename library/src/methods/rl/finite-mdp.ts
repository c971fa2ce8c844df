/** A decision process with a finite horizon: H epochs, S states, A actions, no discount. */
export interface FiniteHorizonMdp {
  readonly H: number;
  readonly S: number;
  readonly A: number;
  /** Largest reward of an epoch, R* in the papers; the smallest is 0 or more. */
  readonly rMax: number;
  /** float64[S·A], reward of action a in state s of epoch h at s·A + a */
  reward(h: number): Float64Array;
  /** float64[S·A·S], chance of the next state s' at (s·A + a)·S + s' */
  transition(h: number): Float64Array;
  /** float64[S], where epoch 0 begins */
  readonly mu: Float64Array;
}

/** For every epoch float64[S·A], the chance of action a in state s at s·A + a. */
export type EpochPolicies = readonly Float64Array[];

/** What a policy is worth from every epoch on. */
export interface EpochValues {
  /** H + 1 times float64[S]; the last is 0: nothing is paid after the end. */
  readonly V: readonly Float64Array[];
  /** H times float64[S·A] */
  readonly Q: readonly Float64Array[];
}

const tables = (count: number, size: number): Float64Array[] =>
  Array.from({ length: count }, () => new Float64Array(size));

/** Arrays that `evaluate` fills; all values are 0. */
export const emptyValues = ({ H, S, A }: FiniteHorizonMdp): EpochValues => ({
  V: tables(H + 1, S),
  Q: tables(H, S * A),
});

/** In every state of every epoch each action is equally likely. */
export const uniformPolicies = ({ H, S, A }: FiniteHorizonMdp): Float64Array[] =>
  tables(H, S * A).map((policy) => policy.fill(1 / A));

/**
 * Q of one epoch from the values of the next: Q(s, a) = r(s, a) + Σ p(s'|s, a) V(s').
 *
 * @param next  float64[S], values of the next epoch
 * @param into  float64[S·A], filled and returned
 */
export function actionValues(
  reward: Float64Array,
  transition: Float64Array,
  next: Float64Array,
  into: Float64Array = new Float64Array(reward.length),
): Float64Array {
  const states = next.length;
  for (let pair = 0, at = 0; pair < reward.length; pair++) {
    let q = reward[pair];
    for (let s = 0; s < states; s++, at++) q += transition[at] * next[s];
    into[pair] = q;
  }
  return into;
}

/**
 * Values of the best policy.
 *
 * @source Bellman 1957, "Dynamic Programming", chapter III
 * @example
 * const { V } = backwardInduction(mdp);
 * V[0]   // what each state is worth at the start, when every choice is the best
 */
export function backwardInduction(mdp: FiniteHorizonMdp): EpochValues {
  const values = emptyValues(mdp);
  const { V, Q } = values;
  for (let h = mdp.H - 1; h >= 0; h--) {
    actionValues(mdp.reward(h), mdp.transition(h), V[h + 1], Q[h]);
    for (let s = 0; s < mdp.S; s++) V[h][s] = Math.max(...Q[h].subarray(s * mdp.A, (s + 1) * mdp.A));
  }
  return values;
}

/** Values of a policy. Arrays of `into` are filled and returned, so that long loops need no new ones. */
export function evaluate(mdp: FiniteHorizonMdp, policies: EpochPolicies, into = emptyValues(mdp)): EpochValues {
  const { V, Q } = into;
  for (let h = mdp.H - 1; h >= 0; h--) {
    actionValues(mdp.reward(h), mdp.transition(h), V[h + 1], Q[h]);
    for (let s = 0, pair = 0; s < mdp.S; s++) {
      let value = 0;
      for (let a = 0; a < mdp.A; a++, pair++) value += policies[h][pair] * Q[h][pair];
      V[h][s] = value;
    }
  }
  return into;
}

/** How likely each state is at the beginning of each epoch: H times float64[S]; `into` is filled and returned. */
export function occupancy(
  mdp: FiniteHorizonMdp,
  policies: EpochPolicies,
  into: Float64Array[] = tables(mdp.H, mdp.S),
): Float64Array[] {
  const { H, S, A } = mdp;
  into[0].set(mdp.mu);
  for (let h = 0; h + 1 < H; h++) {
    const p = mdp.transition(h);
    into[h + 1].fill(0);
    for (let pair = 0, at = 0; pair < S * A; pair++) {
      const weight = into[h][Math.floor(pair / A)] * policies[h][pair];
      for (let next = 0; next < S; next++, at++) into[h + 1][next] += weight * p[at];
    }
  }
  return into;
}

/** What is to be expected from the start: Σ μ(s) V_0(s). */
export const startValue = ({ mu, S }: FiniteHorizonMdp, { V }: EpochValues): number => {
  let value = 0;
  for (let s = 0; s < S; s++) value += mu[s] * V[0][s];
  return value;
};
