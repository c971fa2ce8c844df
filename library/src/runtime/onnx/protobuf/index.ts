export { type DecodeLimits, decodeMessage, decodeModel, decodeTensor } from "./decode.ts";
export { encodeMessage, encodeModel, encodeTensor } from "./encode.ts";
export { type ModelFileCode, ModelFileError } from "./fault.ts";
export * from "./messages.ts";
export { type Field, type Occurrence, type ScalarType, schema } from "./schema.ts";
