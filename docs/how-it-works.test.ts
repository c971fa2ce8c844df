import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

test("the blocks of how-it-works.md run in their order, and the small twin learns", () => {
  const page = readFileSync(join(import.meta.dirname, "how-it-works.md"), "utf8");
  const code = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]).join("\n");
  const output = execFileSync(process.execPath, ["--input-type=module-typescript"], {
    input: code,
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  expect(output).toMatch(/^loss 0\.0\d+/);
  expect(code.split("\n").length).toBeLessThan(330);
});
