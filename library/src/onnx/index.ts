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
export { readExamples, writeExamples } from "./examples.ts";
export { type ExportOptions, exportOnnx, saveOnnx } from "./export/export-onnx.ts";
export { withParams } from "./export/with-params.ts";
export { type Example, type FineTuneOptions, fineTune, type TaskLoss } from "./fine-tune.ts";
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
} from "./import/import-onnx.ts";
export { inferShapes } from "./import/infer-shapes.ts";
export type { AttentionMethod, NormalizerMethod } from "./import/methods.ts";
export { type ReadOptions, readModel } from "./model/read.ts";
export { denseTensor, makeTensor, type TensorData, tensorData } from "./model/tensor-data.ts";
export { type WriteOptions, writeModel } from "./model/write.ts";
export type { Calibration, Fit } from "./rewrite/calibration.ts";
export { type AttentionBlock, findAttention } from "./rewrite/find-attention.ts";
export { foldBatchNorms } from "./rewrite/fold-batch-norms.ts";
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
export { raiseOpset } from "./rewrite/raise-opset.ts";
export { type SwapOptions, swapAttention, swapSoftmax } from "./rewrite/swap.ts";
