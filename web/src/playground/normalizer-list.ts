export type NormalizerId = "softmax" | "entmax" | "sparsemax" | "softpick" | "quiet" | "sigmoid";

/** A normalizer as the page presents it. */
export interface NormalizerEntry {
  readonly id: NormalizerId;
  readonly title: string;
  readonly formula: string;
  /** What sets it apart, in one sentence. */
  readonly note: string;
}

export const normalizerList: readonly NormalizerEntry[] = [
  {
    id: "softmax",
    title: "Softmax",
    formula: "eᶻ / Σ eᶻ",
    note: "Every score keeps some weight, and the row always sums to 1.",
  },
  {
    id: "entmax",
    title: "α-entmax",
    formula: "max((α − 1) z − τ, 0)^(1/(α−1))",
    note: "Between softmax (α → 1) and sparsemax (α = 2): weak scores get exactly 0.",
  },
  {
    id: "sparsemax",
    title: "Sparsemax",
    formula: "max(z − τ, 0)",
    note: "The nearest point of the simplex: few weights, and none elsewhere.",
  },
  {
    id: "softpick",
    title: "Softpick",
    formula: "max(eᶻ − 1, 0) / Σ |eᶻ − 1|",
    note: "Negative scores get 0; a row without positive ones is silent.",
  },
  {
    id: "quiet",
    title: "Quiet softmax",
    formula: "eᶻ / (1 + Σ eᶻ)",
    note: "One more score of 0 that nobody reads: the row may sum to less than 1.",
  },
  {
    id: "sigmoid",
    title: "Sigmoid",
    formula: "1 / (1 + n e⁻ᶻ)",
    note: "Each weight depends on its own score alone: its Jacobian is diagonal.",
  },
];
