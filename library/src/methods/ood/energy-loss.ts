import { add, logSoftmax, mean, neg, relu, square, sub, type Tensor, type TensorLike } from "../../core/index.ts";
import { energy } from "./scores.ts";

/** Energies that fine-tuning aims at: below `inside` for known inputs, above `outside` for outliers. */
export interface EnergyMargins {
  /** m_in: known inputs above it are pulled down. */
  readonly inside: number;
  /** m_out: outliers below it are pushed up. */
  readonly outside: number;
  /** Default 1. */
  readonly temperature?: number;
}

/**
 * The hinge that shapes energies: mean max(0, E(x) − m_in)² over known inputs + mean max(0, m_out − E(x′))² over outliers.
 * It is added to the cross-entropy with a weight of about 0.1.
 *
 * @param known     logits of known inputs, float[..., classes]
 * @param outliers  logits of outliers, float[..., classes]
 * @returns         scalar ≥ 0
 * @source          Liu et al. 2020, arXiv:2010.03759, equations 8 and 9
 */
export function energyHinge(
  known: TensorLike,
  outliers: TensorLike,
  { inside, outside, temperature }: EnergyMargins,
): Tensor {
  const above = relu(sub(energy(known, { temperature }), inside));
  const below = relu(sub(outside, energy(outliers, { temperature })));
  return add(mean(square(above)), mean(square(below)));
}

/**
 * Outlier exposure: the cross-entropy of outliers' predictions and the uniform distribution, in nats. It is added to the
 * cross-entropy of known inputs with a weight of about 0.5.
 *
 * @param outliers  logits of outliers, float[..., classes]
 * @returns         scalar ≥ ln(classes)
 * @source          Hendrycks, Mazeika & Dietterich 2018, arXiv:1812.04606, section 4.3
 */
export const outlierExposure = (outliers: TensorLike): Tensor => neg(mean(logSoftmax(outliers)));
