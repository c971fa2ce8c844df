import { broadcastTo, reshape, type Tensor, transpose, where } from "../../../core/index.ts";
import { broadcastShapes, sizeOf } from "../../../core/shape.ts";
import { type Converters, integersOf, type NodeContext } from "../context.ts";
import type { Entry } from "../entry.ts";
import { Unsupported } from "../faults.ts";
import { normalAxes } from "./axes.ts";
import { checkedShape, constantOf, mostGenerated } from "./types.ts";

/** The shape that Reshape asks for, with 0 for "as it was" and −1 for "the rest". */
function wantedShape(given: readonly number[], wanted: readonly number[], zeroIsZero: boolean): number[] {
  const shape = wanted.map((size, i) => (size === 0 && !zeroIsZero ? given[i] : size));
  if (shape.some((size) => size === undefined)) throw new Unsupported("it keeps an axis that its input does not have");
  const rest = shape.indexOf(-1);
  if (rest < 0) return checkedShape(shape);
  const others = sizeOf(shape.filter((_, i) => i !== rest));
  if (others === 0) throw new Unsupported("the size of an axis is left open beside an axis of size 0");
  return checkedShape(shape.with(rest, sizeOf(given) / others));
}

/** Entries of text change shape like tensors do. */
const withShape = (node: NodeContext, shape: readonly number[]): Tensor | Entry => {
  const entry = node.given(0);
  return entry.kind === "text" ? { ...entry, shape } : reshape(node.tensor(0), shape);
};

const shapeOf = (node: NodeContext): readonly number[] => {
  const entry = node.given(0);
  return entry.kind === "text" ? entry.shape : node.tensor(0).shape;
};

export const shapeOperators: Converters = {
  DepthToSpace: (node) => {
    const x = node.tensor(0);
    const [batch, channels, height, width] = x.shape;
    const block = node.attributes.int("blocksize", 1);
    const inner = channels / block ** 2;
    const columnsFirst = node.attributes.string("mode", "DCR") === "CRD";
    const split = reshape(
      x,
      columnsFirst ? [batch, inner, block, block, height, width] : [batch, block, block, inner, height, width],
    );
    const order = columnsFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
    return reshape(transpose(split, order), [batch, inner, height * block, width * block]);
  },
  Expand: (node) => {
    const x = node.tensor(0);
    const shape = broadcastShapes(x.shape, node.numbers(1) ?? []);
    if (!shape) throw new Unsupported(`[${x.shape}] does not broadcast to [${node.numbers(1)}]`);
    return broadcastTo(x, checkedShape(shape));
  },
  Flatten: (node) => {
    const shape = shapeOf(node);
    const axis = node.attributes.int("axis", 1);
    const at = axis < 0 ? axis + shape.length : axis;
    if (at < 0 || at > shape.length) throw new Unsupported(`it flattens at axis ${axis} of ${shape.length}`);
    return withShape(node, [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
  },
  Reshape: (node) => {
    const wanted = integersOf(node, "shape", 1) ?? [];
    return withShape(node, wantedShape(shapeOf(node), wanted, node.attributes.int("allowzero", 0) === 1));
  },
  Shape: (node) => {
    const shape = shapeOf(node);
    const clamp = (at: number) => Math.min(shape.length, Math.max(0, at < 0 ? at + shape.length : at));
    const part = shape.slice(clamp(node.attributes.int("start", 0)), clamp(node.attributes.int("end", shape.length)));
    return constantOf(part, [part.length], "int64");
  },
  Size: (node) => constantOf([sizeOf(shapeOf(node))], [], "int64"),
  SpaceToDepth: (node) => {
    const x = node.tensor(0);
    const [batch, channels, height, width] = x.shape;
    const block = node.attributes.int("blocksize", 1);
    const split = reshape(x, [batch, channels, height / block, block, width / block, block]);
    return reshape(transpose(split, [0, 3, 5, 1, 2, 4]), [batch, channels * block ** 2, height / block, width / block]);
  },
  Squeeze: (node) => {
    const shape = shapeOf(node);
    const axes = integersOf(node, "axes", 1);
    const gone = axes ? normalAxes(axes, shape.length) : shape.flatMap((size, i) => (size === 1 ? [i] : []));
    if (gone.some((axis) => shape[axis] !== 1)) throw new Unsupported(`it drops axes [${gone}] of shape [${shape}]`);
    return withShape(
      node,
      shape.filter((_, i) => !gone.includes(i)),
    );
  },
  Transpose: (node) => transpose(node.tensor(0), node.attributes.ints("perm")),
  Trilu: (node) => {
    const x = node.tensor(0);
    const [rows, columns] = x.shape.slice(-2);
    checkedShape([rows, columns], mostGenerated);
    const offset = node.number(1) ?? 0;
    const upper = node.attributes.int("upper", 1) === 1;
    const kept = new Float64Array(rows * columns);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        kept[row * columns + column] = Number(upper ? column >= row + offset : column <= row + offset);
    const mask = constantOf(kept, [rows, columns], "bool");
    return x.dtype === "bool" ? where(mask, x, false) : where(mask, x, 0);
  },
  Unsqueeze: (node) => {
    const shape = shapeOf(node);
    const axes = integersOf(node, "axes", 1) ?? [];
    const rank = shape.length + axes.length;
    const added = normalAxes(axes, rank);
    const rest = [...shape];
    return withShape(
      node,
      Array.from({ length: rank }, (_, i) => (added.includes(i) ? 1 : rest.shift()!)),
    );
  },
};
