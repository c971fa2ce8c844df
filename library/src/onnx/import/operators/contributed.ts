import {
  add,
  broadcastTo,
  cast,
  expandDims,
  gather,
  gelu,
  layerNorm,
  matMulNBits,
  matmul,
  mul,
  range,
  reshape,
  rmsNorm,
  sigmoid,
  sliceAxis,
  sub,
  sum,
  swapAxes,
  type Tensor,
  transpose,
} from "../../../core/index.ts";
import type { Converter, Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";
import { fusedActivation } from "./activation.ts";
import { contributedAttention } from "./attention.ts";
import { normalAxis } from "./axes.ts";
import { contributedConvolution } from "./convolution.ts";
import { normalizationOperators } from "./normalization.ts";
import { contributedQuantized } from "./quantized.ts";
import { constantOf } from "./types.ts";

/** Several tensors, some omitted, added up. */
const added = (...parts: (Tensor | undefined)[]): Tensor =>
  parts.filter((part) => part !== undefined).reduce((a, b) => add(a, b));

/** (x + skip + bias) normalised; the sum is the fourth output. */
const skipNormalization =
  (normalise: (x: Tensor, node: NodeContext) => Tensor, biasInput: number): Converter =>
  (node) => {
    const total = added(node.tensor(0), node.tensor(1), node.optional(biasInput));
    return [normalise(total, node), undefined, undefined, total];
  };

const transposed = (x: Tensor, last: boolean, batches: boolean): Tensor => {
  // `transBatch…` moves the first axis to the place before the last.
  const moved = batches ? swapFirst(x) : x;
  return last ? swapAxes(moved, -1, -2) : moved;
};

const swapFirst = (x: Tensor): Tensor => {
  const order = [...Array.from({ length: x.rank - 2 }, (_, i) => i + 1), 0, x.rank - 1];
  return transpose(x, order);
};

const fusedProduct: Converter = (node) => {
  const flag = (name: string) => node.attributes.int(name, 0) === 1;
  const a = transposed(node.tensor(0), flag("transA"), flag("transBatchA"));
  const b = transposed(node.tensor(1), flag("transB"), flag("transBatchB"));
  return mul(matmul(a, b), node.attributes.float("alpha", 1));
};

/** Weights of a few bits in blocks that share a scale. */
const productOfBits: Converter = (node) => {
  const { attributes } = node;
  const [inner, columns] = [attributes.int("K", 0), attributes.int("N", 0)];
  const [bits, block] = [attributes.int("bits", 4), attributes.int("block_size", 32)];
  if (node.entry(4)) throw new Unsupported("its columns are reordered");
  const [x, bias, zeroPoints] = [node.tensor(0), node.optional(5), node.optional(3)];
  const blocks = Math.ceil(inner / block);
  const scale = reshape(cast(node.tensor(2), x.dtype), [columns, blocks]);
  if ((bits === 2 || bits === 4 || bits === 8) && (!zeroPoints || zeroPoints.dtype === "uint8")) {
    const codes = reshape(node.tensor(1), [columns, blocks, (block * bits) / 8]);
    return matMulNBits(x, { codes, scale, zeroPoints }, bias && cast(bias, x.dtype), { bits });
  }
  // Zero points that lie between codes: the weights are unpacked once, while tracing.
  const packed = node.data(1);
  if (!packed) throw new Unsupported("its weights are not stored in the model");
  const codes = unpackBits(packed.data as Uint8Array, bits, columns, blocks * block);
  const weights = constantOf(codes, [columns, blocks, block], "uint8");
  const zero = zeroPoints ? reshape(cast(zeroPoints, x.dtype), [columns, blocks, 1]) : 2 ** (bits - 1);
  const whole = mul(sub(cast(weights, x.dtype), zero), reshape(scale, [columns, blocks, 1]));
  const weight = sliceAxis(reshape(whole, [columns, blocks * block]), 1, 0, inner);
  return added(matmul(x, weight, { transposeB: true }), bias);
};

/** Codes of a few bits, low bits first; each row begins with a new byte. */
function unpackBits(bytes: ArrayLike<number | bigint>, bits: number, rows: number, length: number): Uint8Array {
  const perByte = 8 / bits;
  const stride = bytes.length / rows;
  return Uint8Array.from({ length: rows * length }, (_, i) => {
    const [row, at] = [Math.floor(i / length), i % length];
    return (Number(bytes[row * stride + Math.floor(at / perByte)]) >> ((at % perByte) * bits)) & ((1 << bits) - 1);
  });
}

const embedLayerNormalization: Converter = (node) => {
  const ids = node.tensor(0);
  const [batch, time] = ids.shape;
  const positions = node.optional(8) ?? broadcastTo(expandDims(range(time), 0), [batch, time]);
  const segments = node.optional(1);
  const kinds = node.optional(4);
  const total = added(
    gather(node.tensor(2), ids),
    gather(node.tensor(3), positions),
    segments && kinds ? gather(kinds, segments) : undefined,
  );
  const y = layerNorm(total, node.tensor(5), node.tensor(6), { epsilon: node.attributes.float("epsilon", 1e-12) });
  const mask = node.optional(7);
  const lengths = mask
    ? cast(sum(cast(mask, "int32"), { axis: 1 }), "int32")
    : constantOf(new Float64Array(batch), [batch], "int32");
  return [y, lengths, total];
};

const simplifiedNormalization: Converter = (node) => {
  const x = node.tensor(0);
  const axis = normalAxis(node.attributes.int("axis", -1), x.rank);
  return rmsNorm(x, node.tensor(1), { axis, epsilon: node.attributes.float("epsilon", 1e-5) });
};

/** What ONNX Runtime's optimizers write into the standard domain. */
export const optimizerOperators: Converters = { SimplifiedLayerNormalization: simplifiedNormalization };

export const contributedOperators: Converters = {
  ...contributedAttention,
  ...contributedConvolution,
  ...contributedQuantized,
  BiasGelu: (node) => gelu(add(node.tensor(0), node.tensor(1))),
  EmbedLayerNormalization: embedLayerNormalization,
  FastGelu: (node) => gelu(added(node.tensor(0), node.optional(1)), { form: "tanh" }),
  FusedGemm: (node) => {
    const { attributes } = node;
    const flag = (name: string) => attributes.int(name, 0) === 1;
    const product = matmul(node.tensor(0), node.tensor(1), { transposeA: flag("transA"), transposeB: flag("transB") });
    const bias = node.optional(2);
    const y = added(mul(product, attributes.float("alpha", 1)), bias && mul(bias, attributes.float("beta", 1)));
    const settings = [attributes.float("activation_alpha"), attributes.float("activation_beta")];
    return fusedActivation(
      y,
      attributes.string("activation"),
      settings.filter((one) => one !== undefined),
    );
  },
  FusedMatMul: fusedProduct,
  Gelu: (node) => gelu(node.tensor(0)),
  LayerNormalization: (node) => normalizationOperators.LayerNormalization(node),
  MatMulNBits: productOfBits,
  QuickGelu: (node) => {
    const x = node.tensor(0);
    return mul(x, sigmoid(mul(x, node.attributes.float("alpha", 1.702))));
  },
  SimplifiedLayerNormalization: simplifiedNormalization,
  SkipLayerNormalization: skipNormalization(
    (x, node) => layerNorm(x, node.tensor(2), node.optional(3), { epsilon: node.attributes.float("epsilon", 1e-12) }),
    4,
  ),
  SkipSimplifiedLayerNormalization: skipNormalization(
    (x, node) => rmsNorm(x, node.tensor(2), { epsilon: node.attributes.float("epsilon", 1e-12) }),
    3,
  ),
  TransposeMatMul: fusedProduct,
};
