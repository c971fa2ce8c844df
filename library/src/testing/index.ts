export * from "./check.ts";
export * from "./portable.ts";
export * from "./sample.ts";
