import * as operations from "../../core/operations/index.ts";
import { quantizeLinear } from "../../core/operations/index.ts";
import { packWeight } from "../../core/operations/quantized/pack-weight.ts";
import { sizeOf } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { Value } from "../../core/value.ts";
import { awayFrom, type GrowingGraph, type Grown, type Maker } from "./growing.ts";

const step = 0.25;
/** Of results: no product of codes lies halfway between two. */
const outStep = 0.3141;

/** Whether no number lies between two codes: 32 and 64 bits round it alike. */
const betweenNone = ({ data }: Grown, scale = step): boolean =>
  awayFrom(
    data.map((x) => Math.abs(x / scale - Math.floor(x / scale))),
    0.5,
  );

const codesOf = (x: Tensor): Tensor => quantizeLinear(x, step);
const quantized = (x: Tensor) => ({ codes: codesOf(x), scale: step });

/** A step of tensors that become codes first, or nothing where a number lies between two. */
const ofCodes = (of: readonly Grown[], make: (...tensors: Tensor[]) => Tensor | readonly Tensor[]) =>
  of.every((x) => betweenNone(x)) ? { of, make, smooth: false } : undefined;

const matrices = (graph: GrowingGraph): [Grown, Grown] => {
  const [rows, inner, columns] = [0, 0, 0].map(() => graph.dice.between(1, 4));
  return [graph.like(graph.dice.chance() ? [2, rows, inner] : [rows, inner]), graph.like([inner, columns])];
};

const images = (graph: GrowingGraph): [Grown, Grown] => [graph.like([2, 2, 3]), graph.like([2, 2, 2])];

const weight = ({ dice }: GrowingGraph, shape: readonly number[]): Value =>
  new Value(
    Float32Array.from({ length: sizeOf(shape) }, () => 2 * dice.fraction() - 1),
    shape,
  );

const roundTrip =
  (make: (x: Tensor, axis: number) => Tensor): Maker =>
  (graph) => {
    const x = graph.float(1, 3);
    const axis = graph.axis(x);
    return betweenNone(x) ? { of: [x], make: (t) => make(t, axis), settings: { axis }, smooth: false } : undefined;
  };

/** Steps with integer codes. None is smooth: a code jumps. */
export const quantizedSteps: Record<string, Maker> = {
  quantizeLinear: roundTrip((x, axis) => quantizeLinear(x, operations.full([x.shape.at(axis)!], step), 3, { axis })),
  dequantizeLinear: roundTrip((x, axis) =>
    operations.dequantizeLinear(codesOf(x), operations.full([x.shape.at(axis)!], 0.5), undefined, { axis }),
  ),
  fakeQuantize: roundTrip((x, axis) =>
    operations.fakeQuantize(x, operations.full([x.shape.at(axis)!], step), 1, { axis }),
  ),
  dynamicQuantizeLinear: (graph) => {
    const make = (x: Tensor): Tensor => {
      const { codes, scale, zeroPoint } = operations.dynamicQuantizeLinear(x);
      return operations.dequantizeLinear(codes, scale, zeroPoint);
    };
    return { of: [graph.leaf(graph.shape(1))], make, smooth: false };
  },
  dynamicQuantizedMatmul: (graph) => {
    const x = graph.leaf([graph.dice.between(1, 4), 3]);
    const codes = weight(graph, [3, 2]);
    const make = (t: Tensor) =>
      operations.dynamicQuantizedMatmul(t, { codes: quantizeLinear(codes, 0.01), scale: 0.01 });
    return { of: [x], make, smooth: false };
  },
  matMulInteger: (graph) => ofCodes(matrices(graph), (a, b) => operations.matMulInteger(codesOf(a), codesOf(b), 3, -2)),
  convInteger: (graph) =>
    ofCodes(images(graph), (x, w) => operations.convInteger(codesOf(x), codesOf(w), 2, undefined, { padding: 1 })),
  qLinearMatMul: (graph) =>
    ofCodes(matrices(graph), (a, b) => operations.qLinearMatMul(quantized(a), quantized(b), { scale: outStep })),
  qLinearConv: (graph) =>
    ofCodes(images(graph), (x, w) =>
      operations.qLinearConv(quantized(x), quantized(w), { scale: outStep, zeroPoint: 4 }),
    ),
  matMulNBits: (graph) => {
    const inner = graph.dice.between(1, 20);
    const packed = packWeight(weight(graph, [inner, 3]), { blockSize: 16, zeroPoints: graph.dice.chance() });
    return { of: [graph.like([2, inner])], make: (x) => operations.matMulNBits(x, packed) };
  },
};
