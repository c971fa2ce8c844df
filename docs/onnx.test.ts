import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const page = readFileSync(join(import.meta.dirname, "onnx.md"), "utf8");
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map((match) => match[1]);

// A user's folder: packages are installed in it, and what the page writes goes there.
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-docs-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (args: string[], input?: string): string =>
  execFileSync(process.execPath, args, { input, cwd: folder, encoding: "utf8", stdio: ["pipe", "pipe", "inherit"] });

test("the code of onnx.md runs from top to bottom, and does what the page says", () => {
  const output = run(["--input-type=module-typescript"], blocks("ts").join("\n"));
  expect(output).toMatch(/^float32\[[^\n]*\]\n\d+ tensors to train, \d+ frozen\n\d+ convolutions\n/);
  expect(output).toContain("it learns");
  expect(output).toContain("2 attention blocks");
  expect(output).toContain("written in operators of the standard only: true");
  expect(output).toMatch(/^gradients to the adapters of fc_/m);
  const [, before, after] = output.match(/^nodes before and after folding: (\d+) (\d+)$/m)!.map(Number);
  expect(after).toBeLessThan(before);
});

/** What a machine may compute otherwise in the last digits is left out of the comparison, and columns with it. */
const words = (text: string): string[] =>
  text
    .replaceAll(/-?\d[\d.,e+-]*|-{2,}/g, "#")
    .split(/\s+/)
    .filter(Boolean);

test("the commands print what the page shows", () => {
  const shown = blocks("console");
  expect(shown.length).toBe(4);
  for (const block of shown) {
    const [typed, ...lines] = block.split("\n");
    const printed = run([join(root, "lab/src/cli/main.ts"), ...typed.replace("$ npx sluice ", "").split(" ")]);
    const dots = lines.indexOf("…");
    const [head, tail] = dots < 0 ? [lines, []] : [lines.slice(0, dots), lines.slice(dots + 1)];
    expect(head.join("").length).toBeGreaterThan(0);
    const all = words(printed);
    const [start, end] = [head, tail].map((part) => words(part.join("\n")));
    expect(all.slice(0, start.length), typed).toEqual(start);
    if (dots < 0) expect(all.length, typed).toBe(start.length);
    else expect(all.slice(all.length - end.length), typed).toEqual(end);
  }
});
