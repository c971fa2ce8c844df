import type { DType } from "../../dtype.ts";
import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../../tensor.ts";
import { mul, sub } from "../arithmetic.ts";
import { unbroadcast } from "../broadcast.ts";
import { cast } from "../cast.ts";
import { expectFloat } from "../define.ts";
import { pad } from "../pad.ts";
import { sum } from "../reduce.ts";
import { reshape } from "../reshape.ts";
import {
  asZeroPoint,
  batchScaled,
  expectCodes,
  normaliseScale,
  type ScaleAttributes,
  type ScaleOptions,
  scaleIndex,
  spread,
} from "./codes.ts";

// Inputs: codes, scale, and perhaps a zero point of the shape of the scale.
const dequantizeLinearOperation: Operation<ScaleAttributes> = {
  name: "dequantizeLinear",
  infer: ([codes, { dtype }]) => [{ shape: codes.shape, dtype }],
  emit: (graph, names, node) => {
    const { inputs, attributes } = node;
    const [, scale] = inputs;
    if (scale.dtype === "float64")
      return lower(graph, names, node, (codes, steps, zero) => [
        mul(centred(codes, zero, "float64", attributes), spread(steps, codes.shape, attributes)),
      ]);
    return [
      graph.node("DequantizeLinear", names, {
        axis: scale.rank > 0 ? attributes.axis : undefined,
        block_size: attributes.blockSize > 0 ? attributes.blockSize : undefined,
      }),
    ];
  },
  reference: ([codes, scale, zero], { inputs: [{ shape }, steps], attributes }) => {
    const at = scaleIndex(shape, steps.shape, attributes);
    return [codes.map((code, i) => (code - (zero?.[at(i)] ?? 0)) * scale[at(i)])];
  },
  gradient: ([dy], { inputs: [codes, scale, zero], attributes }) => [
    null,
    gather(mul(dy!, centred(codes, zero, scale.dtype, attributes)), scale, attributes),
  ],
  batch: (inputs, batched, attributes, size) => [
    batchScaled(
      (all, settings) => applyOne(dequantizeLinearOperation, all, settings),
      inputs,
      batched,
      attributes,
      size,
    ),
  ],
  flops: ({ outputs: [y] }) => 2 * y.size,
};

/** Codes minus their zero point. Differences are taken before they become floats, as the runtime does. */
function centred(codes: Tensor, zero: Tensor | undefined, dtype: DType, attributes: ScaleAttributes): Tensor {
  if (zero === undefined) return cast(codes, dtype);
  return cast(sub(cast(codes, "int32"), spread(cast(zero, "int32"), codes.shape, attributes)), dtype);
}

/** Sums over the elements that share a scale: the transpose of `spread`. */
function gather(x: Tensor, scale: Tensor, { axis, blockSize }: ScaleAttributes): Tensor {
  if (blockSize === 0) return reshape(unbroadcast(x, spread(scale, x.shape, { axis, blockSize }).shape), scale.shape);
  const blocks = scale.shape[axis];
  const missing = blocks * blockSize - x.shape[axis];
  const whole =
    missing === 0
      ? x
      : pad(
          x,
          x.shape.map((_, i) => (i === axis ? [0, missing] : null)),
        );
  return sum(reshape(whole, whole.shape.toSpliced(axis, 1, blocks, blockSize)), { axis: axis + 1 });
}

const codeTypes: readonly DType[] = ["uint8", "int8", "uint16", "int16", "int32"];

/**
 * What integer codes stand for: (codes − zeroPoint) · scale. The gradient goes to the scale.
 *
 * @param codes      uint8, int8, uint16, int16 or int32 [...]
 * @param scale      float: a scalar, one for each place of `axis`, or one for each block
 * @param zeroPoint  code of 0, dtype of the codes, shape of the scale or a scalar. Default 0
 * @returns          dtype of the scale, shape of the codes
 * @throws           ShapeError `dequantizeLinear/scale`, `…/zero-point`, `…/axis-out-of-range`; DTypeError
 *                   `dequantizeLinear/codes`, `…/dtype`, `…/zero-point`
 * @source           ONNX operator set 23, DequantizeLinear
 * @example
 * dequantizeLinear(value([0, 128, 255], { dtype: "uint8" }), 0.5, 128)   // [-64, 0, 63.5]
 */
export function dequantizeLinear(
  codes: TensorLike,
  scale: TensorLike,
  zeroPoint?: TensorLike,
  options: ScaleOptions = {},
): Tensor {
  const input = asTensor(codes);
  expectCodes("dequantizeLinear", "codes", input, codeTypes);
  const given = asTensor(scale);
  expectFloat("dequantizeLinear", given);
  const { scale: steps, attributes } = normaliseScale("dequantizeLinear", input, given, options);
  const zero = zeroPoint === undefined ? [] : [asZeroPoint("dequantizeLinear", zeroPoint, steps.shape, input.dtype)];
  return applyOne(dequantizeLinearOperation, [input, steps, ...zero], attributes);
}
