/**
 * The messages of the ONNX format as plain objects: field names in camel case, nothing but data.
 *
 * - A field that a file leaves out is `undefined`; the few fields without `?` are always filled by the decoder.
 * - 64-bit integers are `number` where that is exact (|n| ≤ 2⁵³ − 1) and `bigint` beyond; the encoder takes both.
 * - `bytes` fields are `Uint8Array`; after decoding they are views into the file's bytes, not copies.
 * - Packed tensor fields decode to typed arrays; the encoder takes any array of numbers or bigints.
 */

/** A 64-bit integer: a `number` where exact, a `bigint` beyond ±(2⁵³ − 1). */
export type Int64 = number | bigint;

/** Element types of tensors, as the number stored in `TensorProto.dataType` and `elemType`. */
export const dataType = {
  undefined: 0,
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;

/** The name of an ONNX element type, such as `"float32"`. */
export type DataTypeName = keyof typeof dataType;

/** Kinds of attribute, as the number stored in `AttributeProto.type`. */
export const attributeType = {
  undefined: 0,
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
  sparseTensors: 12,
  typeProto: 13,
  typeProtos: 14,
} as const;

/** Where a tensor's data lies, as the number stored in `TensorProto.dataLocation`. */
export const dataLocation = { default: 0, external: 1 } as const;

/** A key with its value, both text: metadata, external-data references, quantization parameters. */
export interface StringStringEntryProto {
  key: string;
  value: string;
}

/** A set of operators and its version; the empty domain is `ai.onnx`. */
export interface OperatorSetIdProto {
  domain?: string;
  version: Int64;
}

/** The whole file. */
export interface ModelProto {
  irVersion?: Int64;
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  modelVersion?: Int64;
  docString?: string;
  graph: GraphProto;
  opsetImport: OperatorSetIdProto[];
  metadataProps?: StringStringEntryProto[];
  trainingInfo?: TrainingInfoProto[];
  functions?: FunctionProto[];
  configuration?: DeviceConfigurationProto[];
}

/** Nodes in topological order with the values that they read and write. */
export interface GraphProto {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  docString?: string;
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  valueInfo?: ValueInfoProto[];
  quantizationAnnotation?: TensorAnnotation[];
  sparseInitializer?: SparseTensorProto[];
  metadataProps?: StringStringEntryProto[];
}

/** One application of an operator; an empty name in `input` or `output` stands for an omitted one. */
export interface NodeProto {
  input: string[];
  output: string[];
  name?: string;
  opType: string;
  attribute?: AttributeProto[];
  docString?: string;
  domain?: string;
  overload?: string;
  metadataProps?: StringStringEntryProto[];
  deviceConfigurations?: NodeDeviceConfigurationProto[];
}

/** A named setting of a node; `type` says which of the value fields holds it. */
export interface AttributeProto {
  name: string;
  type?: number;
  refAttrName?: string;
  docString?: string;
  f?: number;
  i?: Int64;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  sparseTensor?: SparseTensorProto;
  tp?: TypeProto;
  floats?: ArrayLike<number>;
  ints?: Int64[];
  strings?: Uint8Array[];
  tensors?: TensorProto[];
  graphs?: GraphProto[];
  sparseTensors?: SparseTensorProto[];
  typeProtos?: TypeProto[];
}

/** A tensor with its data: in `rawData` (little-endian), in the field of its type, or in another file. */
export interface TensorProto {
  dims: Int64[];
  dataType: number;
  segment?: TensorSegment;
  floatData?: ArrayLike<number>;
  int32Data?: ArrayLike<number>;
  stringData?: Uint8Array[];
  int64Data?: ArrayLike<Int64>;
  name?: string;
  rawData?: Uint8Array;
  doubleData?: ArrayLike<number>;
  uint64Data?: ArrayLike<Int64>;
  docString?: string;
  externalData?: StringStringEntryProto[];
  dataLocation?: number;
  metadataProps?: StringStringEntryProto[];
}

/** The part of a larger tensor that a `TensorProto` holds. */
export interface TensorSegment {
  begin?: Int64;
  end?: Int64;
}

/** A tensor given by its non-zero values and their indices, flat [n] or by coordinate [n, rank]. */
export interface SparseTensorProto {
  values?: TensorProto;
  indices?: TensorProto;
  dims: Int64[];
}

/** A named value with its type. */
export interface ValueInfoProto {
  name: string;
  type?: TypeProto;
  docString?: string;
  metadataProps?: StringStringEntryProto[];
}

/** A type: exactly one of the `…Type` fields is set. */
export interface TypeProto {
  tensorType?: TensorTypeProto;
  sequenceType?: ElementTypeProto;
  mapType?: MapTypeProto;
  opaqueType?: OpaqueTypeProto;
  sparseTensorType?: TensorTypeProto;
  optionalType?: ElementTypeProto;
  denotation?: string;
}

/** Element type and shape; without `shape` the rank is unknown. */
export interface TensorTypeProto {
  elemType?: number;
  shape?: TensorShapeProto;
}

/** The type of what a sequence or an optional holds. */
export interface ElementTypeProto {
  elemType?: TypeProto;
}

/** A map from keys of an integer or string type to values. */
export interface MapTypeProto {
  keyType?: number;
  valueType?: TypeProto;
}

/** A type that only its domain understands. */
export interface OpaqueTypeProto {
  domain?: string;
  name?: string;
}

/** The dimensions of a tensor. */
export interface TensorShapeProto {
  dim: DimensionProto[];
}

/** A known size, a named one, or (neither set) an unknown one. */
export interface DimensionProto {
  dimValue?: Int64;
  dimParam?: string;
  denotation?: string;
}

/** Quantization parameters of a tensor, by the names of the tensors that hold them. */
export interface TensorAnnotation {
  tensorName?: string;
  quantParameterTensorNames?: StringStringEntryProto[];
}

/** A function made of nodes that a model carries along; called like an operator of its domain. */
export interface FunctionProto {
  name: string;
  input: string[];
  output: string[];
  attribute?: string[];
  attributeProto?: AttributeProto[];
  node: NodeProto[];
  docString?: string;
  opsetImport: OperatorSetIdProto[];
  domain?: string;
  overload?: string;
  valueInfo?: ValueInfoProto[];
  metadataProps?: StringStringEntryProto[];
}

/** How a model is trained: what initialises and what updates its weights. */
export interface TrainingInfoProto {
  initialization?: GraphProto;
  algorithm?: GraphProto;
  initializationBinding?: StringStringEntryProto[];
  updateBinding?: StringStringEntryProto[];
}

/** A set of devices that a model may be spread over. */
export interface DeviceConfigurationProto {
  name?: string;
  numDevices?: number;
  device?: string[];
}

/** How one node is spread over the devices of a configuration. */
export interface NodeDeviceConfigurationProto {
  configurationId?: string;
  shardingSpec?: ShardingSpecProto[];
  pipelineStage?: number;
}

/** How one tensor is split over devices. */
export interface ShardingSpecProto {
  tensorName?: string;
  device?: Int64[];
  indexToDeviceGroupMap?: IntIntListEntryProto[];
  shardedDim?: ShardedDimProto[];
}

/** How one axis is split. */
export interface ShardedDimProto {
  axis?: Int64;
  simpleSharding?: SimpleShardedDimProto[];
}

/** A split of (part of) an axis into shards of equal size. */
export interface SimpleShardedDimProto {
  dimValue?: Int64;
  dimParam?: string;
  numShards?: Int64;
}

/** An integer with a list of integers. */
export interface IntIntListEntryProto {
  key?: Int64;
  value?: Int64[];
}

/** A stored sequence (test vectors store inputs of sequence type so); `elemType` 1 tensor, 2 sparse, 3 sequence, 4 map, 5 optional. */
export interface SequenceProto {
  name?: string;
  elemType?: number;
  tensorValues?: TensorProto[];
  sparseTensorValues?: SparseTensorProto[];
  sequenceValues?: SequenceProto[];
  mapValues?: MapProto[];
  optionalValues?: OptionalProto[];
}

/** A stored map. */
export interface MapProto {
  name?: string;
  keyType?: number;
  keys?: Int64[];
  stringKeys?: Uint8Array[];
  values?: SequenceProto;
}

/** A stored optional; `elemType` as in {@link SequenceProto}, 0 when it holds nothing. */
export interface OptionalProto {
  name?: string;
  elemType?: number;
  tensorValue?: TensorProto;
  sparseTensorValue?: SparseTensorProto;
  sequenceValue?: SequenceProto;
  mapValue?: MapProto;
  optionalValue?: OptionalProto;
}

/** Every message by its name. */
export interface Messages {
  AttributeProto: AttributeProto;
  DeviceConfigurationProto: DeviceConfigurationProto;
  DimensionProto: DimensionProto;
  ElementTypeProto: ElementTypeProto;
  FunctionProto: FunctionProto;
  GraphProto: GraphProto;
  IntIntListEntryProto: IntIntListEntryProto;
  MapProto: MapProto;
  MapTypeProto: MapTypeProto;
  ModelProto: ModelProto;
  NodeDeviceConfigurationProto: NodeDeviceConfigurationProto;
  NodeProto: NodeProto;
  OpaqueTypeProto: OpaqueTypeProto;
  OperatorSetIdProto: OperatorSetIdProto;
  OptionalProto: OptionalProto;
  SequenceProto: SequenceProto;
  ShardedDimProto: ShardedDimProto;
  ShardingSpecProto: ShardingSpecProto;
  SimpleShardedDimProto: SimpleShardedDimProto;
  SparseTensorProto: SparseTensorProto;
  StringStringEntryProto: StringStringEntryProto;
  TensorAnnotation: TensorAnnotation;
  TensorProto: TensorProto;
  TensorSegment: TensorSegment;
  TensorShapeProto: TensorShapeProto;
  TensorTypeProto: TensorTypeProto;
  TrainingInfoProto: TrainingInfoProto;
  TypeProto: TypeProto;
  ValueInfoProto: ValueInfoProto;
}

/** The name of a message. */
export type MessageName = keyof Messages;
