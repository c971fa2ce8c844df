import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sluice } from "./program.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

const papers = join(import.meta.dirname, "..", "run", "fixtures");
let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "sluice-"));
  process.env.SLUICE_HOME = home;
  // One of the trials fills all memory that it is given.
  process.env.NODE_OPTIONS = "--max-old-space-size=96";
});

afterAll(() => {
  delete process.env.NODE_OPTIONS;
  delete process.env.SLUICE_HOME;
  rmSync(home, { recursive: true });
});

/** Types a line, and gives what was printed and how it ended. */
async function type(line: string) {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal: Terminal = {
    ...processTerminal(),
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    live: false,
    columns: 120,
  };
  const exit = await sluice(
    line.split(" ").map((word) => word.replace("FIXTURES", papers)),
    terminal,
  );
  return { exit, out: out.join("\n"), err: err.join("\n") };
}

describe("sluice run", () => {
  test("shows claims, measured figures and verdicts, writes the report, and ends with 0 when all held", async () => {
    const { exit, out, err } = await type("run toy --seeds 2 --papers FIXTURES");
    expect(exit).toBe(0);
    for (const part of [
      "Momentum on a Noisy Parabola",
      "ends below 0.1",
      "≤ 0.1",
      "✓ reproduced",
      "(n = 2)",
      "2 of at least 3 seeds",
    ]) {
      expect(out).toContain(part);
    }
    expect(err).toContain("toy-1: 4 trials");
    expect(err).toContain("plain, seed 2: done");
    const page = out.match(/Report: (.*)/)![1];
    expect(readFileSync(page, "utf8")).toContain("npx sluice run toy --seeds 2");
  });

  test("--json prints one line a paper on the output, and progress elsewhere", async () => {
    const { exit, out } = await type("run toy --budget smoke --json --papers FIXTURES");
    const result = JSON.parse(out);
    expect(exit).toBe(0);
    expect(result).toMatchObject({
      version: 1,
      paper: "toy",
      row: 1,
      budget: "smoke",
      verdict: "reproduced",
      status: "complete",
    });
    expect(result.claims.map((claim: { id: string }) => claim.id)).toEqual(["arrives", "faster"]);
    expect(result.trials[1].measures.faster.steps).toBeLessThan(result.trials[0].measures.faster.steps);
    expect(existsSync(result.report)).toBe(true);
  });

  test("ends with 1 when a claim does not hold, and says with which settings", async () => {
    const { exit, out } = await type("run toy --budget smoke --set momentum=0 --json --no-report --papers FIXTURES");
    expect(exit).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      verdict: "not reproduced",
      command: "npx sluice run toy --budget smoke --set momentum=0",
      report: null,
    });
  });

  test("ends with 3 when a trial fails, and names it with its error", async () => {
    const { exit, out } = await type("run faulty --set steps=4 --no-report --papers FIXTURES");
    expect(exit).toBe(3);
    expect(out).toContain("throws, seed 1 failed, threw: the arm fell off");
    expect(out).toContain("diverges, seed 1 failed, non-finite: NonFiniteError [loss/nats]");
    expect(readFileSync(out.match(/its output: (.*)/)![1], "utf8")).toContain("the arm fell off");
  });

  test("--resume goes on with the last unfinished run, --force starts afresh", async () => {
    const again = await type("run faulty --resume --json --no-report --papers FIXTURES");
    expect(JSON.parse(again.out)).toMatchObject({ run: "faulty-1", settings: { steps: 4 } });
    expect((await type("run toy --resume --papers FIXTURES")).exit).toBe(2);
    const before = JSON.parse((await type("run toy --budget smoke --json --papers FIXTURES")).out).run;
    const forced = JSON.parse((await type("run toy --budget smoke --force --json --papers FIXTURES")).out).run;
    expect(Number(forced.split("-")[1])).toBeGreaterThan(Number(before.split("-")[1]));
  });

  test("takes a paper by the path of its file", async () => {
    const { out } = await type(`run ${join(papers, "toy.ts")} --budget smoke --json --papers FIXTURES`);
    expect(JSON.parse(out).paper).toBe("toy");
  });

  test.each([
    ["run", "which paper"],
    ["run nope --papers FIXTURES", "no paper has this id"],
    ["run fault --papers FIXTURES", "did you mean faulty"],
    ["run toy --budget huge --papers FIXTURES", "smoke, full"],
    ["run toy --seeds 0 --papers FIXTURES", "above 0"],
    ["run toy --set steps --papers FIXTURES", "key=value"],
    ["run toy --set stepz=1 --papers FIXTURES", "no setting stepz"],
    ["run toy --resume --force --papers FIXTURES", "cannot be used with"],
    ["dance", "unknown command"],
    ["list --family nope", "no family nope"],
    ["compare toy-1 toy-99", "no run toy-99"],
    ["data fetch nope", "there is no such testbed"],
  ])("%s is called wrongly: 2, with the way out", async (line, message) => {
    const { exit, err } = await type(line);
    expect(err).toContain(message);
    expect(exit).toBe(2);
  });

  test("a store that cannot be written is an error before work starts", async () => {
    const file = join(home, "file");
    writeFileSync(file, "");
    process.env.SLUICE_HOME = join(file, "below");
    const { exit, err } = await type("run toy --papers FIXTURES");
    process.env.SLUICE_HOME = home;
    expect(exit).toBe(3);
    expect(err).toContain("store/unwritable");
    expect(err).not.toContain("trials");
  });
});

test("sluice list shows every paper with its claims and how it stands", async () => {
  const { out } = await type("list --json --papers FIXTURES");
  const [toy, faulty] = JSON.parse(out);
  expect(toy).toMatchObject({
    id: "toy",
    row: 1,
    family: "training",
    last: { budget: "full", status: "complete", verdict: "reproduced" },
  });
  expect(toy.claims[0]).toEqual({
    id: "arrives",
    paper: "ends below 0.1",
    holds: expect.any(String),
    verdict: "reproduced",
  });
  expect(faulty.last).toMatchObject({ status: "partial", verdict: "undecided" });
  const shown = await type("list --papers FIXTURES");
  expect(shown.out).toMatch(/toy .* 2 of 2 reproduced/);
  expect((await type("list --family ood --json --papers FIXTURES")).out).toBe("[]");
});

test("sluice compare names what differs and pairs figures over the seeds", async () => {
  const fast = JSON.parse((await type("run toy --seeds 2 --set rate=0.04 --json --papers FIXTURES")).out).run;
  const { exit, out } = await type(`compare toy-1 ${fast} --json`);
  const { differences, figures, page } = JSON.parse(out);
  expect(exit).toBe(0);
  expect(differences).toContainEqual({ name: "plain: rate", first: "0.02", second: "0.04" });
  const steps = figures.find(
    (each: { variant: string; label: string }) => each.variant === "plain" && each.label === "faster: steps",
  );
  expect(steps.seeds).toBe(2);
  expect(steps.second - steps.first).toBeCloseTo(steps.change);
  expect(steps.change).toBeLessThan(0);
  expect(readFileSync(page, "utf8")).toContain("loss/nats of both runs");
  expect((await type(`compare toy-1 ${fast}`)).out).toContain("plain: rate");
  expect((await type("compare toy-1 toy-1")).out).toContain("Both runs were given the same");
});

test("sluice verify runs again from nothing, a stored run or a file, and compares", async () => {
  const { exit, out } = await type("verify toy-1 --papers FIXTURES");
  expect(exit).toBe(0);
  expect(out).toContain("Verified");
  expect(out).toContain("equal");
  const result = JSON.parse((await type("run toy --budget smoke --json --papers FIXTURES")).out);
  const file = join(home, "result.json");
  result.claims[1].verdict = "not reproduced";
  writeFileSync(file, JSON.stringify(result));
  const doctored = await type(`verify ${file} --papers FIXTURES`);
  expect(doctored.exit).toBe(1);
  expect(doctored.out).toContain("DIFFERS");
});

test("sluice report writes the pages, and the results of full runs with all their seeds alone", async () => {
  const [out, results] = [join(home, "site"), join(home, "RESULTS.md")];
  expect((await type(`report --out ${out} --results ${results} --papers FIXTURES`)).exit).toBe(0);
  expect(readFileSync(results, "utf8")).toContain("No full run is stored yet");
  await type("run toy --no-report --papers FIXTURES");
  await type(`report --out ${out} --results ${results} --papers FIXTURES`);
  const text = readFileSync(results, "utf8");
  expect(text).toContain("2 of 2 reproduced");
  expect(text).toContain("## toy");
  expect(text).not.toContain("faulty");
});

test("sluice doctor and sluice data list look at what is there", async () => {
  const findings = JSON.parse((await type("doctor --json")).out);
  expect(findings.map((each: { what: string }) => each.what)).toEqual(
    expect.arrayContaining(["Node", "store", "disk", "execution providers"]),
  );
  expect(findings.filter((each: { fine: boolean }) => !each.fine)).toEqual([]);
  const testbeds = JSON.parse((await type("data list --json")).out);
  expect(testbeds.find((each: { name: string }) => each.name === "recall")).toMatchObject({ state: "generated" });
  expect((await type("data fetch recall")).out).toBe("recall: ready");
});

test("every command has help with a worked example", async () => {
  const commands = ["", "list", "run", "compare", "report", "verify", "doctor", "data", "data list", "data fetch"];
  for (const command of commands) {
    const { exit, out } = await type(`${command} --help`.trim());
    expect(out, command).toMatch(/Example:\n {2}\$ npx sluice/);
    expect(exit).toBe(0);
  }
});
