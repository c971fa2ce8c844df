import { describe, expect, test } from "vitest";
import { add, grad, matmul, sum, type Tensor, tanh, Value, value, vmap } from "../../core/index.ts";
import { compile } from "../../runtime/index.ts";
import { encodeModel, type ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { expectClose } from "../../testing/check.ts";
import { exportOnnx } from "../export/export-onnx.ts";
import { makeNode } from "../graph/attributes.ts";
import { denseTensor, makeTensor } from "../model/tensor-data.ts";
import { noise } from "../real-models.ts";
import { importModel, importOnnx } from "./import-onnx.ts";
import { runWhole } from "./run-whole.ts";

const float = (name: string, ...dim: (number | string)[]) => ({
  name,
  docString: `what ${name} is`,
  type: {
    tensorType: {
      elemType: 1,
      shape: { dim: dim.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size })) },
    },
  },
});

const dense: ModelProto = {
  irVersion: 9,
  producerName: "by hand",
  docString: "tanh(x·w + b)",
  metadataProps: [
    { key: "b", value: "2" },
    { key: "a", value: "ü\u{1f680}" },
  ],
  opsetImport: [{ domain: "", version: 19 }],
  graph: {
    name: "dense",
    node: [
      makeNode("MatMul", ["x", "w"], ["h"], {}, { name: "product", docString: "first" }),
      makeNode("Add", ["h", "b"], ["s"]),
      makeNode("Tanh", ["s"], ["y"]),
    ],
    initializer: [
      {
        ...makeTensor({ type: "float32", shape: [3, 2], data: [1, 2, 3, 4, 5, 6].map((k) => k / 10) }, "w"),
        docString: "weight",
      },
      makeTensor({ type: "float32", shape: [2], data: [0.5, -0.5] }, "b"),
    ],
    input: [float("x", "batch", 3)],
    output: [float("y", "batch", 2)],
  },
};
const model = importModel(dense);
const plainFunction = (w: any, b: any, x: any) => tanh(add(matmul(x, w), b));

describe("an imported model", () => {
  test("says what it takes and gives", () => {
    expect(model.inputs).toEqual({ x: { type: "float32[batch,3]", shape: ["batch", 3] } });
    expect(Object.keys(model.params)).toEqual(["w", "b"]);
    expect(model.params.w.toArray()[0]).toEqual([Math.fround(0.1), Math.fround(0.2)]);
  });

  test("is a function for compile, grad and vmap, with sizes bound by its inputs", async () => {
    const x = noise([4, 3], 1);
    const { w, b } = model.params;
    const loss = (apply: (params: any, x: any) => Tensor) => (params: any, given: any) => sum(apply(params, given));
    const ours = loss((params, given) => model.apply(params, { x: given }).y);
    const plain = loss((params, given) => plainFunction(params.w, params.b, given));
    const each = (f: any) =>
      compile((params: any, xs: any) => vmap((one: Tensor) => grad(f)(params, one), { inAxes: [0] })(xs))(
        { w, b } as any,
        new Value(x.data, [4, 1, 3]) as any,
      ) as any;
    const [first, second] = [await each(ours), await each(plain)];
    expect(first.w.shape).toEqual([4, 3, 2]);
    expectClose(first.w.data, second.w.data);
    expectClose(first.b.data, second.b.data);
  });

  test("keeps its metadata to the bit, with other weights, too", async () => {
    expect(Buffer.compare(exportOnnx(model), encodeModel(dense))).toBe(0);
    const changed = await importOnnx(exportOnnx(model, { params: { w: noise([3, 2], 1) }, metadata: { a: "new" } }));
    expect(changed.model.metadataProps).toEqual([
      { key: "b", value: "2" },
      { key: "a", value: "new" },
    ]);
    expect(changed.model.graph.initializer[0]).toMatchObject({ name: "w", docString: "weight" });
    expect(changed.params.w.data).toEqual(noise([3, 2], 1).data);
    expect(changed.model.graph.node).toEqual(dense.graph.node);
    expect(() => exportOnnx(model, { params: { w: noise([2, 2], 1) } })).toThrowError(
      expect.objectContaining({ code: "onnx/param-shape" }),
    );
  });

  test("gives out inner values, and takes them in", async () => {
    const head = importModel(dense, { outputs: ["h"] });
    const { h } = await head.run({ x: value([[1, 0, 0]]) });
    expectClose(h.data as Float32Array, [0.1, 0.2]);
    const { y } = await model.run({ x: value([[0, 0, 0]]), s: value([[0, 1]]) });
    expectClose(y.data as Float32Array, [0, Math.tanh(1)]);
    expect(() => importModel(dense, { outputs: ["z"] })).toThrowError(
      expect.objectContaining({ code: "onnx/no-value" }),
    );
  });

  test("says which input is missing, of another shape or of another type", () => {
    const fault = (inputs: any) => {
      try {
        model.apply({}, inputs);
      } catch (error) {
        return (error as any).code;
      }
    };
    expect(fault({})).toBe("onnx/input");
    expect(fault({ x: noise([2, 4], 1) })).toBe("onnx/input-shape");
    expect(fault({ x: new Value(new Int32Array(3), [1, 3]) })).toBe("onnx/input-dtype");
  });

  test("with sparse weights is the same as with dense ones", async () => {
    const sparse = {
      values: makeTensor({ type: "float32", shape: [2], data: [5, 7] }, "w"),
      indices: makeTensor({ type: "int64", shape: [2], data: [1, 4] }),
      dims: [3, 2],
    };
    const [weight, bias] = dense.graph.initializer;
    const graph = { ...dense.graph, initializer: [bias], sparseInitializer: [sparse] };
    const imported = importModel({ ...dense, graph });
    const same = importModel({ ...dense, graph: { ...dense.graph, initializer: [denseTensor(sparse), bias] } });
    const x = noise([2, 3], 1);
    expect((await imported.run({ x })).y.data).toEqual((await same.run({ x })).y.data);
    const trained = exportOnnx(imported, { params: { w: model.params.w } });
    expectClose(
      (await (await importOnnx(trained)).run({ x })).y.data as Float32Array,
      (await model.run({ x })).y.data as Float32Array,
    );
    expect(weight.name).toBe("w");
  });

  test("in bfloat16 is held in float32 and stored as it was", async () => {
    const narrow = dense.graph.initializer.map((tensor) =>
      makeTensor(
        { type: "bfloat16", shape: tensor.dims as number[], data: model.params[tensor.name!].data as Float32Array },
        tensor.name,
      ),
    );
    const imported = importModel({ ...dense, graph: { ...dense.graph, initializer: narrow } });
    expect(imported.params.w.dtype).toBe("float32");
    expect(Buffer.compare(exportOnnx(imported, { params: { ...imported.params } }), encodeModel(imported.model))).toBe(
      0,
    );
    const moved = new Value(
      (imported.params.w.data as Float32Array).map((w) => w + 1e-4),
      [3, 2],
    );
    const stored = (await importOnnx(exportOnnx(imported, { params: { w: moved } }))).params.w;
    expect(stored.data).toEqual(imported.params.w.data);
  });
});

test("a program is exported as a file that plain ONNX Runtime runs alike", async () => {
  const program = compile((x: Tensor) => plainFunction(model.params.w, model.params.b, x));
  const x = noise([4, 3], 1);
  const bytes = exportOnnx(program, [x], { metadata: { made: "here" } });
  expect(Buffer.compare(bytes, exportOnnx(program, [x], { metadata: { made: "here" } }))).toBe(0);
  const file = await importOnnx(bytes);
  expect(file.model.metadataProps).toEqual([{ key: "made", value: "here" }]);
  const plain = Object.values((await runWhole(file, { [Object.keys(file.inputs)[0]]: x }, {}))!)[0];
  expectClose(plain.data as Float32Array, ((await program(x as any)) as any).data);
});
