import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { browserEntrants } from "./browser.ts";
import { makeFixture } from "./fixture.ts";
import { writeFixture } from "./fixture-file.ts";
import { describeMachine } from "./machine.ts";
import { gemmEntrant, ourEntrant, ourOtherBits } from "./ours.ts";
import { installPeers, nodePeers } from "./peers.ts";
import { makeReport } from "./report.ts";
import { runInterleaved } from "./runner.ts";
import { table } from "./table.ts";
import { benchmarks } from "./workloads.ts";

const usage = `npm run bench -- <name> [--json] [--runs n] [--only a,b]
  name    ${Object.keys(benchmarks).join(", ")}
  --json  print one object instead of a table
  --runs  measurements of each contestant (default 12, at least 10)
  --only  contestants to run, of: ours, ours-float32, ours-4bit, gemm, jax-js, jax-js-tuned, tfjs, tfjs-tuned, torch, torch-float32`;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, runs: { type: "string" }, only: { type: "string" } },
  });
  const [name] = positionals;
  const runs = Number(values.runs ?? 12);
  if (positionals.length !== 1 || !(name in benchmarks) || !Number.isInteger(runs) || runs < 10) {
    console.error(usage);
    process.exit(2);
  }
  return { name, runs, json: values.json ?? false, only: values.only?.split(",") };
}

const { name, runs, json, only } = options();
const benchmark = benchmarks[name];
const progress = (line: string) => console.error(line);
installPeers(progress);
const machine = await describeMachine();
if (machine.idle < 0.9)
  progress(
    `only ${Math.round(100 * machine.idle)} % of the processors is idle: the run will be longer, and its figures worse`,
  );
const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
try {
  writeFixture(folder, makeFixture(benchmark.workload));
  const all =
    benchmark.host === "browser"
      ? browserEntrants()
      : [
          ourEntrant(),
          ...(name === "gpt-wide" ? [gemmEntrant()] : []),
          ...(benchmark.workload.kind === "int8" ? ourOtherBits() : []),
          ...nodePeers(benchmark.workload),
        ];
  const entrants = all.filter((entrant) => !only || only.includes(entrant.name));
  const results = await runInterleaved(benchmark, entrants, { folder, runs, progress });
  const report = makeReport(name, benchmark, machine, results);
  console.log(json ? JSON.stringify(report) : table(report));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
