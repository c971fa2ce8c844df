import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeModel } from "../runtime/onnx/protobuf/index.ts";
import { findCases, knownFailures, loadCase, mismatch, runCase } from "./conformance.ts";
import { exportOnnx } from "./export/export-onnx.ts";
import { checkGradients } from "./gradient-conformance.ts";
import { importOnnx } from "./import/import-onnx.ts";

// The vectors lie beside the repository; where they are not, there is nothing to compare with.
const folder = join(import.meta.dirname, "../../../../shared/onnx-node-tests");
const cases = existsSync(folder) ? findCases(folder) : [];

/** Operators whose results are chosen among data, so many as the data has: their models run, but are not traced. */
const untraced = /^test_(nonmaxsuppression|unique)_/;

describe.skipIf(cases.length === 0)("the operator vectors of the ONNX project", () => {
  test.each(["onnx", "reference"] as const)("all pass on the executor %s but those that cannot", async (executor) => {
    const failed: string[] = [];
    for (const one of cases) if ((await runCase(one, executor)) !== undefined) failed.push(one.name);
    expect(failed).toEqual(cases.map(({ name }) => name).filter((name) => name in knownFailures));
    expect(failed.length).toBeLessThan(0.05 * cases.length);
  });

  test("importing, exporting and importing again gives the same model and the same results", async () => {
    for (const one of cases) {
      const { imported, inputs, expected } = await loadCase(one);
      const bytes = exportOnnx(imported);
      expect(Buffer.compare(bytes, encodeModel(imported.model))).toBe(0);
      if (one.name in knownFailures) continue;
      const again = await importOnnx(bytes);
      const results: Record<string, unknown> = await again.run(inputs as never, { executor: "reference" });
      for (const [name, value] of Object.entries(expected))
        expect(mismatch(results[name], value, name)).toBeUndefined();
    }
  });

  test("gradients to every float input are those of central differences", async () => {
    const faults: string[] = [];
    let compared = 0;
    for (const one of cases) {
      if (one.name in knownFailures || untraced.test(one.name)) continue;
      try {
        compared += (await checkGradients(one)).length;
      } catch (error) {
        faults.push(`${one.name}: ${(error as Error).message}`);
      }
    }
    expect(faults).toEqual([]);
    expect(compared).toBeGreaterThan(200);
  });
});
