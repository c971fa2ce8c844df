import { expect, test } from "vitest";
import type { ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { makeNode } from "./attributes.ts";
import { diffModels, formatDiff } from "./diff.ts";
import { editModel } from "./editor.ts";
import { formatInspection, inspectModel } from "./inspect.ts";

const model: ModelProto = {
  irVersion: 8,
  producerName: "tool",
  producerVersion: "1.0",
  opsetImport: [{ version: 17 }],
  metadataProps: [{ key: "task", value: "none" }],
  graph: {
    name: "g",
    node: [
      makeNode("MatMul", ["x", "w"], ["h"], {}, { name: "product" }),
      makeNode("Softmax", ["h"], ["y"], { axis: -1 }),
    ],
    initializer: [makeTensor({ type: "float32", shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }, "w")],
    input: [{ name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "n" }, { dimValue: 2 }] } } } }],
    output: [{ name: "y", type: { sequenceType: { elemType: { tensorType: { elemType: 7, shape: { dim: [] } } } } } }],
  },
};

test("an inspection counts and names what is there", () => {
  expect(inspectModel(model)).toMatchObject({
    producer: "tool 1.0",
    opsets: { "ai.onnx": 17 },
    inputs: [{ name: "x", type: "float32[n,2]" }],
    outputs: [{ name: "y", type: "sequence(int64[])" }],
    operators: [
      { operator: "MatMul", count: 1 },
      { operator: "Softmax", count: 1 },
    ],
    tensors: [{ name: "w", type: "float32[2,3]", elements: 6, bytes: 24 }],
    metadata: { task: "none" },
  });
  const text = formatInspection(inspectModel(model));
  expect(text).toContain("operator  nodes\n--------  -----\nMatMul        1\nSoftmax       1");
  expect(text).toContain("input   x     float32[n,2]");
});

test("a model does not differ from itself", () => {
  expect(diffModels(model, structuredClone(model))).toEqual([]);
  expect(formatDiff([])).toBe("the models are the same");
});

test("each kind of change is found", () => {
  const changed = editModel(model, (graph, copy) => {
    copy.metadataProps = [{ key: "task", value: "reading" }];
    copy.opsetImport = [{ version: 18 }];
    graph.replace(graph.find("Softmax"), [makeNode("Softmax", ["h"], ["y"], { axis: 0 })]);
    graph.insertAfter("h", makeNode("Neg", ["h"], ["n"], {}, { name: "negated" }));
    graph.graph.initializer = [makeTensor({ type: "float32", shape: [2, 3], data: [1, 2, 3, 4, 5, 6.5] }, "w")];
  });
  expect(diffModels(model, changed)).toEqual([
    { part: "metadata", name: "task", before: "none", after: "reading" },
    { part: "opset", name: "ai.onnx", before: "17", after: "18" },
    { part: "node", name: "→ y", before: "Softmax(h, axis=-1)", after: "Softmax(n, axis=0)" },
    { part: "node", name: "negated", after: "Neg(h)" },
    { part: "tensor", name: "w", before: "float32[2,3]", after: "1 of 6 elements differ, at most by 0.500" },
  ]);
  expect(formatDiff(diffModels(model, changed))).toMatch(/^\+ {2}node {6}negated/m);
});
