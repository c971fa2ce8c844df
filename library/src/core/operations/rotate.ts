import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { evaluateReference } from "../oracle.ts";
import { sameShape, sizeOf } from "../shape.ts";
import { applyOne, harmonise, input, type Tensor, type TensorLike } from "../tensor.ts";
import { value } from "../value.ts";
import { add, mul, neg, sub } from "./arithmetic.ts";
import { unbroadcast } from "./broadcast.ts";
import { concat, stack } from "./concat.ts";
import { alignBatched, expectFloat, withKernel } from "./define.ts";
import { reshape } from "./reshape.ts";
import { splitAxis } from "./split.ts";

interface RotateAttributes {
  readonly interleaved: boolean;
}

/** First and second coordinates of all pairs, each [..., pairs]. */
function pairsOf(x: Tensor, interleaved: boolean): Tensor[] {
  if (!interleaved) return splitAxis(x, 2, { axis: -1 });
  const [front, pairs] = [x.shape.slice(0, -1), x.shape.at(-1)! / 2];
  return splitAxis(reshape(x, [...front, pairs, 2]), 2, { axis: -1 }).map((half) => reshape(half, [...front, pairs]));
}

function composed([x, cos, sin]: readonly Tensor[], { interleaved }: RotateAttributes): Tensor {
  const [a, b] = pairsOf(x, interleaved);
  const turned = [sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin))];
  if (!interleaved) return concat(turned, { axis: -1 });
  const pairs = stack(turned, { axis: -1 });
  return reshape(pairs, [...pairs.shape.slice(0, -2), 2 * pairs.shape.at(-2)!]);
}

const rotateOperation: Operation<RotateAttributes> = {
  name: "rotate",
  infer: ([x, cos, sin]) => {
    expectFloat("rotate", x);
    const wanted = [x.shape.at(-2), x.shape.at(-1)! / 2] as number[];
    if (x.rank < 2 || x.shape.at(-1)! % 2 !== 0 || [cos, sin].some(({ shape }) => !sameShape(shape, wanted)))
      throw new ShapeError("rotate/shape", "rotation needs pairs of coordinates, and an angle for each pair and time", {
        operands: { input: x, cosine: cos, sine: sin },
        fix: "x is [..., time, width] with an even width, the cosines and sines [time, width / 2]",
      });
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  emit: (graph, names, { inputs: [x], attributes: { interleaved } }) => {
    const [time, width] = x.shape.slice(-2);
    const flat = [1, sizeOf(x.shape.slice(0, -2)), time, width];
    const places = graph.constant(
      value(
        BigInt64Array.from({ length: time }, (_, i) => BigInt(i)),
        { shape: [1, time] },
      ),
    );
    const shaped = (name: string, shape: readonly number[]) =>
      graph.node("Reshape", [name, graph.integers(shape)], { allowzero: shape.includes(0) ? 1 : undefined });
    return [
      withKernel(graph, ["float32", "float16"], names, x.dtype, x.dtype, ([source, cos, sin]) =>
        shaped(
          graph.node("RotaryEmbedding", [shaped(source, flat), cos, sin, places], { interleaved: interleaved ? 1 : 0 }),
          x.shape,
        ),
      ),
    ];
  },
  reference: (data, { inputs, attributes }) => {
    const symbols = inputs.map(({ shape, dtype }) => input(shape, dtype, "rotate"));
    return evaluateReference([composed(symbols, attributes)], new Map(symbols.map((x, i) => [x, data[i]])));
  },
  gradient: ([dy], { inputs: [x, cos, sin], attributes }, { needs }) => {
    const dx = needs[0] ? rotate(dy!, cos, neg(sin), attributes) : null;
    if (!needs[1] && !needs[2]) return [dx, null, null];
    const [a, b] = pairsOf(x, attributes.interleaved);
    const [da, db] = pairsOf(dy!, attributes.interleaved);
    return [
      dx,
      unbroadcast(add(mul(da, a), mul(db, b)), cos.shape),
      unbroadcast(sub(mul(db, a), mul(da, b)), sin.shape),
    ];
  },
  batch: (inputs, batched, attributes) => [
    batched[1] || batched[2]
      ? composed(alignBatched(inputs, batched), attributes)
      : applyOne(rotateOperation, inputs, attributes),
  ],
  flops: ({ outputs: [y] }) => 3 * y.size,
};

/**
 * Rotates pairs of coordinates by an angle for each time and pair: the heart of rotary position embeddings. A rotation
 * keeps lengths, and the product of two rotated vectors depends only on the difference of their angles.
 *
 *     (a, b) → (a cos − b sin, b cos + a sin)
 *
 * @param x            float[..., time, width], width even
 * @param cos          cosines of the angles, [time, width / 2]
 * @param sin          sines of the angles, [time, width / 2]
 * @param interleaved  whether neighbours form pairs, rather than coordinate i with i + width / 2. Default false
 * @returns            shape and dtype of `x`
 * @throws             ShapeError `rotate/shape`; DTypeError `rotate/dtype`
 * @source             Su et al. 2021, arXiv:2104.09864, equation 34
 */
export const rotate = (
  x: TensorLike,
  cos: TensorLike,
  sin: TensorLike,
  { interleaved = false }: { interleaved?: boolean } = {},
): Tensor => applyOne(rotateOperation, harmonise("rotate", x, cos, sin), { interleaved });
