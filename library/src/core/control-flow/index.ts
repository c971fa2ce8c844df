export { cond } from "./cond.ts";
export { repeat } from "./repeat.ts";
export { type ScanOptions, scan } from "./scan.ts";
export { whileLoop } from "./while-loop.ts";
