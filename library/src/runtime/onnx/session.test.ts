import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { allocate } from "../../core/dtype.ts";
import { add, concat, matmul, mul, sum, type Tensor, Value, value } from "../../core/index.ts";
import { input } from "../../core/tensor.ts";
import { addressOf } from "./c-interface.ts";
import { emitModel } from "./emit.ts";
import { Session, type SessionOptions } from "./session.ts";

const bindings = ["c", "javascript"] as const;

/** Opens a function of tensors like these values, and gives what runs it. */
async function open(fn: (...inputs: Tensor[]) => Tensor[], like: readonly Value[], options: SessionOptions) {
  const inputs = like.map(({ shape, dtype }, i) => input(shape, dtype, `input ${i}`));
  const outputs = fn(...inputs);
  const session = await Session.open(emitModel(inputs, outputs, { external: true }), options);
  const run = async (...values: Value[]): Promise<Value[]> => {
    const results = outputs.map(({ dtype, size, shape }) => new Value(allocate(dtype, size), shape, dtype));
    await session.run(values, results);
    return results;
  };
  return { session, run };
}

describe.each(bindings)("through the binding %s", (binding) => {
  test("results are written into the arrays given, call after call", async () => {
    const x = value([
      [1, 2],
      [3, 4],
    ]);
    const { session, run } = await open((a) => [matmul(a, a), sum(a)], [x], { binding });
    const [product, total] = await run(x);
    expect(product.toArray()).toEqual([
      [7, 10],
      [15, 22],
    ]);
    expect(total.item()).toBe(10);
    expect(
      (
        await run(
          value([
            [1, 0],
            [0, 1],
          ]),
        )
      )[1].item(),
    ).toBe(2);
    expect(product.toArray(), "earlier results stay").toEqual([
      [7, 10],
      [15, 22],
    ]);
    await session.release();
  });

  test("every element type goes in and comes out", async () => {
    for (const dtype of ["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool"] as const) {
      const x = value([1, 0, 1], { dtype });
      const { session, run } = await open((a) => [concat([a, a])], [x], { binding });
      expect((await run(x))[0].toArray(), dtype).toEqual([1, 0, 1, 1, 0, 1]);
      await session.release();
    }
  });

  test("scalars, empty tensors and parts of a larger buffer", async () => {
    const part = value(new Float32Array([9, 9, 1, 2, 9]).subarray(2, 4));
    const empty = value(new Float32Array(0), { shape: [0, 3] });
    const scalar = value(5);
    const { session, run } = await open((a, b, c) => [mul(a, c), concat([b, b]), add(c, c)], [part, empty, scalar], {
      binding,
    });
    const [scaled, none, twice] = await run(part, empty, scalar);
    expect(scaled.toArray()).toEqual([5, 10]);
    expect(none.shape).toEqual([0, 3]);
    expect(twice.item()).toBe(10);
    await session.release();
  });

  test("large constants are read where they are", async () => {
    const table = value(
      Float32Array.from({ length: 1 << 16 }, (_, i) => i % 7),
      { shape: [256, 256] },
    );
    const x = value(new Float32Array(256).fill(1), { shape: [1, 256] });
    const { session, run } = await open((a) => [sum(matmul(a, table))], [x], { binding });
    expect((await run(x))[0].item()).toBe(table.toFloat64().reduce((total, one) => total + one, 0));
    await session.release();
  });

  test("the runtime's own messages come through, and the session goes on", async () => {
    const x = value([1, 2]);
    const { session, run } = await open((a) => [add(a, 1)], [x], { binding });
    await expect(run(value([1, 2, 3]))).rejects.toMatchObject({
      code: "runtime/run",
      message: expect.stringContaining("x0"),
    });
    expect((await run(x))[0].toArray()).toEqual([2, 3]);
    await session.release();
    await expect(run(x)).rejects.toMatchObject({ code: "runtime/released" });
    await session.release();
  });

  test("a graph that the runtime does not take is refused with its message", async () => {
    const x = input([2], "float32", "x");
    const emitted = emitModel([x], [add(x, 1)]);
    emitted.model.graph.node[0].opType = "NoSuchOperator";
    await expect(Session.open(emitted, { binding })).rejects.toMatchObject({
      code: "runtime/open",
      message: expect.stringContaining("NoSuchOperator"),
    });
  });

  test("timers get their turn in a loop of calls", async () => {
    const x = value([1, 2]);
    const { session, run } = await open((a) => [add(a, 1)], [x], { binding });
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 1);
    while (!fired) await run(x);
    expect(fired).toBe(true);
    await session.release();
  });

  test("a process that ends with sessions open ends with code 0", () => {
    const script = `
      const { compile, value, mul } = await import("./library/src/index.ts");
      const double = compile((x) => mul(x, 2), { binding: "${binding}" });
      console.log((await double(value([1, 2]))).toArray().join());`;
    const root = new URL("../../../../", import.meta.url);
    expect(
      execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: root, encoding: "utf8" }).trim(),
    ).toBe("2,4");
  });
});

test("both bindings in one process share the runtime", async () => {
  const x = value([1, 2]);
  const opened = await Promise.all(bindings.map((binding) => open((a) => [add(a, 1)], [x], { binding })));
  for (let i = 0; i < 3; i++) for (const { run } of opened) expect((await run(x))[0].toArray()).toEqual([2, 3]);
  for (const { session } of opened) await session.release();
});

test("the address of an array is that of its first element", () => {
  const buffer = new ArrayBuffer(64);
  const start = addressOf(new Uint8Array(buffer));
  expect(addressOf(new Float32Array(buffer, 16, 4)) - start).toBe(16n);
  expect(addressOf(new Float32Array(0))).not.toBe(0n);
});

test("a provider that is not there is named", async () => {
  const x = value([1, 2]);
  await expect(open((a) => [add(a, 1)], [x], { provider: "webgpu" })).rejects.toMatchObject({
    code: "runtime/provider",
  });
});
