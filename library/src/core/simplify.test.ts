import { describe, expect, test } from "vitest";
import {
  add,
  cast,
  compile,
  constant,
  exp,
  gelu,
  matmul,
  mul,
  neg,
  pow,
  reshape,
  stopGradient,
  sub,
  sum,
  type Tensor,
  transpose,
  value,
  zerosLike,
} from "../index.ts";
import { expectClose } from "../testing/check.ts";
import { nodesOf } from "./graph.ts";
import { broadcastTo } from "./operations/broadcast.ts";
import { evaluateReference } from "./oracle.ts";
import { simplify } from "./simplify.ts";
import { input } from "./tensor.ts";

const x = input([2, 3], "float32", "x");
const data = new Map([[x, Float64Array.of(1, -2, 3, 0.5, 0, -1)]]);

/** Operations of a graph in order, inputs and constants left out. */
const operations = (outputs: readonly Tensor[]): string[] =>
  nodesOf(outputs)
    .filter((node) => node.inputs.length > 0)
    .map((node) => node.operation.name);

/** Each rule: a graph that it simplifies, what is left with it, and what is left without it. */
const rules: [rule: string, graph: () => Tensor, after: string[]][] = [
  ["common-subexpressions", () => add(exp(x), exp(x)), ["exp", "add"]],
  ["fold-constants", () => mul(x, add(value([1, 2, 3]), value([1, 1, 1]))), ["mul"]],
  ["merge-reshapes", () => reshape(reshape(x, [6]), [3, 2]), ["reshape"]],
  ["merge-transposes", () => transpose(transpose(x)), []],
  ["transpose-to-reshape", () => transpose(reshape(x, [2, 1, 3]), [1, 0, 2]), ["reshape"]],
  ["transpose-into-product", () => matmul(x, transpose(x)), ["matmul"]],
  ["merge-broadcasts", () => broadcastTo(broadcastTo(x, [4, 2, 3]), [5, 4, 2, 3]), ["broadcastTo"]],
  ["broadcast-last", () => mul(x, broadcastTo(value(2), [2, 3])), ["mul"]],
  ["add-zero", () => add(x, 0), []],
  ["subtract-zero", () => sub(x, 0), []],
  ["multiply-one", () => mul(1, x), []],
  ["gelu-to-gate", () => gelu(x, { form: "tanh" }), ["mul", "mul", "add", "mul", "sigmoid", "mul"]],
  ["double-negation", () => neg(neg(x)), []],
  ["power-to-product", () => pow(x, 2), ["mul"]],
  ["reduce-nothing", () => sum(reshape(x, [2, 3, 1]), { axis: 2 }), []],
  ["remove-identities", () => stopGradient(x), []],
  ["cast-round-trip", () => cast(cast(x, "float64"), "float32"), []],
];

describe("rules", () => {
  test.each(rules)("%s", (rule, graph, after) => {
    const built = graph();
    expect(operations(simplify([built]))).toEqual(after);
    expect(operations(simplify([built], { without: [rule] }))).not.toEqual(after);
    const [before, simplified] = [built, simplify([built])[0]].map((output) => evaluateReference([output], data)[0]);
    expectClose(simplified, before, { rtol: 1e-7, atol: 0 }); // constants are float32
    expect(simplify([built])[0].shape).toEqual(built.shape);
  });
});

test("what is not needed is not kept, and what is needed stays in order", () => {
  const unused = exp(x);
  const y = add(mul(x, 2), 1);
  expect(operations(simplify([y]))).toEqual(["mul", "add"]);
  expect(unused.node.id).toBeLessThan(y.node.id);
});

test("large constants are not made by folding", () => {
  const wide = broadcastTo(constant(value(3)), [100, 100]);
  expect(operations(simplify([wide]))).toEqual(["broadcastTo"]);
});

test("adding zeros of a gradient costs nothing", () => {
  expect(operations(simplify([add(x, zerosLike(x))]))).toEqual([]);
});

test("simplifying again changes nothing", () => {
  const y = simplify([sum(mul(transpose(transpose(x)), add(x, 0)))]);
  expect(simplify(y)).toEqual(y);
});

test("a program may leave rules out and still be right", async () => {
  const f = (t: Tensor) => add(matmul(t, transpose(t)), add(t.size, 0));
  const without = rules.map(([rule]) => rule);
  const point = value([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const results = await Promise.all([compile(f)(point), compile(f, { without })(point)]);
  expect(results[0].toArray()).toEqual(results[1].toArray());
});
