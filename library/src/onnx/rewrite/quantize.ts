import { SettingError, type Value } from "../../core/index.ts";
import type { ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes, makeNode } from "../graph/attributes.ts";
import { editModel, type GraphEditor, queryModel } from "../graph/editor.ts";
import { alignTable } from "../graph/table.ts";
import { nodeName } from "../import/faults.ts";
import { type ImportedModel, importModel, matchesName, type NamePattern } from "../import/import-onnx.ts";
import { makeTensor } from "../model/tensor-data.ts";
import {
  asymmetricGrid,
  type Calibration,
  codeOf,
  type Fit,
  FitMeter,
  forEachExample,
  type Grid,
  rangesOf,
  symmetricGrid,
} from "./calibration.ts";
import { raiseOpset } from "./raise-opset.ts";
import { storedFloats } from "./stored.ts";

/** How a model is quantized. */
export interface QuantizeOptions {
  /**
   * `static` (the default): ranges of activations are measured on the calibration data and stored; `dynamic`: they are
   * measured at each run, only weights are stored in 8 bits.
   */
  mode?: "static" | "dynamic";
  /** One scale for each output channel of a weight (the default), or one for all. */
  perChannel?: boolean;
  /** Bits of weights. Default 8; 7 keeps sums of processors without 8-bit dot products from overflowing. */
  weightBits?: 7 | 8;
  /** Names of nodes that stay in float. */
  keep?: NamePattern;
  /** A loss of a model, smaller is better. Default: squared error of its outputs on the calibration data, relative to theirs. */
  evaluate?: (model: ImportedModel) => Promise<number>;
  /** Nodes are kept in float, the worst first, until the loss is at most this. Default: none are. */
  maxLoss?: number;
}

/** One tensor of a quantized model. */
export interface QuantizedTensor extends Fit {
  name: string;
  kind: "weight" | "activation";
  /** The node that it belongs to. */
  node: string;
}

/** A quantized model and what became of its numbers. */
export interface Quantization {
  model: ModelProto;
  table: QuantizedTensor[];
  /** Nodes that could have been quantized and were kept in float. */
  kept: string[];
  loss: { before: number; after: number };
}

/** A layer with a stored weight. */
interface Layer {
  name: string;
  node: NodeProto;
  weight: { data: Float32Array; shape: number[] };
  /** Axis of the weight that counts output channels. */
  axis: number;
  grids: Grid[];
}

/**
 * Quantizes the convolutions and products of a model to 8 bits: static with QuantizeLinear and DequantizeLinear around
 * them, which runtimes fuse into integer kernels, or dynamic with integer products. A model before operator set 13 is
 * raised to it first.
 *
 * @param calibration  inputs like those that the model will see; a few dozen say enough
 * @throws             SettingError `quantize/nothing`, `quantize/calibration`, `quantize/max-loss`
 * @example
 * const { model, table, loss } = await quantize(await readModel("model.onnx"), examples);
 */
export async function quantize(
  given: ModelProto,
  calibration: Calibration,
  options: QuantizeOptions = {},
): Promise<Quantization> {
  const { mode = "static", keep, maxLoss } = options;
  if (calibration.length === 0)
    throw new SettingError("quantize/calibration", "there are no examples to measure ranges on", {
      fix: "give inputs like those that the model will see",
    });
  const model = raiseOpset(given);
  const layers = layersOf(model, options).filter(({ name }) => !keep || !matchesName(keep, name));
  if (layers.length === 0)
    throw new SettingError(
      "quantize/nothing",
      "the model has no convolution or product with a stored weight to quantize",
      {
        fix: "check `keep`; inspectModel lists the operators",
      },
    );
  const activations = [...new Set(layers.map(({ node }) => node.input[0]))];
  const ranges = await rangesOf(model, activations, calibration);
  const grids = new Map(activations.map((name) => [name, asymmetricGrid(ranges.get(name)!)]));
  const table = [...layers.map(weightFit), ...(await activationFits(model, layers, grids, calibration))];
  const evaluate = options.evaluate ?? (await outputError(model, calibration));
  const before = await evaluate(importModel(model));
  // The worst first: by the poorer of a layer's weight and activation.
  const quality = (layer: Layer): number =>
    Math.min(
      ...table.filter(({ node, name }) => node === layer.name || name === layer.node.input[0]).map(({ snr }) => snr),
    );
  const order = layers.toSorted((a, b) => quality(a) - quality(b));
  const build = (kept: number): ModelProto => write(model, order.slice(kept), mode === "static" ? grids : undefined);
  const lossWith = (kept: number) => evaluate(importModel(build(kept)));
  let after = await lossWith(0);
  let kept = 0;
  if (maxLoss !== undefined && after > maxLoss) {
    if (before > maxLoss)
      throw new SettingError("quantize/max-loss", `even in float the loss is ${before}`, {
        fix: `give a larger maxLoss than ${maxLoss}`,
      });
    kept = await fewest(layers.length, async (count) => (await lossWith(count)) <= maxLoss);
    after = await lossWith(kept);
  }
  const left = new Set(order.slice(0, kept).map(({ name }) => name));
  return {
    model: build(kept),
    table: table.filter(({ node }) => !left.has(node)),
    kept: [...left],
    loss: { before, after },
  };
}

/** The smallest count up to `most` for which a test holds, if it holds from some count on; it holds for `most`. */
async function fewest(most: number, holds: (count: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, 1];
  while (high < most && !(await holds(high))) [low, high] = [high, Math.min(most, 2 * high)];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function layersOf(model: ModelProto, { perChannel = true, weightBits = 8, mode }: QuantizeOptions): Layer[] {
  const graph = queryModel(model);
  return graph.find({ operator: ["Conv", "MatMul", "Gemm"] }).flatMap((node) => {
    const weight = storedFloats(graph, node.input[1]);
    const attributes = new Attributes(node);
    const plain = node.opType !== "Gemm" || (attributes.int("transA", 0) === 0 && attributes.float("alpha", 1) === 1);
    if (node.domain || weight?.type !== "float32" || weight.shape.length < 2 || !plain) return [];
    if (mode === "dynamic" && (node.opType === "Gemm" || (node.opType === "MatMul" && weight.shape.length > 2)))
      return [];
    const rank = weight.shape.length;
    const axis = node.opType === "Conv" || attributes.int("transB", 0) === 1 ? 0 : rank - 1;
    // A stack of matrices has no channels that one axis counts.
    const channels = perChannel && (node.opType === "Conv" || rank === 2) ? weight.shape[axis] : 1;
    const inner = weight.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const largest = new Float64Array(channels);
    weight.data.forEach((x, i) => {
      const channel = Math.floor(i / inner) % channels;
      largest[channel] = Math.max(largest[channel], Math.abs(x));
    });
    const grids = Array.from(largest, (most) => symmetricGrid(most, weightBits));
    return [{ name: nodeName(node), node, weight, axis, grids }];
  });
}

/** The grid of a weight's element. */
const gridAt = ({ weight, axis, grids }: Layer): ((i: number) => Grid) => {
  const inner = weight.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  return (i) => grids[grids.length === 1 ? 0 : Math.floor(i / inner) % grids.length];
};

function weightFit(layer: Layer): QuantizedTensor {
  const meter = new FitMeter();
  const at = gridAt(layer);
  layer.weight.data.forEach((x, i) => {
    meter.add(x, at(i));
  });
  return { name: layer.node.input[1], kind: "weight", node: layer.name, ...meter.fit };
}

async function activationFits(
  model: ModelProto,
  layers: readonly Layer[],
  grids: ReadonlyMap<string, Grid>,
  calibration: Calibration,
): Promise<QuantizedTensor[]> {
  const meters = new Map([...grids.keys()].map((name) => [name, new FitMeter()]));
  await forEachExample(model, [...grids.keys()], calibration, (name, data) => {
    const [meter, grid] = [meters.get(name)!, grids.get(name)!];
    for (let i = 0; i < data.length; i++) meter.add(data[i], grid);
  });
  return [...meters].map(([name, meter]) => {
    const node = layers.find((layer) => layer.node.input[0] === name)!.name;
    return { name, kind: "activation", node, ...meter.fit };
  });
}

/** Squared error of a model's outputs relative to those of the float model. */
async function outputError(
  model: ModelProto,
  calibration: Calibration,
): Promise<(other: ImportedModel) => Promise<number>> {
  const original = importModel(model);
  const wanted: Record<string, Value>[] = [];
  for (const inputs of calibration) wanted.push(await original.run(inputs));
  return async (other) => {
    let [error, power] = [0, 0];
    for (const [i, inputs] of calibration.entries()) {
      const results = await other.run(inputs);
      for (const [name, value] of Object.entries(wanted[i]))
        for (let k = 0; k < value.size; k++) {
          error += (Number(results[name].data[k]) - Number(value.data[k])) ** 2;
          power += Number(value.data[k]) ** 2;
        }
    }
    return power === 0 ? error : error / power;
  };
}

/** The model with layers quantized: statically where grids for the activations are given, else dynamically. */
function write(model: ModelProto, layers: readonly Layer[], grids: ReadonlyMap<string, Grid> | undefined): ModelProto {
  const byOutput = new Map(layers.map((layer) => [layer.node.output[0], layer]));
  return editModel(model, (graph) => {
    const quantized = new Map<string, string>();
    for (const node of [...graph.graph.node]) {
      const layer = byOutput.get(node.output[0]);
      if (!layer) continue;
      if (grids) writeStatic(graph, node, layer, grids.get(node.input[0])!, quantized);
      else writeDynamic(graph, node, layer);
    }
  });
}

const numbers = (
  graph: GraphEditor,
  name: string,
  type: "float32" | "uint8" | "int8",
  data: readonly number[],
  whole: boolean,
) => graph.addInitializer(makeTensor({ type, shape: whole ? [] : [data.length], data: [...data] }, name));

/** A weight's codes as an initializer, and its scales. */
function storeWeight(graph: GraphEditor, layer: Layer): { codes: string; scales: string } {
  const { weight, grids, node } = layer;
  const at = gridAt(layer);
  const codes = Int8Array.from(weight.data, (x, i) => codeOf(x, at(i)));
  const name = node.input[1];
  return {
    codes: graph.addInitializer(makeTensor({ type: "int8", shape: weight.shape, data: codes }, `${name}_quantized`)),
    scales: numbers(
      graph,
      `${name}_scale`,
      "float32",
      grids.map(({ scale }) => scale),
      grids.length === 1,
    ),
  };
}

function writeStatic(
  graph: GraphEditor,
  node: NodeProto,
  layer: Layer,
  grid: Grid,
  quantized: Map<string, string>,
): void {
  const source = node.input[0];
  let restored = quantized.get(source);
  if (!restored) {
    restored = graph.fresh(`${source}_dequantized`);
    quantized.set(source, restored);
    const codes = graph.fresh(`${source}_quantized`);
    const scale = numbers(graph, `${source}_scale`, "float32", [grid.scale], true);
    const zero = numbers(graph, `${source}_zero_point`, "uint8", [grid.zero], true);
    graph.add(
      makeNode("QuantizeLinear", [source, scale, zero], [codes]),
      makeNode("DequantizeLinear", [codes, scale, zero], [restored]),
    );
  }
  const { codes, scales } = storeWeight(graph, layer);
  const weight = graph.fresh(`${node.input[1]}_dequantized`);
  const axis = layer.grids.length > 1 ? layer.axis : undefined;
  const zero = numbers(
    graph,
    `${node.input[1]}_zero_point`,
    "int8",
    layer.grids.map(() => 0),
    layer.grids.length === 1,
  );
  graph.add(makeNode("DequantizeLinear", [codes, scales, zero], [weight], { axis }));
  graph.replace([node], [{ ...node, input: [restored, weight, ...node.input.slice(2)] }]);
}

function writeDynamic(graph: GraphEditor, node: NodeProto, layer: Layer): void {
  const output = node.output[0];
  const [codesOfX, scaleOfX, zeroOfX, sums, floats, rescaled] = [
    "x",
    "x_scale",
    "x_zero_point",
    "sums",
    "floats",
    "scaled",
  ].map((part) => graph.fresh(`${output}_${part}`));
  const { codes, scales } = storeWeight(graph, layer);
  const convolution = node.opType === "Conv";
  const shape = [1, layer.grids.length, ...layer.weight.shape.slice(2).map(() => 1)];
  const channels = layer.grids.map(({ scale }) => scale);
  const along = convolution
    ? graph.addInitializer(makeTensor({ type: "float32", shape, data: channels }, `${node.input[1]}_scales`))
    : scales;
  const bias = node.input[2] ? storedFloats(graph, node.input[2]) : undefined;
  const product = makeNode(convolution ? "ConvInteger" : "MatMulInteger", [codesOfX, codes, zeroOfX], [sums]);
  if (convolution) product.attribute = node.attribute;
  const last = node.input[2] ? graph.fresh(`${output}_unbiased`) : output;
  const nodes = [
    makeNode("DynamicQuantizeLinear", [node.input[0]], [codesOfX, scaleOfX, zeroOfX]),
    product,
    makeNode("Cast", [sums], [floats], { to: 1 }),
    makeNode("Mul", [floats, scaleOfX], [rescaled]),
    makeNode("Mul", [rescaled, along], [last]),
  ];
  if (node.input[2]) {
    const row = bias
      ? graph.addInitializer(
          makeTensor({ ...bias, shape: [1, bias.data.length, ...shape.slice(2)] }, `${node.input[2]}_row`),
        )
      : node.input[2];
    nodes.push(makeNode("Add", [last, row], [output]));
  }
  graph.replace([node], nodes);
}

/** A quantization as a table for people, the worst tensors first. */
export function formatQuantization({ table, kept, loss }: Quantization): string {
  const rows = table
    .toSorted((a, b) => a.snr - b.snr)
    .map(({ name, kind, low, high, snr, saturated }) => [
      name,
      kind,
      low.toPrecision(4),
      high.toPrecision(4),
      Number.isFinite(snr) ? snr.toFixed(1) : "exact",
      (100 * saturated).toFixed(2),
    ]);
  const lines = [
    alignTable(["tensor", "kind", "low", "high", "snr/dB", "saturated/%"], rows),
    "",
    `loss in float      ${loss.before.toPrecision(4)}`,
    `loss quantized     ${loss.after.toPrecision(4)}`,
    `kept in float      ${kept.length === 0 ? "none" : kept.join(", ")}`,
  ];
  return lines.join("\n");
}
