export {
  decodeModel,
  encodeModel,
  type ModelFileCode,
  ModelFileError,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "../runtime/onnx/protobuf/index.ts";
export { type CommandOptions, type OnnxCommand, onnxCommands } from "./commands.ts";
export { readExamples } from "./examples.ts";
export { type ExportOptions, exportOnnx, saveOnnx } from "./export/exportOnnx.ts";
export { withParams } from "./export/withParams.ts";
export { type Example, type FineTuneOptions, fineTune, type TaskLoss } from "./fineTune.ts";
export { Attributes, type AttributeValue, makeAttribute, makeNode } from "./graph/attributes.ts";
export { type Difference, diffModels, formatDiff } from "./graph/diff.ts";
export { EditError, editModel, GraphEditor, type NodeQuery, queryModel } from "./graph/editor.ts";
export { formatInspection, type Inspection, inspectModel } from "./graph/inspect.ts";
export { type Match, PatternError } from "./graph/pattern.ts";
export { ImportError, type Problem } from "./import/faults.ts";
export {
  freeze,
  type ImportedModel,
  type ImportOptions,
  importModel,
  importOnnx,
  type ModelInputs,
  type NamePattern,
  type Params,
  unfreeze,
} from "./import/importOnnx.ts";
export { inferShapes } from "./import/inferShapes.ts";
export type { AttentionMethod, NormalizerMethod } from "./import/methods.ts";
export { type ReadOptions, readModel } from "./model/read.ts";
export { denseTensor, makeTensor, type TensorData, tensorData } from "./model/tensorData.ts";
export { type WriteOptions, writeModel } from "./model/write.ts";
export type { Calibration, Fit } from "./rewrite/calibration.ts";
export { type AttentionBlock, findAttention } from "./rewrite/findAttention.ts";
export { foldBatchNorms } from "./rewrite/foldBatchNorms.ts";
export {
  type Adapter,
  type Adapters,
  type LoraOptions,
  makeLora,
  mergeLora,
  mergeLoraNodes,
  withLora,
} from "./rewrite/lora.ts";
export {
  formatQuantization,
  type Quantization,
  type QuantizedTensor,
  type QuantizeOptions,
  quantize,
} from "./rewrite/quantize.ts";
export { raiseOpset } from "./rewrite/raiseOpset.ts";
export { type SwapOptions, swapAttention, swapSoftmax } from "./rewrite/swap.ts";
