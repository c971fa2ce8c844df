export {
  decodeModel,
  encodeModel,
  type ModelFileCode,
  ModelFileError,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "../runtime/onnx/protobuf/index.ts";
export { type ExportOptions, exportOnnx, saveOnnx } from "./export/exportOnnx.ts";
export { withParams } from "./export/withParams.ts";
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
export type { AttentionMethod, NormalizerMethod } from "./import/methods.ts";
export { type ReadOptions, readModel } from "./model/read.ts";
export { denseTensor, makeTensor, type TensorData, tensorData } from "./model/tensorData.ts";
export { type WriteOptions, writeModel } from "./model/write.ts";
export { type AttentionBlock, findAttention } from "./rewrite/findAttention.ts";
export { type SwapOptions, swapAttention, swapSoftmax } from "./rewrite/swap.ts";
