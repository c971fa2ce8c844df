/** Lines of code by folder, tests apart, against the budget of each; fails above it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Lower a budget when you delete; raise it only in a change that says what was bought. */
const budgets: Record<string, number> = {
  "library/src/core": 14000,
  "library/src/runtime": 3000,
  "library/src/nn": 3500,
  "library/src/onnx": 12000,
  "library/src/methods": 12000,
  // About 150 lines a paper, and the server that the page talks to.
  "lab/src": 24000,
  "web/src": 5000,
  "bench/src": 2500,
};

const root = join(import.meta.dirname, "../..");
let over = false;
for (const [folder, budget] of Object.entries(budgets)) {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.tsx?$/.test(file),
  );
  const count = (wanted: (file: string) => boolean): number =>
    files
      .filter(wanted)
      .reduce((total, file) => total + readFileSync(join(root, folder, file), "utf8").split("\n").length, 0);
  const isTest = (file: string): boolean => /\.(test|e2e)\.ts$/.test(file);
  const code = count((file) => !isTest(file));
  const tests = count(isTest);
  console.log(`${folder.padEnd(20)} ${String(code).padStart(6)} of ${budget} lines, ${tests} of tests`);
  over ||= code > budget;
}
if (over) {
  console.error("a folder is over its budget");
  process.exit(1);
}
