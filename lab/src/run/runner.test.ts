import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { metricsOf } from "../store/measurements.ts";
import { runsOf } from "../store/runs.ts";
import { Store } from "../store/store.ts";
import { trialsOf } from "../store/trials.ts";
import { findPaper } from "./catalogue.ts";
import type { RunEvent } from "./events.ts";
import { planRun, type RunChoices } from "./plan.ts";
import { provenance } from "./provenance.ts";
import { type RunOptions, runPaper } from "./runner.ts";

const fixtures = join(import.meta.dirname, "fixtures");
let home: string;
let store: Store;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sluice-"));
  store = Store.open(home);
});

afterEach(() => {
  store.close();
  rmSync(home, { recursive: true });
});

async function run(id: string, choices: RunChoices = {}, options: RunOptions = {}) {
  const entry = await findPaper(id, fixtures);
  const plan = planRun(entry.paper, entry.module, choices, { command: `sluice run ${id}`, provenance: provenance() });
  return runPaper(store, entry, plan, options);
}

describe("a run", () => {
  test("judges its claims over the seeds and stores what it measured", async () => {
    const result = await run("toy", {}, { jobs: 2 });
    expect(result).toMatchObject({ run: "toy-1", status: "complete", verdict: "reproduced", seeds: [1, 2, 3] });
    expect(result.trials).toHaveLength(6);
    const [arrives, faster] = result.claims;
    expect(arrives.checks[0]).toMatchObject({ label: "momentum: loss at the end", n: 3, relation: "≤", holds: true });
    expect(faster.checks[0].points.map((point) => point.seed)).toEqual([1, 2, 3]);
    expect(metricsOf(store, result.trials[0].id)).toHaveLength(400);
  });

  test("skips what is done, and starts afresh when told to, keeping the older results", async () => {
    const first = await run("toy", { budget: "smoke" });
    const events: RunEvent[] = [];
    const again = await run("toy", { budget: "smoke" }, { onEvent: (event) => events.push(event) });
    expect(events.map((event) => event.type)).toEqual(["run-started", "run-ended"]);
    expect(again).toEqual({ ...first, ended: again.ended });
    const fresh = await run("toy", { budget: "smoke" }, { force: true });
    expect(fresh.run).toBe("toy-2");
    expect(fresh.claims).toEqual(first.claims);
    expect(runsOf(store).map((each) => each.id)).toEqual(["toy-2", "toy-1"]);
    expect(trialsOf(store, "toy-1").map((trial) => trial.id)).toEqual(first.trials.map((trial) => trial.id));
    expect(fresh.trials[0].id).toBe(`${first.trials[0].id}~2`);
    expect((await run("toy", { budget: "smoke" })).run).toBe("toy-2");
  });

  test("with more seeds takes over those that are done", async () => {
    const two = await run("toy", { budget: "smoke", seeds: 2 });
    const started: RunEvent[] = [];
    const three = await run(
      "toy",
      { budget: "smoke", seeds: 3 },
      { onEvent: (event) => event.type === "trial-started" && started.push(event) },
    );
    expect(started).toHaveLength(2);
    expect(three.trials.map((trial) => trial.id)).toEqual(expect.arrayContaining(two.trials.map((trial) => trial.id)));
  });

  test("judges at a smoke budget the claims that say so", async () => {
    const { claims, verdict } = await run("toy", { budget: "smoke" });
    expect(claims.map((claim) => claim.verdict)).toEqual(["not judged", "reproduced"]);
    expect(claims[0].checks[0].mean).toBeGreaterThan(0);
    expect(verdict).toBe("reproduced");
  });

  test("is changed by a setting, and says so", async () => {
    const result = await run("toy", { budget: "smoke", settings: { momentum: 0 } });
    expect(result.settings).toEqual({ momentum: 0 });
    expect(result.verdict).toBe("not reproduced");
    expect(result.claims[1].checks[0]).toMatchObject({ mean: 0, holds: false });
  });
});

test("trials that throw, diverge, run out of memory, are killed or end silently are told apart, and end alone", async () => {
  process.env.NODE_OPTIONS = "--max-old-space-size=64";
  const result = await run("faulty").finally(() => delete process.env.NODE_OPTIONS);
  expect(result.trials.map(({ variant, status, error }) => [variant, status, error?.kind])).toEqual([
    ["sound", "done", undefined],
    ["throws", "failed", "threw"],
    ["diverges", "failed", "non-finite"],
    ["hungry", "failed", "out-of-memory"],
    ["killed", "failed", "killed"],
    ["silent", "failed", "killed"],
  ]);
  const [, threw, diverged, , killed, silent] = result.trials.map((trial) => trial.error!);
  expect(threw).toMatchObject({ message: "the arm fell off", detail: expect.stringContaining("faulty.ts") });
  expect(diverged.message).toContain("loss/nats");
  expect(killed.message).toContain("SIGKILL");
  expect(silent.message).toContain("exit code 7");
  expect(result).toMatchObject({ status: "partial", verdict: "undecided" });
  expect(result.claims.map((claim) => claim.verdict)).toEqual(["undecided", "undecided"]);
  expect(metricsOf(store, result.trials[2].id).map((point) => point.value)).toEqual([1]);
});

test("a run that is asked to stop saves its state and goes on later to the same result", async () => {
  const whole = await run("toy", { seeds: 1, settings: { pause: 1 } });
  const stopping = new AbortController();
  const options: RunOptions = {
    signal: stopping.signal,
    force: true,
    onEvent: (event) => {
      if (event.type === "trial-message" && event.message.type === "progress") stopping.abort();
    },
  };
  const stopped = await run("toy", { seeds: 1, settings: { pause: 1 } }, options);
  expect(stopped.trials.map((trial) => trial.error?.kind ?? trial.status)).toEqual(["stopped", "planned"]);
  const logged = metricsOf(store, stopped.trials[0].id).length;
  expect(logged).toBeGreaterThan(0);
  expect(logged).toBeLessThan(400);
  const resumed = await run("toy", { seeds: 1, settings: { pause: 1 } });
  expect(resumed.run).toBe(stopped.run);
  expect(resumed.claims).toEqual(whole.claims);
});
