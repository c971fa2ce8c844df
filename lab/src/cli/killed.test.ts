import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { RunResult } from "../run/result.ts";
import { metricsOf } from "../store/measurements.ts";
import { Store } from "../store/store.ts";

const main = join(import.meta.dirname, "main.ts");
const papers = join(import.meta.dirname, "..", "run", "fixtures");
const homes: string[] = [];

function newHome(): string {
  homes.push(mkdtempSync(join(tmpdir(), "sluice-")));
  return homes.at(-1)!;
}

afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true });
});

/** Starts the command as a process of its own, in a group of its own. */
function start(home: string, ...words: string[]) {
  return spawn(process.execPath, [main, "run", ...words, "--no-report", "--json", "--papers", papers], {
    env: { ...process.env, SLUICE_HOME: home, NODE_OPTIONS: "--max-old-space-size=96" },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
}

async function finish(child: ReturnType<typeof start>): Promise<RunResult> {
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  await once(child, "close");
  return JSON.parse(text);
}

/** Everything that was logged, by trial, metric and step. */
function logged(home: string): Map<string, number> {
  const store = Store.open(home);
  const points = store.all("SELECT id FROM trials").flatMap(({ id }) => metricsOf(store, id as string));
  store.close();
  return new Map(points.map(({ trial, name, step, value }) => [`${trial} ${name} ${step}`, value]));
}

/** What must not depend on how often a run was killed. */
const outcome = ({ claims, trials, verdict, status }: RunResult) => ({
  ...{ claims, verdict, status },
  trials: trials.map(({ id, measures }) => ({ id, measures })),
});

const toy = ["toy", "--seeds", "1", "--set", "pause=3"];

test("killed with −9 at ten random moments and started again, a run gives what it gives undisturbed", {
  timeout: 120_000,
}, async () => {
  const [quiet, home] = [newHome(), newHome()];
  const undisturbed = await finish(start(quiet, ...toy));
  const moments = Array.from({ length: 10 }, () => Math.round(250 + Math.random() * 900));
  let before = new Map<string, number>();
  for (const [round, moment] of moments.entries()) {
    const child = start(home, ...toy);
    const closed = once(child, "close");
    await sleep(moment);
    // Runner and trial together, or the runner alone, whose trial must then go by itself.
    process.kill(round % 2 === 0 ? -child.pid! : child.pid!, "SIGKILL");
    await closed;
    const now = logged(home);
    for (const [place, value] of before) expect(now.get(place), `${place}, killed after ${moments}`).toBe(value);
    before = now;
  }
  const resumed = await finish(start(home, ...toy));
  expect(outcome(resumed), `killed after ${moments}`).toEqual(outcome(undisturbed));
  expect(logged(home)).toEqual(logged(quiet));
});

test("two runs of different papers, and two of the same, work on one store at once", { timeout: 60_000 }, async () => {
  const home = newHome();
  const started = [start(home, "toy"), start(home, "toy"), start(home, "faulty", "--budget", "smoke")];
  const [first, second, faulty] = await Promise.all(started.map(finish));
  expect(first.status).toBe("complete");
  expect(outcome(second)).toEqual(outcome(first));
  expect(second.run).toBe(first.run);
  expect(faulty.trials.map((trial) => trial.status)).toEqual([
    "done",
    "failed",
    "failed",
    "failed",
    "failed",
    "failed",
  ]);
});
