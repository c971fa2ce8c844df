import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { evaluateReference } from "../../oracle.ts";
import { applyOne, asTensor, harmonise, type Tensor, type TensorLike } from "../../tensor.ts";
import { pullBack } from "../../transforms/vjp.ts";
import { add, mul } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { matmul } from "../matmul.ts";
import { asZeroPoint, batchComposed, expectBias, expectCodes, normaliseScale, type Quantized } from "./codes.ts";
import { dequantizeLinear } from "./dequantize-linear.ts";
import { dynamicQuantizeLinear } from "./dynamic-quantize-linear.ts";
import { matMulInteger, productShape } from "./mat-mul-integer.ts";

/** Which inputs there are after x, codes and scale. */
interface Present {
  readonly zeroPoint: boolean;
  readonly bias: boolean;
}

const named = ([x, codes, scale, ...rest]: readonly Tensor[], { zeroPoint, bias }: Present) => ({
  x,
  codes,
  scale,
  zeroPoint: zeroPoint ? rest[0] : undefined,
  bias: bias ? rest.at(-1) : undefined,
});

const dynamicQuantizedMatmulOperation: Operation<Present> = {
  name: "dynamicQuantizedMatmul",
  infer: ([x, codes]) => [{ shape: productShape("dynamicQuantizedMatmul", x, codes), dtype: "float32" }],
  emit: (graph, names, node) => {
    const { zeroPoint, bias } = node.attributes;
    if (!graph.contributed || node.inputs[0].shape.at(-1) === 0)
      return lower(graph, names, node, (...given) => [composed(given, node.attributes)]);
    const optional = [zeroPoint ? names[3] : "", bias ? names[names.length - 1] : ""];
    return graph.nodes("DynamicQuantizeMatMul", [...names.slice(0, 3), ...optional], {
      outputs: 1,
      domain: "com.microsoft",
    });
  },
  reference: (data, { inputs, attributes }) =>
    evaluateReference([composed(inputs, attributes)], new Map(inputs.map((x, i) => [x, data[i]]))),
  // The activations' rounding counts as the identity.
  gradient: ([dy], { inputs, attributes }) => {
    const { x, codes, scale, zeroPoint, bias } = named(inputs, attributes);
    const product = matmul(x, dequantizeLinear(codes, scale, zeroPoint));
    return pullBack([bias === undefined ? product : add(product, bias)], [dy], inputs);
  },
  batch: (inputs, batched, attributes) => [batchComposed((...given) => composed(given, attributes), inputs, batched)],
  flops: ({ inputs: [x], outputs: [y] }) => 2 * y.size * x.shape.at(-1)!,
};

function composed(inputs: readonly Tensor[], present: Present): Tensor {
  const { x, codes, scale, zeroPoint, bias } = named(inputs, present);
  const quantized = dynamicQuantizeLinear(x);
  const sums = matMulInteger(quantized.codes, codes, quantized.zeroPoint, zeroPoint);
  const product = mul(cast(sums, "float32"), mul(quantized.scale, scale));
  return bias === undefined ? product : add(product, bias);
}

/**
 * Matrix product of float activations and an 8-bit weight: the activations become uint8 codes over their own range as
 * they come, the sums are taken in 32-bit integers, the result is float again.
 *
 * The fast kernel is that of int8 codes: about twice as fast as uint8. Weights that the program closes over are laid out
 * once for it; weights that it is given as an argument, at each call. The gradient takes the rounding of the activations
 * for the identity.
 *
 * @param x       float32[..., rows, inner]; one range for all of it
 * @param weight  codes int8 or uint8 [inner, columns]; scale float32, a scalar or one for each column
 * @param bias    float32[columns]. Default: none
 * @returns       float32[..., rows, columns]
 * @throws        ShapeError `dynamicQuantizedMatmul/rank`, `…/inner`, `…/scale`, `…/zero-point`, `…/bias`; DTypeError
 *                `dynamicQuantizedMatmul/codes`, `…/zero-point`, `dynamicQuantizeLinear/dtype`
 * @source        ONNX Runtime's contributed operators, DynamicQuantizeMatMul
 * @example
 * const weight = { codes: value([[100], [-50]], { dtype: "int8" }), scale: 0.01 };
 * dynamicQuantizedMatmul(value([[255, 0]]), weight)   // 255 · 1 + 0 · (−0.5): [[255]]
 */
export function dynamicQuantizedMatmul(x: TensorLike, weight: Quantized<TensorLike>, bias?: TensorLike): Tensor {
  const operation = "dynamicQuantizedMatmul";
  const [input, codes] = [asTensor(x), asTensor(weight.codes)];
  expectCodes(operation, "weight", codes, ["int8", "uint8"]);
  productShape(operation, input, codes);
  const [, given] = harmonise(operation, input, weight.scale);
  const { scale } = normaliseScale(operation, codes, given, {});
  const offset = bias === undefined ? [] : [expectBias(operation, input, bias, codes.shape[1])];
  const zero =
    weight.zeroPoint === undefined ? [] : [asZeroPoint(operation, weight.zeroPoint, scale.shape, codes.dtype)];
  return applyOne(dynamicQuantizedMatmulOperation, [input, codes, scale, ...zero, ...offset], {
    zeroPoint: zero.length > 0,
    bias: offset.length > 0,
  });
}
