import * as operations from "../../core/operations/index.ts";
import { add, greater, mul, square, tanh } from "../../core/operations/index.ts";
import type { Tensor, TensorLike } from "../../core/tensor.ts";
import { awayFrom, distinct, type GrowingGraph, type Grown, type Maker } from "./growing.ts";

type Map1 = (x: Tensor) => Tensor;
type Map2 = (a: TensorLike, b: TensorLike) => Tensor;

/** Anything brought into an operation's domain. */
const positive: Map1 = (x) => add(square(x), 0.3);
const above: Map1 = (x) => add(square(x), 1.2);
const inside: Map1 = (x) => mul(tanh(x), 0.9);

const unary =
  (fn: Map1, domain: Map1 = (x) => x, safe: (data: Float64Array) => boolean = () => true): Maker =>
  (graph) => {
    const x = graph.float();
    return safe(x.data) ? { of: [x], make: (t) => fn(domain(t)) } : undefined;
  };

const binary =
  (fn: Map2, domain: Map1 = (x) => x, safe: (a: Grown, b: Grown) => boolean = () => true): Maker =>
  (graph) => {
    const a = graph.float();
    const b = graph.broadcastable(a.shape);
    return safe(a, b) ? { of: [a, b], make: (s, t) => fn(s, domain(t)) } : undefined;
  };

/** Two tensors of which no elements are nearly equal, or twice a tensor of integers. */
const comparison =
  (fn: Map2): Maker =>
  (graph) => {
    const integers = graph.dice.chance(0.3) ? graph.any("int32", "int64") : undefined;
    if (integers !== undefined) return { of: [integers], make: (t) => fn(t, 1) };
    const a = graph.float();
    const b = graph.broadcastable(a.shape);
    return distinct(a.data, b.data) ? { of: [a, b], make: fn } : undefined;
  };

const logic =
  (fn: Map2): Maker =>
  (graph) => {
    const a = graph.booleans();
    const b = graph.broadcastable(a.shape);
    return awayFrom(b.data, 0.2) ? { of: [a, b], make: (s, t) => fn(s, greater(t, 0.2)) } : undefined;
  };

const rounding = (fn: Map1, offset: number): Maker =>
  unary(fn, undefined, (data) =>
    awayFrom(
      data.map((x) => Math.abs(x - offset - Math.round(x - offset))),
      0,
    ),
  );

const clip: Maker = (graph) => {
  const x = graph.float();
  const [low, high] = [-graph.dice.fraction() - 0.1, graph.dice.fraction() + 0.1];
  if (!awayFrom(x.data, low, high)) return undefined;
  return { of: [x], make: (t) => operations.clip(t, low, high), settings: { low, high } };
};

const cast: Maker = (graph) => {
  const x = graph.any("float32", "bool", "int32", "int64")!;
  const to = x.dtype === "float32" ? graph.dice.pick(["float64", "int32", "bool"] as const) : "float32";
  if (
    to !== "float32" &&
    !awayFrom(
      x.data.map((one) => one - Math.trunc(one)),
      -1,
      0,
      1,
    )
  )
    return undefined;
  return {
    of: [x],
    make: (t) => (to === "float64" ? operations.cast(operations.cast(t, to), "float32") : operations.cast(t, to)),
    settings: to,
  };
};

const where: Maker = (graph) => {
  const a = graph.float();
  const b = graph.broadcastable(a.shape);
  const known = graph.any("bool");
  if (known !== undefined && (known.shape.length === 0 || `${known.shape}` === `${a.shape}`))
    return { of: [known, a, b], make: operations.where };
  if (!awayFrom(a.data, 0.1)) return undefined;
  return { of: [a, b], make: (s, t) => operations.where(greater(s, 0.1), s, t) };
};

const distinctPair = (a: Grown, b: Grown): boolean => distinct(a.data, b.data);

const remainder: Maker = (graph) => {
  const x = graph.float();
  const divisor = graph.dice.pick([0.7, -1.3]);
  if (
    !awayFrom(
      x.data.map((one) => one / divisor - Math.round(one / divisor)),
      0,
    )
  )
    return undefined;
  return { of: [x], make: (t) => operations.mod(t, divisor), settings: divisor };
};

const gelu: Maker = (graph: GrowingGraph) => {
  const form = graph.dice.pick(["erf", "tanh"] as const);
  return { of: [graph.float()], make: (t) => operations.gelu(t, { form }), settings: form };
};

/** Steps that look at one element of each operand. */
export const elementwiseSteps: Record<string, Maker> = {
  neg: unary(operations.neg),
  abs: unary(operations.abs, undefined, (data) => awayFrom(data, 0)),
  sign: unary(operations.sign, undefined, (data) => awayFrom(data, 0)),
  reciprocal: unary(operations.reciprocal, positive),
  square: unary(operations.square),
  sqrt: unary(operations.sqrt, positive),
  rsqrt: unary(operations.rsqrt, positive),
  floor: rounding(operations.floor, 0),
  ceil: rounding(operations.ceil, 0),
  round: rounding(operations.round, 0.5),
  exp: unary(operations.exp),
  log: unary(operations.log, positive),
  expm1: unary(operations.expm1),
  log1p: unary(operations.log1p, positive),
  sin: unary(operations.sin),
  cos: unary(operations.cos),
  tan: unary(operations.tan, inside),
  asin: unary(operations.asin, inside),
  acos: unary(operations.acos, inside),
  atan: unary(operations.atan),
  sinh: unary(operations.sinh),
  cosh: unary(operations.cosh),
  tanh: unary(operations.tanh),
  asinh: unary(operations.asinh),
  acosh: unary(operations.acosh, above),
  atanh: unary(operations.atanh, inside),
  erf: unary(operations.erf),
  sigmoid: unary(operations.sigmoid),
  softplus: unary(operations.softplus),
  logSigmoid: unary(operations.logSigmoid),
  heaviside: unary(operations.heaviside, undefined, (data) => awayFrom(data, 0)),
  relu: unary(operations.relu, undefined, (data) => awayFrom(data, 0)),
  silu: unary(operations.silu),
  gelu,
  isNaN: unary(operations.isNaN),
  isFinite: unary(operations.isFinite),
  add: binary(operations.add),
  sub: binary(operations.sub),
  mul: binary(operations.mul),
  div: binary(operations.div, positive),
  mod: remainder,
  pow: binary((a, b) => operations.pow(positive(a as Tensor), b)),
  maximum: binary(operations.maximum, undefined, distinctPair),
  minimum: binary(operations.minimum, undefined, distinctPair),
  logAddExp: binary(operations.logAddExp),
  equal: comparison(operations.equal),
  notEqual: comparison(operations.notEqual),
  less: comparison(operations.less),
  lessEqual: comparison(operations.lessEqual),
  greater: comparison(operations.greater),
  greaterEqual: comparison(operations.greaterEqual),
  and: logic(operations.and),
  or: logic(operations.or),
  xor: logic(operations.xor),
  not: (graph) => ({ of: [graph.booleans()], make: (t) => operations.not(t) }),
  clip,
  cast,
  where,
  stopGradient: (graph) => ({ of: [graph.float()], make: (t) => operations.stopGradient(t), smooth: false }),
};
