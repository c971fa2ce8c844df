import type { MessageName, Messages } from "./messages.ts";

export type ScalarType = "int32" | "int64" | "uint64" | "float" | "double" | "string" | "bytes";

/**
 * How often a field occurs: `one` (absent when not set), `default` (decoded as 0 or "" when absent), `many` (absent when
 * empty), `list` (decoded as an empty array when absent), `packed` (many numbers in one run of bytes when written).
 */
export type Occurrence = "one" | "default" | "many" | "list" | "packed";

/** One field of a message: number in the file, name in the object, type, occurrence. */
export interface Field {
  number: number;
  name: string;
  type: ScalarType | MessageName;
  occurs: Occurrence;
}

type Row<M extends MessageName> = readonly [
  number: number,
  name: keyof Messages[M] & string,
  type: ScalarType | MessageName,
  occurs?: Occurrence,
];

const rows: { readonly [M in MessageName]: readonly Row<M>[] } = {
  ModelProto: [
    [1, "irVersion", "int64"],
    [2, "producerName", "string"],
    [3, "producerVersion", "string"],
    [4, "domain", "string"],
    [5, "modelVersion", "int64"],
    [6, "docString", "string"],
    [7, "graph", "GraphProto"],
    [8, "opsetImport", "OperatorSetIdProto", "list"],
    [14, "metadataProps", "StringStringEntryProto", "many"],
    [20, "trainingInfo", "TrainingInfoProto", "many"],
    [25, "functions", "FunctionProto", "many"],
    [26, "configuration", "DeviceConfigurationProto", "many"],
  ],
  GraphProto: [
    [1, "node", "NodeProto", "list"],
    [2, "name", "string"],
    [5, "initializer", "TensorProto", "list"],
    [10, "docString", "string"],
    [11, "input", "ValueInfoProto", "list"],
    [12, "output", "ValueInfoProto", "list"],
    [13, "valueInfo", "ValueInfoProto", "many"],
    [14, "quantizationAnnotation", "TensorAnnotation", "many"],
    [15, "sparseInitializer", "SparseTensorProto", "many"],
    [16, "metadataProps", "StringStringEntryProto", "many"],
  ],
  NodeProto: [
    [1, "input", "string", "list"],
    [2, "output", "string", "list"],
    [3, "name", "string"],
    [4, "opType", "string", "default"],
    [5, "attribute", "AttributeProto", "many"],
    [6, "docString", "string"],
    [7, "domain", "string"],
    [8, "overload", "string"],
    [9, "metadataProps", "StringStringEntryProto", "many"],
    [10, "deviceConfigurations", "NodeDeviceConfigurationProto", "many"],
  ],
  AttributeProto: [
    [1, "name", "string", "default"],
    [2, "f", "float"],
    [3, "i", "int64"],
    [4, "s", "bytes"],
    [5, "t", "TensorProto"],
    [6, "g", "GraphProto"],
    [7, "floats", "float", "many"],
    [8, "ints", "int64", "many"],
    [9, "strings", "bytes", "many"],
    [10, "tensors", "TensorProto", "many"],
    [11, "graphs", "GraphProto", "many"],
    [13, "docString", "string"],
    [14, "tp", "TypeProto"],
    [15, "typeProtos", "TypeProto", "many"],
    [20, "type", "int32"],
    [21, "refAttrName", "string"],
    [22, "sparseTensor", "SparseTensorProto"],
    [23, "sparseTensors", "SparseTensorProto", "many"],
  ],
  TensorProto: [
    [1, "dims", "int64", "list"],
    [2, "dataType", "int32", "default"],
    [3, "segment", "TensorSegment"],
    [4, "floatData", "float", "packed"],
    [5, "int32Data", "int32", "packed"],
    [6, "stringData", "bytes", "many"],
    [7, "int64Data", "int64", "packed"],
    [8, "name", "string"],
    [9, "rawData", "bytes"],
    [10, "doubleData", "double", "packed"],
    [11, "uint64Data", "uint64", "packed"],
    [12, "docString", "string"],
    [13, "externalData", "StringStringEntryProto", "many"],
    [14, "dataLocation", "int32"],
    [16, "metadataProps", "StringStringEntryProto", "many"],
  ],
  TensorSegment: [
    [1, "begin", "int64"],
    [2, "end", "int64"],
  ],
  SparseTensorProto: [
    [1, "values", "TensorProto"],
    [2, "indices", "TensorProto"],
    [3, "dims", "int64", "list"],
  ],
  ValueInfoProto: [
    [1, "name", "string", "default"],
    [2, "type", "TypeProto"],
    [3, "docString", "string"],
    [4, "metadataProps", "StringStringEntryProto", "many"],
  ],
  TypeProto: [
    [1, "tensorType", "TensorTypeProto"],
    [4, "sequenceType", "ElementTypeProto"],
    [5, "mapType", "MapTypeProto"],
    [6, "denotation", "string"],
    [7, "opaqueType", "OpaqueTypeProto"],
    [8, "sparseTensorType", "TensorTypeProto"],
    [9, "optionalType", "ElementTypeProto"],
  ],
  TensorTypeProto: [
    [1, "elemType", "int32"],
    [2, "shape", "TensorShapeProto"],
  ],
  ElementTypeProto: [[1, "elemType", "TypeProto"]],
  MapTypeProto: [
    [1, "keyType", "int32"],
    [2, "valueType", "TypeProto"],
  ],
  OpaqueTypeProto: [
    [1, "domain", "string"],
    [2, "name", "string"],
  ],
  TensorShapeProto: [[1, "dim", "DimensionProto", "list"]],
  DimensionProto: [
    [1, "dimValue", "int64"],
    [2, "dimParam", "string"],
    [3, "denotation", "string"],
  ],
  TensorAnnotation: [
    [1, "tensorName", "string"],
    [2, "quantParameterTensorNames", "StringStringEntryProto", "many"],
  ],
  OperatorSetIdProto: [
    [1, "domain", "string"],
    [2, "version", "int64", "default"],
  ],
  StringStringEntryProto: [
    [1, "key", "string", "default"],
    [2, "value", "string", "default"],
  ],
  FunctionProto: [
    [1, "name", "string", "default"],
    [4, "input", "string", "list"],
    [5, "output", "string", "list"],
    [6, "attribute", "string", "many"],
    [7, "node", "NodeProto", "list"],
    [8, "docString", "string"],
    [9, "opsetImport", "OperatorSetIdProto", "list"],
    [10, "domain", "string"],
    [11, "attributeProto", "AttributeProto", "many"],
    [12, "valueInfo", "ValueInfoProto", "many"],
    [13, "overload", "string"],
    [14, "metadataProps", "StringStringEntryProto", "many"],
  ],
  TrainingInfoProto: [
    [1, "initialization", "GraphProto"],
    [2, "algorithm", "GraphProto"],
    [3, "initializationBinding", "StringStringEntryProto", "many"],
    [4, "updateBinding", "StringStringEntryProto", "many"],
  ],
  DeviceConfigurationProto: [
    [1, "name", "string"],
    [2, "numDevices", "int32"],
    [3, "device", "string", "many"],
  ],
  NodeDeviceConfigurationProto: [
    [1, "configurationId", "string"],
    [2, "shardingSpec", "ShardingSpecProto", "many"],
    [3, "pipelineStage", "int32"],
  ],
  ShardingSpecProto: [
    [1, "tensorName", "string"],
    [2, "device", "int64", "many"],
    [3, "indexToDeviceGroupMap", "IntIntListEntryProto", "many"],
    [4, "shardedDim", "ShardedDimProto", "many"],
  ],
  ShardedDimProto: [
    [1, "axis", "int64"],
    [2, "simpleSharding", "SimpleShardedDimProto", "many"],
  ],
  SimpleShardedDimProto: [
    [1, "dimValue", "int64"],
    [2, "dimParam", "string"],
    [3, "numShards", "int64"],
  ],
  IntIntListEntryProto: [
    [1, "key", "int64"],
    [2, "value", "int64", "many"],
  ],
  SequenceProto: [
    [1, "name", "string"],
    [2, "elemType", "int32"],
    [3, "tensorValues", "TensorProto", "many"],
    [4, "sparseTensorValues", "SparseTensorProto", "many"],
    [5, "sequenceValues", "SequenceProto", "many"],
    [6, "mapValues", "MapProto", "many"],
    [7, "optionalValues", "OptionalProto", "many"],
  ],
  MapProto: [
    [1, "name", "string"],
    [2, "keyType", "int32"],
    [3, "keys", "int64", "many"],
    [4, "stringKeys", "bytes", "many"],
    [5, "values", "SequenceProto"],
  ],
  OptionalProto: [
    [1, "name", "string"],
    [2, "elemType", "int32"],
    [3, "tensorValue", "TensorProto"],
    [4, "sparseTensorValue", "SparseTensorProto"],
    [5, "sequenceValue", "SequenceProto"],
    [6, "mapValue", "MapProto"],
    [7, "optionalValue", "OptionalProto"],
  ],
};

/** Every message's fields in ascending order of their numbers: the order in which they are written. */
export const schema = Object.fromEntries(
  Object.entries(rows).map(([message, fields]) => [
    message,
    fields.map(([number, name, type, occurs = "one"]): Field => ({ number, name, type, occurs })),
  ]),
) as unknown as Readonly<Record<MessageName, readonly Field[]>>;
