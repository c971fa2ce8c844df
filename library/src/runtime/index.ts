export type { Provider, SessionOptions } from "./onnx/session.ts";
export { type CompileOptions, compile, type Executor, evaluate, type Program } from "./program.ts";
