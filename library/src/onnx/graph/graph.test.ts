import { describe, expect, test } from "vitest";
import { encodeModel, type ModelProto, type NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { Attributes, makeNode } from "./attributes.ts";
import { capturesOf, sortNodes } from "./clean-up.ts";
import { editModel, GraphEditor } from "./editor.ts";
import { PatternError, parsePattern } from "./pattern.ts";

const floats = (name: string) => ({ name, type: { tensorType: { elemType: 1 } } });
const model = (node: NodeProto[], outputs = ["y"], initializers: string[] = []): ModelProto => ({
  irVersion: 10,
  opsetImport: [{ version: 21 }],
  graph: {
    node,
    initializer: initializers.map((name) => makeTensor({ type: "float32", shape: [1], data: [1] }, name)),
    input: [floats("x")],
    output: outputs.map(floats),
  },
});
const operators = ({ graph }: ModelProto) => graph.node.map(({ opType }) => opType);

describe("patterns", () => {
  const silu = model([makeNode("Sigmoid", ["x"], ["s"]), makeNode("Mul", ["s", "x"], ["y"])]);
  const matches = (given: ModelProto, pattern: string) => new GraphEditor(given.graph).match(pattern);

  test("commutative operators fit in either order, and one name is one value", () => {
    expect(matches(silu, "Mul(x, Sigmoid(x))")).toMatchObject([{ values: { x: "x" } }]);
    expect(matches(silu, "Mul(Sigmoid(z), z)")).toMatchObject([{ values: { z: "x" } }]);
    expect(
      matches(model([makeNode("Sigmoid", ["x"], ["s"]), makeNode("Mul", ["s", "s"], ["y"])]), "Mul(x, Sigmoid(x))"),
    ).toEqual([]);
  });

  test("alternatives, any operator, any value, labels and further inputs", () => {
    const given = model([
      makeNode("Gemm", ["x", "w", "b"], ["h"]),
      makeNode("Relu", ["h"], ["y"], {}, { name: "act" }),
    ]);
    expect(matches(given, "act=Relu|Gelu(Gemm(a, ...))")).toMatchObject([
      { values: { a: "x" }, labels: { act: { name: "act" } } },
    ]);
    expect(matches(given, "Relu(*(_, weight, _))")).toMatchObject([{ values: { weight: "w" } }]);
    expect(matches(given, "Relu(Gemm(a, b))")).toEqual([]);
  });

  test("a place whose inner value is used elsewhere does not fit", () => {
    const shared = model([...silu.graph.node, makeNode("Exp", ["s"], ["z"])], ["y", "z"]);
    expect(matches(shared, "Mul(x, Sigmoid(x))")).toEqual([]);
  });

  test.each(["", "Mul(", "Mul(x,,y)", "Mul(x) y", "a=b", "Mul(..., x)", "A|B", "*"])("%j is no pattern", (text) => {
    expect(() => parsePattern(text)).toThrow(PatternError);
  });
});

describe("editing", () => {
  const chain = model(
    [
      makeNode("Mul", ["x", "w"], ["a"], {}, { name: "scale" }),
      makeNode("Relu", ["a"], ["b"]),
      makeNode("Exp", ["b"], ["y"]),
    ],
    ["y"],
    ["w"],
  );

  test("the given model is not changed, and an edit that does nothing changes nothing", () => {
    const before = encodeModel(chain);
    const after = editModel(chain, (graph) => graph.remove(graph.find("Relu")[0]));
    expect(encodeModel(chain)).toEqual(before);
    expect(operators(after)).toEqual(["Mul", "Exp"]);
    expect(encodeModel(editModel(chain, () => {}))).toEqual(before);
  });

  test("removing a node takes its weights along", () => {
    const after = editModel(chain, (graph) => graph.remove(graph.find({ name: /^sc/ })[0]));
    expect(after.graph.node[0]).toMatchObject({ opType: "Relu", input: ["x"] });
    expect(after.graph.initializer).toEqual([]);
  });

  test("removing the node of an output keeps the output's name", () => {
    const after = editModel(chain, (graph) => graph.remove(graph.find("Exp")[0]));
    expect(after.graph.node.at(-1)).toMatchObject({ opType: "Identity", input: ["b"], output: ["y"] });
  });

  test("nodes inserted or replaced find their place by what they read", () => {
    const after = editModel(chain, (graph) => {
      graph.insertAfter("a", makeNode("Neg", ["a"], ["negated"]));
      const [exp] = graph.find("Exp");
      const one = graph.addInitializer(makeTensor({ type: "float32", shape: [], data: [1] }, "w"));
      graph.replace([exp], [makeNode("Add", ["e", one], exp.output), makeNode("Exp", exp.input, ["e"])]);
    });
    expect(operators(after)).toEqual(["Mul", "Neg", "Relu", "Exp", "Add"]);
    expect(after.graph.node[2].input).toEqual(["negated"]);
    expect(after.graph.initializer.map(({ name }) => name)).toEqual(["w", "w_1"]);
  });

  test("a value that is still read may not be lost", () => {
    const lose = () => editModel(chain, (graph) => graph.replace(graph.find("Relu"), []));
    expect(lose).toThrowError(expect.objectContaining({ code: "edit/value-lost" }));
    expect(() => editModel(chain, (graph) => graph.insertAfter("y", makeNode("Neg", ["y"], ["z"])))).toThrowError(
      expect.objectContaining({ code: "edit/output" }),
    );
  });

  test("what inner graphs read stays, and follows a redirection", () => {
    const branch = { node: [makeNode("Neg", ["a"], ["n"])], initializer: [], input: [], output: [floats("n")] };
    const given = model([
      makeNode("Exp", ["x"], ["a"]),
      makeNode("Exp", ["x"], ["unused"]),
      makeNode("If", ["x"], ["y"], { then_branch: { graph: branch }, else_branch: { graph: branch } }),
    ]);
    expect([...capturesOf(branch)]).toEqual(["a"]);
    const after = editModel(given, (graph) => graph.insertAfter("a", makeNode("Abs", ["a"], ["positive"])));
    expect(operators(after)).toEqual(["Exp", "Abs", "If"]);
    const inner = new Attributes(after.graph.node[2]).graph("then_branch")!;
    expect(inner.node[0].input).toEqual(["positive"]);
    expect(branch.node[0].input).toEqual(["a"]);
  });

  test("functions and operator sets that nothing calls are removed", () => {
    const body = (name: string, calls: string) => ({
      name,
      domain: "mine",
      input: ["x"],
      output: ["y"],
      node: [makeNode(calls, ["x"], ["y"], {}, { domain: calls === "Abs" ? "" : "mine" })],
      opsetImport: [{ version: 21 }],
    });
    const given: ModelProto = {
      ...model([makeNode("f", ["x"], ["y"], {}, { domain: "mine" })]),
      opsetImport: [{ version: 21 }, { domain: "mine", version: 1 }, { domain: "other", version: 1 }],
      functions: [body("f", "g"), body("g", "Abs"), body("h", "Abs")],
    };
    const after = editModel(given, () => {});
    expect(after.functions?.map(({ name }) => name)).toEqual(["f", "g"]);
    expect(after.opsetImport).toEqual([{ version: 21 }, { domain: "mine", version: 1 }]);
  });
});

test("sorting keeps an order that is right and mends one that is not", () => {
  const nodes = [makeNode("A", ["x"], ["a"]), makeNode("B", ["x"], ["b"]), makeNode("C", ["a", "b"], ["c"])];
  expect(sortNodes(nodes)).toEqual(nodes);
  expect(sortNodes(nodes.toReversed()).map(({ opType }) => opType)).toEqual(["A", "B", "C"]);
  const deep = Array.from({ length: 20000 }, (_, i) => makeNode("N", [`v${i}`], [`v${i + 1}`]));
  expect(sortNodes(deep.toReversed())).toEqual(deep);
});

test("attributes of every kind come back", () => {
  const tensor = makeTensor({ type: "int64", shape: [], data: [3] });
  const node = makeNode("N", [], [], {
    i: -1,
    f: { float: 0.5 },
    s: "ü",
    ints: [1, 2],
    floats: { floats: [0.25] },
    strings: ["a", "b"],
    t: { tensor },
    absent: undefined,
  });
  const read = new Attributes(node);
  expect([read.int("i"), read.float("f"), read.string("s"), read.ints("ints"), read.floats("floats")]).toEqual([
    -1,
    0.5,
    "ü",
    [1, 2],
    [0.25],
  ]);
  expect([read.strings("strings"), read.tensor("t"), read.int("absent", 7), read.names.length]).toEqual([
    ["a", "b"],
    tensor,
    7,
    7,
  ]);
});
