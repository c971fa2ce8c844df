import { add, compile, eye, key, mul, normal, type Tensor, type Value, value } from "sluice";
import { expertChoice } from "sluice/methods/gates/expert-choice";
import { noisyTopK } from "sluice/methods/gates/noisy-top-k";
import { tokenChoice } from "sluice/methods/gates/token-choice";

export type Router = "token" | "noisy" | "expert";

export interface RouteInput {
  readonly router: Router;
  readonly tokens: number;
  readonly experts: number;
  /** Experts per token, for token choice and noisy top-k. */
  readonly k: number;
  /** Places of an expert as a multiple of an even share; for expert choice: experts per token. */
  readonly capacityFactor: number;
  /** Standard deviation of the noise of noisy top-k. */
  readonly noise: number;
  /** How much the first experts are preferred: their scores are raised by this, falling to 0 at the last. */
  readonly skew: number;
  readonly seed: number;
}

/** One choice: a token, an expert, the weight, and whether there was a place. */
export interface Assignment {
  readonly token: number;
  readonly expert: number;
  readonly weight: number;
  readonly kept: boolean;
}

export interface Routed {
  readonly assignments: readonly Assignment[];
  /** Places of each expert; undefined without a limit. */
  readonly capacity: number | undefined;
}

const executor = { executor: "reference" } as const;

/** Scores of a router on random tokens. */
async function routerScores({ tokens, experts, skew, seed }: RouteInput): Promise<Value> {
  const popularity = value(Array.from({ length: experts }, (_, i) => skew * (1 - i / Math.max(1, experts - 1))));
  return compile((from: Tensor) => add(normal(from, [tokens, experts]), popularity), executor)(key(seed));
}

/** Sends tokens to experts as the chosen router would. */
export async function route(input: RouteInput): Promise<Routed> {
  const { router, experts, k, capacityFactor, noise, seed } = input;
  const scores = await routerScores(input);
  const assign = (indices: Value, weights: Value, kept?: Value): Assignment[] => {
    const width = indices.shape[1];
    const byToken = router !== "expert";
    return Array.from({ length: indices.size }, (_, i) => {
      const [row, chosen] = [Math.floor(i / width), Number(indices.data[i])];
      return {
        token: byToken ? row : chosen,
        expert: byToken ? chosen : row,
        weight: Number(weights.data[i]),
        kept: kept === undefined || Boolean(kept.data[i]),
      };
    });
  };
  if (router === "expert") {
    const { indices, weights } = await compile((x: Tensor) => expertChoice(x, { capacityFactor }), executor)(scores);
    return { assignments: assign(indices, weights), capacity: indices.shape[1] };
  }
  if (router === "token") {
    const routed = compile((x: Tensor) => {
      const { capacity: _, ...tensors } = tokenChoice(x, { k, capacityFactor });
      return tensors;
    }, executor);
    const { indices, weights, kept } = await routed(scores);
    const capacity = Math.ceil((input.tokens * k * capacityFactor) / experts);
    return { assignments: assign(indices, weights, kept), capacity };
  }
  // The tokens are their own scores; the noise's deviation is `floor` plus softplus of an untrained layer, which is ln 2.
  const gate = { gate: eye(experts), noise: mul(eye(experts), 0) };
  const noisy = compile(
    (x: Tensor, from: Tensor) => noisyTopK(x, gate, { k, key: noise > 0 ? from : undefined, floor: noise - Math.LN2 }),
    executor,
  );
  const { indices, weights } = await noisy(scores, key(seed + 1));
  return { assignments: assign(indices, weights), capacity: undefined };
}
