import { expect, test } from "vitest";
import type { ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { makeNode } from "../graph/attributes.ts";
import { editModel } from "../graph/editor.ts";
import { typeText } from "../graph/inspect.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { inferShapes } from "./infer-shapes.ts";

const model: ModelProto = {
  irVersion: 9,
  opsetImport: [{ version: 19 }],
  graph: {
    node: [
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Transpose", ["h"], ["t"], { perm: [1, 0] }),
      makeNode("Concat", ["h", "h"], ["twice"], { axis: 0 }),
      makeNode("Shape", ["twice"], ["s"]),
      makeNode("Softmax", ["t"], ["y"], { axis: -1 }),
      makeNode("Strange", ["h"], ["odd"], {}, { domain: "strange" }),
    ],
    initializer: [makeTensor({ type: "float32", shape: [3, 2], data: [1, 2, 3, 4, 5, 6] }, "w")],
    input: [
      { name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "batch" }, { dimValue: 3 }] } } } },
    ],
    output: [{ name: "y" }],
  },
};
const types = (given: ModelProto) =>
  Object.fromEntries((inferShapes(given).graph.valueInfo ?? []).map(({ name, type }) => [name, typeText(type)]));

test("fixed sizes, named ones and those that follow from them are told apart; the unknown stays open", () => {
  expect(types(model)).toEqual({ h: "float32[batch,2]", t: "float32[2,batch]", twice: "float32[?,2]", s: "int64[2]" });
});

test("what an edit puts in gets its type, too", () => {
  const edited = editModel(model, (graph) =>
    graph.insertAfter("h", makeNode("ReduceSum", ["h"], ["r"], { keepdims: 0 })),
  );
  expect(types(edited)).toMatchObject({ r: "float32[]" });
});
