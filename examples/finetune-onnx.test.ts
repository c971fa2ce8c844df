import { expect, test } from "vitest";
import { main } from "./finetune-onnx.ts";

test("the model learns the new labels, and plain ONNX Runtime gives the new answers", async () => {
  const { before, after } = await main(() => {});
  expect(before).toBeLessThan(0.8);
  expect(after).toBeGreaterThan(0.95);
});
