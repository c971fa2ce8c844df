import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{library,lab,bench,web}/src/**/*.test.ts", "docs/**/*.test.ts", "examples/**/*.test.ts"],
    // ONNX Runtime crashes in worker threads, so tests run in child processes.
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
