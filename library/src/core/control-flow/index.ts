export { type ScanOptions, scan } from "./scan.ts";
