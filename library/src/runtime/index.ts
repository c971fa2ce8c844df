export type { Cost } from "./cost.ts";
export { findNonFinite, type NonFinite } from "./find-non-finite.ts";
export { defaultBinding, type Provider, type SessionOptions } from "./onnx/session.ts";
export type { Profile, ProfileRow } from "./profile.ts";
export { type CompileOptions, compile, type Executor, evaluate, type Program } from "./program.ts";
