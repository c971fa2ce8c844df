import { type DType, dtypes } from "../../dtype.ts";
import { DTypeError } from "../../errors.ts";
import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../../tensor.ts";
import { add, clip, div, round } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { expectFloat } from "../define.ts";
import {
  asZeroPoint,
  batchScaled,
  type CodeType,
  normaliseScale,
  rangeOfCodes,
  type ScaleAttributes,
  type ScaleOptions,
  scaleIndex,
  spread,
  toCode,
} from "./codes.ts";

interface QuantizeAttributes extends ScaleAttributes {
  readonly dtype: CodeType;
}

// Inputs: x, scale, and perhaps a zero point of the shape of the scale.
const quantizeLinearOperation: Operation<QuantizeAttributes> = {
  name: "quantizeLinear",
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  emit: (graph, names, node) => {
    const { inputs, attributes } = node;
    const { axis, blockSize, dtype } = attributes;
    if (inputs[0].dtype === "float64") return lower(graph, names, node, (...given) => [composed(given, attributes)]);
    return [
      graph.node("QuantizeLinear", names, {
        axis: inputs[1].rank > 0 ? axis : undefined,
        block_size: blockSize > 0 ? blockSize : undefined,
        output_dtype: inputs.length < 3 ? dtypes[dtype].onnx : undefined,
      }),
    ];
  },
  reference: ([x, scale, zero], { inputs: [input, { shape }], attributes }) => {
    const range = rangeOfCodes(attributes.dtype);
    const at = scaleIndex(input.shape, shape, attributes);
    // A code jumps where the quotient passes a half: it has the runtime's 32 bits, so that both see the same ties.
    const rounded = input.dtype === "float64" ? Number : Math.fround;
    return [x.map((number, i) => toCode(rounded(number / scale[at(i)]), zero?.[at(i)] ?? 0, range))];
  },
  gradient: "quantizeLinear gives integers, which have no gradient (fakeQuantize gives floats that have one)",
  batch: (inputs, batched, { dtype, ...attributes }, size) => [
    batchScaled(
      (all, settings) => applyOne(quantizeLinearOperation, all, { ...settings, dtype }),
      inputs,
      batched,
      attributes,
      size,
    ),
  ],
  flops: ({ outputs: [y] }) => 3 * y.size,
};

function composed([x, scale, zero]: readonly Tensor[], { dtype, ...attributes }: QuantizeAttributes): Tensor {
  const whole = round(div(x, spread(scale, x.shape, attributes)));
  const shifted = zero === undefined ? whole : add(whole, spread(cast(zero, x.dtype), x.shape, attributes));
  return cast(clip(shifted, ...rangeOfCodes(dtype)), dtype);
}

export interface QuantizeLinearOptions extends ScaleOptions {
  /** Element type of the codes. Default: that of the zero point, and int8 where there is none. */
  readonly dtype?: CodeType;
}

const codeTypes: readonly DType[] = ["uint8", "int8", "uint16", "int16"];

/**
 * Numbers as integer codes, kept in the range of their dtype:
 *
 *     code = clamp(round(x / scale) + zeroPoint)     halves are rounded to the even code
 *
 * Gradients stop here, as at every integer; {@link fakeQuantize} lets them through.
 *
 * @param x          float[...]
 * @param scale      step between neighbouring codes, > 0, dtype of `x`: a scalar, one for each place of `axis`, or one
 *                   for each block
 * @param zeroPoint  code of 0, dtype of the codes, shape of the scale or a scalar. Default 0
 * @returns          codes, shape of `x`
 * @throws           ShapeError `quantizeLinear/scale`, `…/zero-point`, `…/axis-out-of-range`; DTypeError
 *                   `quantizeLinear/dtype`, `…/zero-point`
 * @source           ONNX operator set 23, QuantizeLinear
 * @example
 * quantizeLinear(value([-1.5, 0.5, 1.5, 300]), 1)   // int8 [-2, 0, 2, 127]
 */
export function quantizeLinear(
  x: TensorLike,
  scale: TensorLike,
  zeroPoint?: TensorLike,
  options: QuantizeLinearOptions = {},
): Tensor {
  const { input, steps, zero, type, attributes } = quantizationOf("quantizeLinear", x, scale, zeroPoint, options);
  return applyOne(quantizeLinearOperation, [input, steps, ...zero], { ...attributes, dtype: type });
}

/** Checks and completes the settings of a quantization. */
export function quantizationOf(
  operation: string,
  x: TensorLike,
  scale: TensorLike,
  zeroPoint: TensorLike | undefined,
  { dtype, ...options }: QuantizeLinearOptions,
): { input: Tensor; steps: Tensor; zero: readonly Tensor[]; type: CodeType; attributes: ScaleAttributes } {
  const input = asTensor(x);
  expectFloat(operation, input);
  const given = asTensor(scale, input.dtype);
  const type = dtype ?? (typeof zeroPoint === "object" ? zeroPoint.dtype : "int8");
  if (given.dtype !== input.dtype || !codeTypes.includes(type))
    throw new DTypeError(`${operation}/dtype`, `${input.dtype} with ${given.dtype} scales to ${type} codes`, {
      operands: { input, scale: given },
      fix: `use scales of the input's dtype, and one of ${codeTypes.join(", ")}`,
    });
  const { scale: steps, attributes } = normaliseScale(operation, input, given, options);
  const zero = zeroPoint === undefined ? [] : [asZeroPoint(operation, zeroPoint, steps.shape, type)];
  return { input, steps, zero, type: type as CodeType, attributes };
}
