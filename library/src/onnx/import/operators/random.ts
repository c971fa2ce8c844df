import {
  add,
  bernoulli,
  broadcastTo,
  cast,
  categorical,
  div,
  expandDims,
  key,
  mul,
  normal,
  type Tensor,
  uniform,
  where,
} from "../../../core/index.ts";
import { scalar } from "../../../core/tensor.ts";
import type { DataTypeName } from "../../../runtime/onnx/protobuf/index.ts";
import type { Converters, NodeContext } from "../context.ts";
import { type Entry, heldAs, tensorEntry } from "../entry.ts";
import { castTo, checkedShape, typeOf } from "./types.ts";

/**
 * The random numbers of a node. The format leaves the generator open: ours is the core's, started from the node's seed
 * or, without one, from its name, so that each node draws other numbers and each run the same ones.
 */
function keyOf(node: NodeContext): ReturnType<typeof key> {
  const seed = node.attributes.float("seed");
  if (seed !== undefined) return key(Math.abs(Math.trunc(seed)));
  let hash = 0;
  for (const character of node.node.output[0]) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return key(hash);
}

const uniformOf = (node: NodeContext, shape: readonly number[], type: DataTypeName): Tensor => {
  const [low, high] = [node.attributes.float("low", 0), node.attributes.float("high", 1)];
  return cast(add(mul(uniform(keyOf(node), shape), high - low), low), heldAs(type));
};

const normalOf = (node: NodeContext, shape: readonly number[], type: DataTypeName): Tensor => {
  const [average, scale] = [node.attributes.float("mean", 0), node.attributes.float("scale", 1)];
  return cast(add(mul(normal(keyOf(node), shape), scale), average), heldAs(type));
};

const shapeAttribute = (node: NodeContext): number[] => checkedShape(node.attributes.ints("shape", []));

function dropout(node: NodeContext): (Tensor | Entry)[] {
  const x = node.tensor(0);
  const ratio = node.attributes.float("ratio") ?? node.number(1) ?? 0.5;
  const kept = broadcastTo(scalar(1, "bool"), x.shape);
  // Before operator set 7 the attribute `is_test` said so; later ones say nothing, and drop nothing, outside of training.
  const training = node.version < 12 ? false : (node.number(2) ?? 0) !== 0;
  if (!training || ratio === 0) return [x, node.version < 10 ? cast(kept, x.dtype) : kept];
  const mask = cast(bernoulli(keyOf(node), 1 - ratio, x.shape), "bool");
  return [where(mask, div(x, 1 - ratio), 0), mask];
}

export const randomOperators: Converters = {
  Bernoulli: (node) => {
    const x = node.tensor(0);
    const drawn = bernoulli(keyOf(node), cast(x, "float32"), x.shape);
    return castTo(cast(drawn, "float32"), typeOf(node, "dtype", node.type(0)));
  },
  Dropout: dropout,
  Multinomial: (node) => {
    const logits = node.tensor(0);
    const samples = node.attributes.int("sample_size", 1);
    const wide = broadcastTo(expandDims(cast(logits, "float32"), 1), [logits.shape[0], samples, logits.shape[1]]);
    const drawn = categorical(keyOf(node), wide);
    return tensorEntry(cast(drawn, heldAs(typeOf(node, "dtype", "int32"))));
  },
  RandomNormal: (node) => normalOf(node, shapeAttribute(node), typeOf(node, "dtype", "float32")),
  RandomNormalLike: (node) => normalOf(node, node.tensor(0).shape, typeOf(node, "dtype", node.type(0))),
  RandomUniform: (node) => uniformOf(node, shapeAttribute(node), typeOf(node, "dtype", "float32")),
  RandomUniformLike: (node) => uniformOf(node, node.tensor(0).shape, typeOf(node, "dtype", node.type(0))),
};
