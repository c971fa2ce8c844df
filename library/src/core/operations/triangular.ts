import type { DType } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { and, greaterEqual, less } from "./comparison.ts";
import { withKernel } from "./define.ts";
import { generated } from "./generated.ts";
import { range } from "./range.ts";
import { reshape } from "./reshape.ts";

interface TriangleAttributes {
  readonly upper: boolean;
  readonly diagonal: number;
}

const kernels: readonly DType[] = ["float32", "float64", "int64", "bool"];

const triangleOperation: Operation<TriangleAttributes> = {
  name: "triangle",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  emit: (graph, [x], { inputs: [{ dtype }], attributes: { upper, diagonal } }) => [
    withKernel(graph, kernels, [x], dtype, dtype, ([source]) =>
      graph.node("Trilu", [source, graph.scalar(diagonal, "int64")], { upper: upper ? 1 : 0 }),
    ),
  ],
  reference: ([x], { inputs: [{ shape }], attributes: { upper, diagonal } }) => {
    const [rows, columns] = shape.slice(-2);
    return [
      x.map((element, i) => {
        const distance = (i % columns) - (Math.floor(i / columns) % rows);
        return (upper ? distance >= diagonal : distance <= diagonal) ? element : 0;
      }),
    ];
  },
  gradient: ([dy], { attributes }) => [applyOne(triangleOperation, [dy!], attributes)],
  batch: ([x], _, attributes) => [applyOne(triangleOperation, [x], attributes)],
  flops: () => 0,
};

const triangle =
  (name: string, upper: boolean) =>
  (x: TensorLike, { diagonal = 0 }: { diagonal?: number } = {}): Tensor => {
    const tensor = asTensor(x);
    if (tensor.rank < 2)
      throw new ShapeError(`${name}/rank`, `a triangle is part of a matrix; this has ${tensor.rank} axes`, {
        operands: { input: tensor },
      });
    return applyOne(triangleOperation, [tensor], { upper, diagonal });
  };

/**
 * The last two axes with zeros above a diagonal.
 *
 * @param diagonal  0 keeps the main diagonal, −1 takes it away, 1 keeps one above. Default 0
 * @throws          ShapeError `lowerTriangle/rank`
 */
export const lowerTriangle = triangle("lowerTriangle", false);

/**
 * The last two axes with zeros below a diagonal.
 *
 * @param diagonal  0 keeps the main diagonal, 1 takes it away, −1 keeps one below. Default 0
 * @throws          ShapeError `upperTriangle/rank`
 */
export const upperTriangle = triangle("upperTriangle", true);

/** Masks of up to this many elements (bytes) are stored in the model; larger ones are computed where they are used. */
const storedMask = 2 ** 20;

/**
 * Who may look at whom in a causal sequence, as bool[queries, keys]: true where the key is not later than the query.
 * With more keys than queries the last query stands at the last key, as with a cache of earlier keys.
 *
 * @param queries  number of queries
 * @param keys     default `queries`
 * @param window   how many keys a query sees, itself included. Default: all earlier ones
 * @example
 * where(causalMask(3), scores, -Infinity)   // row i keeps columns 0 … i
 */
export function causalMask(
  queries: number,
  { keys = queries, window = Infinity }: { keys?: number; window?: number } = {},
): Tensor {
  const offset = keys - queries;
  if (queries * keys <= storedMask)
    return generated(`causalMask ${window}`, [queries, keys], "bool", (i) => {
      const distance = Math.floor(i / keys) + offset - (i % keys);
      return Number(distance >= 0 && distance < window);
    });
  const places = range(keys);
  const past = greaterEqual(reshape(range(offset, keys), [queries, 1]), places);
  if (window === Infinity) return past;
  return and(past, less(reshape(range(offset - window, keys - window), [queries, 1]), places));
}
