import { describe, expect, test } from "vitest";
import {
  add,
  compile,
  evaluate,
  key,
  matmul,
  mean,
  mul,
  normal,
  relu,
  square,
  sub,
  sum,
  type Tensor,
  type Value,
  value,
  valueAndGrad,
  zipTrees,
} from "../index.ts";
import { expectClose } from "../testing/check.ts";

interface Line {
  slope: Tensor;
  offset: Tensor;
}

const step = (params: Line, x: Tensor, y: Tensor, rate: Tensor) => {
  const [loss, gradient] = valueAndGrad((p: Line) => mean(square(sub(add(mul(p.slope, x), p.offset), y))))(params);
  return { loss, params: zipTrees((p, g) => sub(p, mul(rate, g)), params, gradient) as Line };
};

const line = () => ({ slope: value(0), offset: value(0) });
const x = value([-1, 0, 1, 2]);
const y = value([-1, 1, 3, 5]);

describe.each(["onnx", "reference"] as const)("on %s", (executor) => {
  test("a training step takes trees and returns trees; it learns y = 2x + 1", async () => {
    const program = compile(step, { executor });
    let params: { slope: Value; offset: Value } = line();
    for (let i = 0; i < 200; i++) params = (await program(params, x, y, 0.1)).params;
    expect(params.slope.item()).toBeCloseTo(2, 3);
    expect(params.offset.item()).toBeCloseTo(1, 3);
  });

  test("random numbers are the same on every executor", async () => {
    const noise = await compile((k: Tensor) => normal(k, [3]), { executor })(key(7));
    expect(noise.toArray()).toEqual((await evaluate(normal(key(7), [3]))).toArray());
  });
});

test("a program traces once a signature, and again for new shapes and static arguments", async () => {
  let traces = 0;
  const program = compile((a: Tensor, mode: string) => {
    traces++;
    return mode === "double" ? mul(a, 2) : a;
  });
  await program(value([1]), "double");
  expect((await program(value([3]), "double")).toArray()).toEqual([6]);
  expect(traces).toBe(1);
  expect((await program(value([1, 2]), "double")).toArray()).toEqual([2, 4]);
  expect((await program(value([1, 2]), "same")).toArray()).toEqual([1, 2]);
  expect(traces).toBe(3);
});

test("donated state is written over, and using it afterwards is an error that says so", async () => {
  const program = compile(step, { donate: [0] });
  const first = line();
  const { params } = await program(first, x, y, 0.1);
  expect(() => first.slope.data).toThrowError(expect.objectContaining({ code: "value/donated" }));
  const memory = params.slope.data.buffer;
  const second = await program(params, x, y, 0.1);
  const third = await program(second.params, x, y, 0.1);
  expect([third.params.slope, third.params.offset].map((leaf) => leaf.data.buffer)).toContain(memory);
});

test("inputs, constants and twins that are handed through come out as copies", async () => {
  const given = value([1, 2]);
  const program = compile((a: Tensor) => {
    const double = mul(a, 2);
    return [a, value([5]) as unknown as Tensor, double, double];
  });
  const [same, constant, one, two] = await program(given);
  expect([same, constant, one, two].map((result) => result.toArray())).toEqual([[1, 2], [5], [2, 4], [2, 4]]);
  expect(same.data).not.toBe(given.data);
  expect(one.data).not.toBe(two.data);
});

test("tensors of size 0 pass through", async () => {
  const program = compile((a: Tensor) => [mul(a, 2), sum(a)]);
  const [empty, total] = await program(value([], { shape: [0, 3] }));
  expect(empty.shape).toEqual([0, 3]);
  expect(total.item()).toBe(0);
});

test("tracing errors are thrown with the user's line; what fails does not poison the program", async () => {
  const program = compile((a: Tensor, b: Tensor) => matmul(a, b));
  await expect(program(value([[1, 2]]), value([[1, 2]]))).rejects.toMatchObject({ code: "matmul/inner" });
  expect((await program(value([[1, 2]]), value([[1], [2]]))).item()).toBe(5);
});

test("asynchronous functions and tensors as arguments are refused", async () => {
  await expect((compile(async (a: Tensor) => a) as any)(value(1))).rejects.toMatchObject({ code: "compile/async" });
  await expect((compile((a: Tensor) => a) as any)(mul(1, 2))).rejects.toMatchObject({ code: "program/tensor" });
});

test("profile: rows point at the user's lines", async () => {
  const program = compile((a: Tensor) => sum(relu(matmul(a, a))));
  const { rows, milliseconds } = await program.profile(await evaluate(normal(key(1), [64, 64])));
  const product = rows.find((row) => row.operation === "matmul")!;
  expect(product.line).toMatch(/program\.test\.ts:\d+$/);
  expect(product.count).toBe(1);
  expect(rows.reduce((total, row) => total + row.milliseconds, 0)).toBeCloseTo(milliseconds, 6);
});

test("cost: a product of matrices is 2·m·k·n flops, and the peak holds what is alive", () => {
  const program = compile((a: Tensor, b: Tensor) => matmul(a, b));
  const zeros = (shape: number[]) => value(new Float32Array(shape[0] * shape[1]), { shape });
  const cost = program.cost(zeros([3, 5]), zeros([5, 7]));
  expect(cost.flops).toBe(2 * 3 * 5 * 7);
  expect(cost.peakBytes).toBe(4 * (15 + 35 + 21));
});

test("export: a file of standard operators, named by paths, that plain ONNX Runtime runs", async () => {
  const { InferenceSession, Tensor: RuntimeTensor } = await import("onnxruntime-node");
  const program = compile((p: { w: Tensor }, a: Tensor) => ({ out: relu(matmul(a, p.w)) }), {
    names: ["params", "image"],
  });
  const bytes = program.export({ w: value([[1], [-2]]) }, value([[3, 1]]));
  expect(bytes).toEqual(program.export({ w: value([[1], [-2]]) }, value([[3, 1]])));
  const session = await InferenceSession.create(bytes);
  expect(session.inputNames).toEqual(["params.w", "image"]);
  const result = await session.run({
    "params.w": new RuntimeTensor("float32", [1, -2], [2, 1]),
    image: new RuntimeTensor("float32", [3, 1], [1, 2]),
  });
  expect([...(result["y.out"].data as Float32Array)]).toEqual([1]);
});

test("export refuses random numbers and says what to do", () => {
  const program = compile((k: Tensor) => normal(k, [2]));
  expect(() => program.export(key(1))).toThrowError(expect.objectContaining({ code: "export/random" }));
});

test("large constants stay outside the model and are still right", async () => {
  const table = value(new Float32Array(400_000).fill(0.25), { shape: [4000, 100] });
  const program = compile((a: Tensor) => matmul(a, table));
  const result = await program(value(new Float32Array(4000).fill(1), { shape: [1, 4000] }));
  expect(result.data[99]).toBe(1000);
});

test("WebAssembly gives what the native runtime gives; a provider that is not here is named", async () => {
  const f = (a: Tensor) => [relu(matmul(a, a)), sum(a, { axis: 0 })];
  const point = await evaluate(normal(key(2), [5, 5]));
  const [native, web] = [await compile(f)(point), await compile(f, { provider: "wasm", threads: 1 })(point)];
  native.forEach((result, i) => {
    expectClose(web[i].toFloat64(), result.toFloat64(), { rtol: 1e-5 });
  });
  await expect(compile(f, { provider: "npu" as "cpu" })(point)).rejects.toMatchObject({ code: "runtime/provider" });
});

test("half floats go in and come out", async () => {
  const double = compile((x: Tensor) => mul(x, 2));
  const result = await double(value([1, -2.5, 65504 / 4], { dtype: "float16" }));
  expect([result.dtype, result.toArray()]).toEqual(["float16", [2, -5, 32752]]);
});
