import { gather, type Tensor, type TensorLike } from "../core/index.ts";
import { type Initialiser, normalOf } from "./initialisers.ts";

/** Parameters of a table of vectors. */
export interface Embedding<T = Tensor> {
  /** [entries, width] */
  readonly weight: T;
}

/** First parameters of a table of vectors, one row an entry. Default standard normal. */
export const initEmbedding = (
  key: TensorLike,
  { entries, width, initialiser = normalOf(1) }: { entries: number; width: number; initialiser?: Initialiser },
): Embedding => ({ weight: initialiser(key, [entries, width], { in: entries, out: width }) });

/**
 * Looks vectors up.
 *
 * @param indices  int32 or int64 of any shape
 * @returns        float[...indices.shape, width]
 */
export const embedding = ({ weight }: Embedding<TensorLike>, indices: TensorLike): Tensor => gather(weight, indices);
