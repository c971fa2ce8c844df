import type { Tensor } from "../../core/index.ts";
import type { NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes } from "../graph/attributes.ts";

/** What takes the place of softmax: scores and the axis along which they become weights; −Infinity means "masked". */
export type NormalizerMethod = (scores: Tensor, options: { axis: number }) => Tensor;

/** What takes the place of attention. */
export type AttentionMethod = (
  query: Tensor,
  key: Tensor,
  value: Tensor,
  settings: { scale: number; mask: Tensor | undefined },
) => Tensor;

/** Functions that a rewritten model calls, by the names under which its nodes have them. */
export type Methods = ReadonlyMap<string, NormalizerMethod | AttentionMethod>;

/** The attribute in which a node names its method. Such a node has no meaning outside of Sluice: it is traced, then written. */
export const methodAttribute = "sluice_method";

export const methodName = (node: NodeProto): string | undefined => new Attributes(node).string(methodAttribute);

/** Scores below this are those of masked places, whatever finite number the exporter wrote for −∞. */
export const maskedBelow = -5000;
