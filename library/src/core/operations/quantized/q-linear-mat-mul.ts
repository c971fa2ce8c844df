import { ShapeError } from "../../errors.ts";
import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { evaluateReference } from "../../oracle.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../../tensor.ts";
import { div, mul } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { alignBatched } from "../define.ts";
import { reshape } from "../reshape.ts";
import {
  asZeroPoint,
  batchComposed,
  expectCodes,
  factorOf,
  type Quantized,
  type QuantizedAs,
  rangeOfCodes,
  requantize,
  withSign,
} from "./codes.ts";
import { column, matMulInteger, productShape, sideZero } from "./mat-mul-integer.ts";
import { quantizeLinear } from "./quantize-linear.ts";

// Inputs: a and b, each as codes, scale and zero point, then the result's scale and zero point.
const qLinearMatMulOperation: Operation<Record<never, never>> = {
  name: "qLinearMatMul",
  infer: ([a, , , b]) => [{ shape: productShape("qLinearMatMul", a, b), dtype: a.dtype }],
  emit: (graph, names, node) => {
    const [a, aScale, aZero] = node.inputs;
    // The runtime takes neither scales of rows nor sums of nothing.
    const kernel = aScale.rank === 0 && aZero.rank === 0 && a.shape.at(-1)! > 0;
    if (!kernel) return lower(graph, names, node, (...given) => [composed(...given)]);
    const [codes, scale, zero, right, rightScale, rightZero, ...result] = names;
    // Scales and zero points of columns have one shape.
    const along = (name: string, tensor: Tensor, other: Tensor): string =>
      tensor.rank < other.rank ? graph.node("Expand", [name, graph.integers(other.shape)]) : name;
    const [, , , , bScale, bZero] = node.inputs;
    const settings = [along(rightScale, bScale, bZero), along(rightZero, bZero, bScale)];
    return [graph.node("QLinearMatMul", [codes, scale, zero, right, ...settings, ...result])];
  },
  reference: (data, { inputs, outputs: [y] }) => {
    const [a, aScale, aZero, b, bScale, bZero] = inputs;
    const known = new Map(inputs.map((x, i) => [x, data[i]]));
    const [sums] = evaluateReference([matMulInteger(a, b, aZero, bZero)], known);
    const [rows, columns] = y.shape.slice(-2);
    const factorAt = (i: number): number => {
      const row = aScale.rank === 0 ? 0 : Math.floor(i / columns) % rows;
      return factorOf(data[1][row], data[4][bScale.rank === 0 ? 0 : i % columns], data[6][0]);
    };
    return [requantize(sums, factorAt, data[7][0], rangeOfCodes(y.dtype))];
  },
  gradient: "qLinearMatMul gives integers, which have no gradient (fakeQuantize and matmul give floats that have one)",
  batch: (inputs, batched) => {
    if (batched.some((one, i) => one && i !== 0 && i !== 3)) return [batchComposed(composed, inputs, batched)];
    const [a, b] = alignBatched([inputs[0], inputs[3]], [batched[0], batched[3]]);
    return [applyOne(qLinearMatMulOperation, inputs.with(0, a).with(3, b), {})];
  },
  flops: ({ inputs: [a], outputs: [y] }) => 2 * y.size * a.shape.at(-1)!,
};

function composed(...[a, aScale, aZero, b, bScale, bZero, yScale, yZero]: readonly Tensor[]): Tensor {
  const factor = div(mul(column(aScale), bScale), yScale);
  return quantizeLinear(mul(cast(matMulInteger(a, b, aZero, bZero), "float32"), factor), 1, yZero);
}

/** A scale of a product's side in float32: a scalar, or one for each of its rows or columns. */
function sideScale(scale: TensorLike, codes: Tensor, count: number, side: string): Tensor {
  const given = asTensor(scale);
  if (given.size === 1 && given.rank <= 1) return reshape(given, []);
  if (given.rank !== 1 || given.size !== count)
    throw new ShapeError("qLinearMatMul/scale", `scales of shape [${given.shape}] for ${count} ${side}`, {
      operands: { codes, scale: given },
      fix: `give one scale, or one for each of the ${side}`,
    });
  return given;
}

/**
 * Matrix product of quantized matrices, quantized again: the sums are taken in 32-bit integers and rounded once.
 *
 *     y = clamp(round((aScale · bScale / yScale) · Σ (a − aZero)(b − bZero)) + yZero)
 *
 * @param a       codes uint8 or int8 [..., rows, inner]; scale a scalar or one for each row
 * @param b       codes uint8 or int8 [..., inner, columns]; scale a scalar or one for each column
 * @param result  scale and zero point of the result; the zero point has the dtype of `a`'s codes
 * @returns       codes of the dtype of `a`, [..., rows, columns]
 * @throws        ShapeError `qLinearMatMul/rank`, `…/inner`, `…/broadcast`, `…/scale`, `…/zero-point`; DTypeError
 *                `qLinearMatMul/codes`, `…/zero-point`
 * @source        ONNX operator set 21, QLinearMatMul
 * @example
 * const one = { codes: value([[2]], { dtype: "int8" }), scale: 0.5 };
 * qLinearMatMul(one, one, { scale: 0.25 })   // 1 · 1 = 1 is code 4: int8 [[4]]
 */
export function qLinearMatMul(
  a: Quantized<TensorLike>,
  b: Quantized<TensorLike>,
  result: QuantizedAs<TensorLike>,
): Tensor {
  const [left, right] = [asTensor(a.codes), asTensor(b.codes)];
  expectCodes("qLinearMatMul", "left", left, ["uint8", "int8"]);
  expectCodes("qLinearMatMul", "right", right, ["uint8", "int8"]);
  const [rows, columns] = productShape("qLinearMatMul", left, right).slice(-2);
  const rightZero = sideZero("qLinearMatMul", b.zeroPoint, right, columns);
  // The runtime has no kernel for signed by unsigned codes.
  const signed = left.dtype === "int8" && right.dtype === "uint8";
  return applyOne(
    qLinearMatMulOperation,
    [
      left,
      sideScale(a.scale, left, rows, "rows"),
      sideZero("qLinearMatMul", a.zeroPoint, left, rows),
      signed ? withSign(right) : right,
      sideScale(b.scale, right, columns, "columns"),
      signed ? withSign(rightZero) : rightZero,
      reshape(asTensor(result.scale), []),
      asZeroPoint("qLinearMatMul", result.zeroPoint ?? 0, [], left.dtype),
    ],
    {},
  );
}
