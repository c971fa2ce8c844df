import { defineConfig } from "vitest/config";

/** Tests in a browser: `npm run e2e`. */
export default defineConfig({
  test: {
    include: ["{library,lab,web}/src/**/*.e2e.ts"],
    pool: "forks",
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
