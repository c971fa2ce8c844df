import type { NodeProto, TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import type { GraphEditor } from "../graph/editor.ts";
import { constantTensor } from "../import/parameters.ts";
import { makeTensor, type TensorData } from "../model/tensor-data.ts";

/**
 * Gives a stored value other elements, under its own name where only one node reads it, else under a new one.
 *
 * @returns the name under which the elements are found
 */
export function restore(graph: GraphEditor, name: string, data: TensorData): string {
  const made = makeTensor(data, name);
  if (graph.consumers(name).length > 1) return graph.addInitializer(made);
  const stored = graph.graph.initializer.findIndex((one) => one.name === name);
  if (stored >= 0) {
    graph.graph.initializer[stored] = keepNotes(made, graph.graph.initializer[stored]);
    return name;
  }
  const node = graph.producer(name);
  if (!node || !constantTensor(node)) return graph.addInitializer(made);
  node.attribute = node.attribute?.map((one) => (one.name === "value" ? { ...one, t: keepNotes(made, one.t!) } : one));
  return name;
}

/** Names and notes of the old tensor with the data of the new. */
const keepNotes = (made: TensorProto, { name, docString, metadataProps }: TensorProto): TensorProto => ({
  ...made,
  ...(name !== undefined && { name }),
  ...(docString !== undefined && { docString }),
  ...(metadataProps && { metadataProps }),
});

/** The numbers of a value that the file stores, as floats; undefined for any other value. */
export function storedFloats(
  graph: GraphEditor,
  name: string | undefined,
): (TensorData & { data: Float32Array }) | undefined {
  const found = name ? graph.constant(name) : undefined;
  if (!found || Array.isArray(found.data) || !/float/.test(found.type)) return undefined;
  return { ...found, data: found.data as Float32Array };
}

/** The only node that reads a value that is no output; undefined where several do, or none. */
export function onlyReader(graph: GraphEditor, name: string): NodeProto | undefined {
  const readers = graph.consumers(name);
  return readers.length === 1 && !graph.isOutput(name) ? readers[0] : undefined;
}
