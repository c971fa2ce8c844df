import { SettingError, ShapeError } from "../../errors.ts";
import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { evaluateReference } from "../../oracle.ts";
import { range, sizeOf } from "../../shape.ts";
import { applyOne, asTensor, harmonise, type Tensor, type TensorLike } from "../../tensor.ts";
import { pullBack } from "../../transforms/vjp.ts";
import { add, div, floor, mul, sub } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { stack } from "../concat.ts";
import { expectFloat } from "../define.ts";
import { matmul } from "../matmul.ts";
import { reshape } from "../reshape.ts";
import { sliceAxis } from "../slice.ts";
import { batchComposed, expectBias, expectCodes } from "./codes.ts";
import type { PackedBits, PackedWeight } from "./pack-weight.ts";

interface NBitsAttributes {
  readonly bits: PackedBits;
  /** Which inputs there are after x, codes and scale. */
  readonly zeroPoints: boolean;
  readonly bias: boolean;
  /** Bits of the activations inside the kernel: 32, or 8 and a scale for each block. */
  readonly activationBits: 32 | 8;
}

const named = ([x, codes, scale, ...rest]: readonly Tensor[], { zeroPoints, bias }: NBitsAttributes) => ({
  x,
  codes,
  scale,
  zeroPoints: zeroPoints ? rest[0] : undefined,
  bias: bias ? rest.at(-1) : undefined,
});

const matMulNBitsOperation: Operation<NBitsAttributes> = {
  name: "matMulNBits",
  infer: ([x, codes]) => [{ shape: [...x.shape.slice(0, -1), codes.shape[0]], dtype: x.dtype }],
  emit: (graph, names, node) => {
    const { inputs, attributes } = node;
    const { bits, zeroPoints, bias, activationBits } = attributes;
    const [x, codes] = inputs;
    // The contributed kernel keeps the weight packed; anything else has to unpack it.
    if (!graph.contributed || x.dtype === "float64" || x.shape.at(-1) === 0)
      return lower(graph, names, node, (...given) => [composed(given, attributes)]);
    const optional = [zeroPoints ? names[3] : "", "", bias ? names[names.length - 1] : ""];
    return graph.nodes("MatMulNBits", [...names.slice(0, 3), ...optional], {
      outputs: 1,
      domain: "com.microsoft",
      attributes: {
        K: x.shape.at(-1)!,
        N: codes.shape[0],
        bits,
        block_size: (codes.shape[2] * 8) / bits,
        accuracy_level: activationBits === 8 ? 4 : 1,
      },
    });
  },
  reference: (data, { inputs, attributes }) =>
    evaluateReference([composed(inputs, attributes)], new Map(inputs.map((x, i) => [x, data[i]]))),
  gradient: ([dy], { inputs, attributes }) => pullBack([composed(inputs, attributes)], [dy], inputs),
  batch: (inputs, batched, attributes) => [
    batched.slice(1).includes(true)
      ? batchComposed((...given) => composed(given, attributes), inputs, batched)
      : applyOne(matMulNBitsOperation, inputs, attributes),
  ],
  flops: ({ inputs: [x], outputs: [y] }) => 2 * y.size * x.shape.at(-1)!,
};

/** The codes that bytes hold along the last axis, as floats. */
function unpack(bytes: Tensor, bits: PackedBits, like: Tensor): Tensor {
  const packed = cast(bytes, like.dtype);
  const parts = range(8 / bits).map((part) => {
    const rest = floor(div(packed, 2 ** (bits * part)));
    return sub(rest, mul(floor(div(rest, 2 ** bits)), 2 ** bits));
  });
  return reshape(stack(parts, { axis: -1 }), [...bytes.shape.slice(0, -1), bytes.shape.at(-1)! * parts.length]);
}

function composed(inputs: readonly Tensor[], attributes: NBitsAttributes): Tensor {
  const { x, codes, scale, zeroPoints, bias } = named(inputs, attributes);
  const [columns, blocks] = codes.shape;
  const { bits } = attributes;
  const zero =
    zeroPoints === undefined
      ? 2 ** (bits - 1)
      : reshape(sliceAxis(unpack(zeroPoints, bits, x), 1, 0, blocks), [columns, blocks, 1]);
  const whole = mul(sub(unpack(codes, bits, x), zero), reshape(scale, [columns, blocks, 1]));
  const weight = sliceAxis(reshape(whole, [columns, whole.shape[2] * blocks]), 1, 0, x.shape.at(-1)!);
  const rows = reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
  const product = matmul(rows, weight, { transposeB: true });
  return reshape(bias === undefined ? product : add(product, bias), [...x.shape.slice(0, -1), columns]);
}

export interface MatMulNBitsOptions {
  /** Bits of a code. Default 4. */
  readonly bits?: PackedBits;
  /**
   * 8: the kernel may round the activations to 8 bits, block by block, which is faster for few rows and costs about two
   * digits. Default 32: they stay as they are.
   */
  readonly activationBits?: 32 | 8;
}

/**
 * Product with a weight of a few bits a number, which stays packed in memory: x · weight + bias.
 *
 * What this saves is memory and its traffic: a few rows are several times faster than in float32, many hardly. Close over
 * the weight rather than passing it to the program: given as an argument, it is unpacked at each call.
 *
 * @param x       float[..., in]
 * @param weight  what {@link packWeight} made of a weight [in, out]; scale of the dtype of `x`
 * @param bias    float[out]. Default: none
 * @returns       float[..., out]
 * @throws        ShapeError `matMulNBits/codes`, `…/scale`, `…/zero-points`, `…/bias`; DTypeError `matMulNBits/codes`,
 *                `…/dtype`; SettingError `matMulNBits/bits`
 * @source        ONNX Runtime's contributed operators, MatMulNBits
 * @example
 * matMulNBits(x, packWeight(weight, { blockSize: 32 }), bias)   // weight: Value float32[512, 128]
 */
export function matMulNBits(
  x: TensorLike,
  weight: PackedWeight<TensorLike>,
  bias?: TensorLike,
  { bits = 4, activationBits = 32 }: MatMulNBitsOptions = {},
): Tensor {
  const input = asTensor(x);
  const codes = asTensor(weight.codes);
  expectFloat("matMulNBits", input);
  expectCodes("matMulNBits", "weight", codes, ["uint8"]);
  if (![2, 4, 8].includes(bits))
    throw new SettingError("matMulNBits/bits", "codes have 2, 4 or 8 bits", { given: bits });
  const [columns, blocks, bytes] = codes.shape;
  const blockSize = (bytes * 8) / bits;
  const inner = input.shape.at(-1);
  if (codes.rank !== 3 || inner === undefined || blocks !== Math.ceil(inner / blockSize))
    throw new ShapeError("matMulNBits/codes", `codes of shape [${codes.shape}] for an inner size of ${inner}`, {
      operands: { input, weight: codes },
      fix: "give the codes that packWeight made of a weight [in, out], and the same bits",
    });
  const [, scale] = harmonise("matMulNBits", input, weight.scale);
  if (scale.size !== columns * blocks)
    throw new ShapeError("matMulNBits/scale", `scales of shape [${scale.shape}] for ${columns} × ${blocks} blocks`, {
      operands: { weight: codes, scale },
      fix: `give scales of shape [${columns},${blocks}]`,
    });
  const zeros = weight.zeroPoints === undefined ? [] : [asTensor(weight.zeroPoints)];
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  for (const zero of zeros) {
    expectCodes("matMulNBits", "zeroPoints", zero, ["uint8"]);
    if (zero.size !== columns * zeroBytes)
      throw new ShapeError("matMulNBits/zero-points", `zero points of shape [${zero.shape}]`, {
        operands: { weight: codes, zeroPoints: zero },
        fix: `give them the shape [${columns},${zeroBytes}], packed like the codes`,
      });
  }
  const offset = bias === undefined ? [] : [expectBias("matMulNBits", input, bias, columns)];
  return applyOne(
    matMulNBitsOperation,
    [
      input,
      codes,
      reshape(scale, [columns, blocks]),
      ...zeros.map((zero) => reshape(zero, [columns, zeroBytes])),
      ...offset,
    ],
    { bits, activationBits, zeroPoints: zeros.length > 0, bias: offset.length > 0 },
  );
}
