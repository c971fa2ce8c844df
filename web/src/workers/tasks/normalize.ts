import { compile, jacobian, type Tensor, value } from "sluice";
import { type NormalizerId, normalizerList } from "../../playground/normalizer-list.ts";
import { type NormalizerSettings, normalizerOf } from "../normalizers.ts";

export interface NormalizeInput extends NormalizerSettings {
  readonly scores: readonly number[];
}

export interface Normalized {
  readonly id: NormalizerId;
  readonly weights: readonly number[];
  /** ∂weight i / ∂score j, row by row. */
  readonly jacobian: readonly number[];
}

/**
 * All normalizers on one row of scores. A row is too small to be worth a session: the library's own executor in plain
 * TypeScript runs it.
 */
export async function normalize({ scores, ...settings }: NormalizeInput): Promise<Normalized[]> {
  return Promise.all(
    normalizerList.map(async ({ id }) => {
      const normalizer = normalizerOf(id, settings);
      const fn = (x: Tensor) => ({ weights: normalizer(x), jacobian: jacobian(normalizer)(x) });
      const result = await compile(fn, { executor: "reference" })(value([...scores], { dtype: "float64" }));
      return { id, weights: [...result.weights.toFloat64()], jacobian: [...result.jacobian.toFloat64()] };
    }),
  );
}
