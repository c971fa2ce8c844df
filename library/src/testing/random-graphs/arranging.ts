import * as operations from "../../core/operations/index.ts";
import { range, type Shape, sizeOf } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { distinct, type GrowingGraph, type Grown, type Maker } from "./growing.ts";

/** A maker of one float tensor with random settings. */
const arranged =
  <S>(
    settingsFor: (graph: GrowingGraph, x: Grown) => S | undefined,
    make: (t: Tensor, settings: S) => Tensor | readonly Tensor[],
    lowestRank = 0,
  ): Maker =>
  (graph) => {
    const x = graph.float(lowestRank);
    const settings = settingsFor(graph, x);
    return settings === undefined ? undefined : { of: [x], make: (t) => make(t, settings), settings };
  };

const rangeOf = ({ dice }: GrowingGraph, size: number): operations.SliceRange => {
  if (dice.chance(0.3)) return null;
  if (dice.chance(0.2)) return dice.between(-size, size - 1);
  const step = dice.pick([1, 1, 1, 2, 3, -1, -2]);
  const [low, high] = [dice.between(0, size - 1), dice.between(1, size + 1)];
  return step > 0 ? [Math.min(low, high - 1), high, step] : [dice.between(0, size - 1), null, step];
};

const paddings = ({ dice }: GrowingGraph, { shape }: Grown) => {
  const mode = dice.pick(["constant", "reflect", "edge"] as const);
  const amount = (size: number) => dice.between(0, Math.min(2, mode === "reflect" ? size - 1 : 2));
  const by = shape.map((size): [number, number] =>
    mode === "constant" && size > 1 && dice.chance(0.2) ? [-1, dice.between(0, 1)] : [amount(size), amount(size)],
  );
  return { by, options: mode === "constant" ? { mode, value: 0.5 } : { mode } };
};

const divisors = (size: number): number[] => range(size + 1).filter((n) => n > 0 && size % n === 0);

/** Row-wise look-ups: x, indices of a random shape, and settings. */
function rows(graph: GrowingGraph) {
  const x = graph.float(1, 3);
  const axis = graph.dice.between(0, x.shape.length - 1);
  const batchDims = axis > 0 && graph.dice.chance(0.4) ? graph.dice.between(1, axis) : 0;
  const own = graph.shape(0, 2);
  const indices = graph.indices([...x.shape.slice(0, batchDims), ...own], x.shape[axis]);
  const updates = [...x.shape.slice(0, axis), ...own, ...x.shape.slice(axis + 1)];
  return { x, indices, updates, options: { axis, batchDims } };
}

/** Element-wise look-ups: x and indices of its rank. */
function along(graph: GrowingGraph) {
  const x = graph.float(1, 3);
  const axis = graph.axis(x);
  const place = axis < 0 ? axis + x.shape.length : axis;
  const shape = x.shape.map((size, i) => (i === place ? graph.dice.between(1, 4) : size));
  return { x, shape, indices: graph.indices(shape, x.shape[place]), options: { axis } };
}

const scatterRows =
  (scatter: typeof operations.scatterAdd): Maker =>
  (graph) => {
    const { x, indices, updates, options } = rows(graph);
    if (sizeOf(updates) > 64) return undefined;
    return { of: [x, indices, graph.like(updates)], make: (t, i, u) => scatter(t, i, u, options), settings: options };
  };

const scatterElements =
  (scatter: typeof operations.scatterAddAlong): Maker =>
  (graph) => {
    const { x, shape, indices, options } = along(graph);
    return { of: [x, indices, graph.like(shape)], make: (t, i, u) => scatter(t, i, u, options), settings: options };
  };

/** Orders lines whose elements are all different. */
const ordering = (make: (t: Tensor, options: { axis: number; descending: boolean }) => Tensor | readonly Tensor[]) =>
  arranged(
    (graph, x) => (distinct(x.data) ? { axis: graph.axis(x), descending: graph.dice.chance() } : undefined),
    make,
    1,
  );

/** Adds what an operation makes of nothing to a tensor that it broadcasts with. */
const added = (make: (shape: Shape) => Tensor): Maker =>
  arranged(
    (_, x) => x.shape,
    (t, shape) => operations.add(t, make(shape)),
    1,
  );

const last = (shape: Shape): number => shape[shape.length - 1];

/** Steps that move, repeat, pick and place elements. */
export const arrangingSteps: Record<string, Maker> = {
  reshape: arranged(
    ({ dice }, { shape }) => {
      const first = dice.pick(divisors(sizeOf(shape)));
      return dice.pick([[-1], [first, -1], [1, first, sizeOf(shape) / first]]);
    },
    (t, shape) => operations.reshape(t, shape),
  ),
  transpose: arranged(({ dice }, { shape }) => dice.shuffled(range(shape.length)), operations.transpose, 2),
  swapAxes: arranged(
    (graph, x) => [graph.axis(x), graph.axis(x)],
    (t, [a, b]) => operations.swapAxes(t, a, b),
    1,
  ),
  moveAxis: arranged(
    (graph, x) => [graph.axis(x), graph.axis(x)],
    (t, [a, b]) => operations.moveAxis(t, a, b),
    1,
  ),
  broadcastTo: arranged(
    ({ dice }, { shape }) => [...(dice.chance() ? [2] : []), ...shape.map((size) => (size === 1 ? 3 : size))],
    operations.broadcastTo,
  ),
  expandDims: arranged(({ dice }, { shape }) => dice.between(0, shape.length), operations.expandDims),
  squeeze: arranged(
    () => null,
    (t) => operations.squeeze(t),
  ),
  flatten: arranged(
    ({ dice }, { shape }) => dice.between(0, shape.length - 1),
    (t, start) => operations.flatten(t, start),
    1,
  ),
  concat: (graph) => {
    const x = graph.float(1, 3);
    const axis = graph.axis(x);
    const shape = x.shape.map((size, i) =>
      i === (axis + x.shape.length) % x.shape.length ? graph.dice.between(1, 3) : size,
    );
    return {
      of: [x, graph.like(shape), x],
      make: (...parts) => operations.concat(parts, { axis }),
      settings: { axis },
    };
  },
  stack: (graph) => {
    const x = graph.float(0, 3);
    const axis = graph.dice.between(0, x.shape.length);
    return { of: [x, graph.like(x.shape)], make: (...parts) => operations.stack(parts, { axis }), settings: { axis } };
  },
  splitAxis: arranged(
    ({ dice }, { shape }) => {
      const axis = dice.between(0, shape.length - 1);
      return { axis, parts: dice.chance() ? shape[axis] : [1, shape[axis] - 1] };
    },
    (t, { axis, parts }) => operations.splitAxis(t, parts, { axis }).filter(({ size }) => size > 0),
    1,
  ),
  slice: arranged((graph, { shape }) => shape.map((size) => rangeOf(graph, size)), operations.slice, 1),
  sliceAxis: arranged(
    (graph, x) => graph.axis(x),
    (t, axis) => operations.sliceAxis(t, axis, -2),
    1,
  ),
  pad: arranged(paddings, (t, { by, options }) => operations.pad(t, by, options), 1),
  tile: arranged(({ dice }, { shape }) => shape.map(() => dice.between(1, 2)), operations.tile, 1),
  flip: arranged(
    (graph, x) => graph.axes(x),
    (t, axis) => operations.flip(t, { axis }),
    1,
  ),
  roll: arranged(
    (graph, x) => ({ axis: graph.axis(x), by: graph.dice.between(-5, 5) }),
    (t, { axis, by }) => operations.roll(t, by, { axis }),
    1,
  ),
  gather: (graph) => {
    const { x, indices, options } = rows(graph);
    return { of: [x, indices], make: (t, i) => operations.gather(t, i, options), settings: options };
  },
  gatherAlong: (graph) => {
    const { x, indices, options } = along(graph);
    return { of: [x, indices], make: (t, i) => operations.gatherAlong(t, i, options), settings: options };
  },
  scatterAdd: scatterRows(operations.scatterAdd),
  scatterSet: scatterRows(operations.scatterSet),
  scatterAddAlong: scatterElements(operations.scatterAddAlong),
  scatterSetAlong: scatterElements(operations.scatterSetAlong),
  oneHot: (graph) => {
    const x = graph.any("int64", "int32") ?? graph.indices(graph.shape(0, 2), 3);
    return { of: [x], make: (t) => operations.oneHot(t, 3, { axis: 0 }) };
  },
  sort: ordering((t, options) => Object.values(operations.sort(t, options))),
  argSort: ordering(operations.argSort),
  topK: ordering((t, { axis, descending }) => Object.values(operations.topK(t, 1, { axis, largest: descending }))),
  lowerTriangle: arranged(
    ({ dice }) => dice.between(-1, 2),
    (t, diagonal) => operations.lowerTriangle(t, { diagonal }),
    2,
  ),
  upperTriangle: arranged(
    ({ dice }) => dice.between(-2, 1),
    (t, diagonal) => operations.upperTriangle(t, { diagonal }),
    2,
  ),
  causalMask: arranged(
    (_, { shape }) => shape.slice(-2),
    (t, [queries, keys]) => operations.where(operations.causalMask(queries, { keys, window: 2 }), t, -1),
    2,
  ),
  isFirstOccurrence: (graph) => {
    const x = graph.indices(graph.shape(1, 2), 3);
    return { of: [x], make: (t) => operations.isFirstOccurrence(t) };
  },
  searchSorted: (graph) => {
    const [list, wanted] = [graph.leaf(graph.shape(1, 1)), graph.leaf(graph.shape(1, 1))];
    if (!distinct(list.data, wanted.data)) return undefined;
    return { of: [list, wanted], make: (s, t) => operations.searchSorted(operations.sort(s).values, t) };
  },
  binCount: (graph) => {
    const shape = graph.shape(1, 2);
    return {
      of: [graph.indices(shape, 3), graph.like(shape)],
      make: (i, weights) => operations.binCount(i, 3, weights),
    };
  },
  zeros: added(operations.zeros),
  ones: added(operations.ones),
  full: added((shape) => operations.full(shape, 0.5)),
  range: added((shape) => operations.range(last(shape), { dtype: "float32" })),
  linspace: added((shape) => operations.linspace(-1, 1, last(shape))),
  eye: added((shape) => operations.eye(shape.at(-2) ?? 1, { columns: last(shape) })),
};
