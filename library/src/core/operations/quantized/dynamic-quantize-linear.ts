import { DTypeError } from "../../errors.ts";
import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../../tensor.ts";
import { clip, div, maximum, minimum, neg, round, sub } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { equal } from "../comparison.ts";
import { ones, zeros } from "../range.ts";
import { max, min } from "../reduce.ts";
import { reshape } from "../reshape.ts";
import { where } from "../where.ts";
import { type Quantized, toCode } from "./codes.ts";
import { quantizeLinear } from "./quantize-linear.ts";

/** Codes of numbers whose range is found as they come, in the steps of 32 bits that the runtime takes. */
export function quantizeRange(x: Float64Array): { codes: Float64Array; scale: number; zero: number } {
  const low = x.reduce((a, b) => Math.min(a, b), 0);
  const high = x.reduce((a, b) => Math.max(a, b), 0);
  const scale = high === low ? 1 : Math.fround(Math.fround(high - low) / 255);
  const zero = toCode(-Math.fround(low / scale), 0, [0, 255]);
  return { codes: x.map((number) => toCode(Math.fround(number / scale), zero, [0, 255])), scale, zero };
}

// With `examples`, each place of the first axis is quantized for itself.
const dynamicQuantizeLinearOperation: Operation<{ examples: boolean }> = {
  name: "dynamicQuantizeLinear",
  infer: ([{ shape }], { examples }) => {
    const several = examples ? [shape[0]] : [];
    return [
      { shape, dtype: "uint8" },
      { shape: several, dtype: "float32" },
      { shape: several, dtype: "uint8" },
    ];
  },
  emit: (graph, names, node) =>
    node.attributes.examples
      ? lower(graph, names, node, quantizeExamples)
      : graph.nodes("DynamicQuantizeLinear", names, { outputs: 3 }),
  reference: ([x], { inputs: [{ shape }], attributes: { examples } }) => {
    const count = examples ? shape[0] : 1;
    const size = x.length / Math.max(1, count);
    const codes = new Float64Array(x.length);
    const parts = Array.from({ length: count }, (_, i) => quantizeRange(x.subarray(i * size, (i + 1) * size)));
    parts.forEach((part, i) => {
      codes.set(part.codes, i * size);
    });
    return [codes, Float64Array.from(parts, ({ scale }) => scale), Float64Array.from(parts, ({ zero }) => zero)];
  },
  gradient:
    "dynamicQuantizeLinear gives integers and the scale that fits them, which have no gradient " +
    "(fakeQuantize gives floats that have one)",
  batch: ([x], _, { examples }) => {
    if (!examples) return apply(dynamicQuantizeLinearOperation, [x], { examples: true });
    const [outer, inner, ...rest] = x.shape;
    const [codes, ...settings] = apply(dynamicQuantizeLinearOperation, [reshape(x, [outer * inner, ...rest])], {
      examples,
    });
    return [reshape(codes, x.shape), ...settings.map((one) => reshape(one, [outer, inner]))];
  },
  flops: ({ inputs: [x] }) => 5 * x.size,
};

function quantizeExamples(x: Tensor): Tensor[] {
  const [count] = x.shape;
  if (x.size === 0) return [zeros(x.shape, { dtype: "uint8" }), ones([count]), zeros([count], { dtype: "uint8" })];
  const rows = reshape(x, [count, x.size / count]);
  const low = minimum(min(rows, { axis: 1 }), 0);
  const high = maximum(max(rows, { axis: 1 }), 0);
  const scale = where(equal(high, low), 1, div(sub(high, low), 255));
  const zero = cast(clip(round(neg(div(low, scale))), 0, 255), "uint8");
  return [quantizeLinear(x, scale, zero, { axis: 0 }), scale, zero];
}

/**
 * Numbers as uint8 codes over their own range, which is widened to hold 0: how activations are quantized where nothing
 * is known of them beforehand.
 *
 *     scale = (max(x, 0) − min(x, 0)) / 255     zeroPoint = round(−min(x, 0) / scale)
 *
 * @param x  float32[...]
 * @returns  codes (uint8, shape of `x`), scale (float32 scalar; 1 where all numbers are 0) and zero point (uint8 scalar)
 * @throws   DTypeError `dynamicQuantizeLinear/dtype`
 * @source   ONNX operator set 11, DynamicQuantizeLinear
 * @example
 * dynamicQuantizeLinear(value([-1, 0, 4.1]))   // codes [0, 50, 255], scale 0.02, zero point 50
 */
export function dynamicQuantizeLinear(x: TensorLike): Required<Quantized> {
  const input = asTensor(x);
  if (input.dtype !== "float32")
    throw new DTypeError("dynamicQuantizeLinear/dtype", `the input is ${input.dtype}, expected float32`, {
      operands: { input },
      fix: `cast it first: cast(x, "float32")`,
    });
  const [codes, scale, zeroPoint] = apply(dynamicQuantizeLinearOperation, [input], { examples: false });
  return { codes, scale, zeroPoint };
}
