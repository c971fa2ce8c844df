import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoreError } from "./errors.ts";
import { metricsOf, storeMetrics } from "./measurements.ts";
import { migrations } from "./migrations.ts";
import { openRun, type RunPlan, readRun } from "./runs.ts";
import { checkHome, freeBytes, Store } from "./store.ts";
import { ensureTrial, failAbandoned, isOwned, readTrial, TrialLease, type TrialPlan } from "./trials.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sluice-"));
});

afterEach(() => rmSync(home, { recursive: true }));

const plan = (key: string): TrialPlan => ({
  key,
  paper: "toy",
  variant: "plain",
  seed: 1,
  budget: "smoke",
  settings: { rate: 0.1 },
  revision: "r",
});

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  return "no error";
}

describe("opening", () => {
  test("takes an older schema to the current one, keeps its rows, and leaves a copy of the older file", () => {
    const added = [
      ...migrations,
      "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT 'none'",
      "CREATE TABLE later (id TEXT)",
    ];
    const before = Store.open(home);
    ensureTrial(before, plan("a"));
    storeMetrics(TrialLease.take(before, "a")!, 3, { loss: 0.5 });
    openRun(before, runPlan("a"));
    before.close();
    const after = Store.open(home, added);
    expect(metricsOf(after, "a")).toEqual([{ trial: "a", name: "loss", step: 3, value: 0.5 }]);
    expect(after.get("SELECT note FROM runs WHERE id = 'toy-1'")).toEqual({ note: "none" });
    expect(after.get("PRAGMA user_version")).toEqual({ user_version: migrations.length + 2 });
    after.close();
    expect(existsSync(join(home, `sluice.db.schema-${migrations.length}`))).toBe(true);
    Store.open(home, added).close();
  });

  test("a step that fails leaves the older schema whole", () => {
    Store.open(home).close();
    expect(() =>
      Store.open(home, [...migrations, "CREATE TABLE extra (id TEXT); CREATE TABLE runs (id TEXT)"]),
    ).toThrow("runs");
    const store = Store.open(home);
    expect(store.get("PRAGMA user_version")).toEqual({ user_version: migrations.length });
    expect(store.get("SELECT name FROM sqlite_master WHERE name = 'extra'")).toBeUndefined();
    store.close();
  });

  test("refuses a newer schema, a file that is no database, and a place that cannot be written", () => {
    Store.open(home, [...migrations, "CREATE TABLE later (id TEXT)"]).close();
    expect(codeOf(() => Store.open(home))).toBe("newer-schema");
    const damaged = join(home, "damaged");
    mkdirSync(damaged);
    writeFileSync(join(damaged, "sluice.db"), "not a database, however long this text may be ".repeat(100));
    expect(codeOf(() => Store.open(damaged))).toBe("damaged");
    const file = join(home, "file");
    writeFileSync(file, "");
    expect(codeOf(() => Store.open(join(file, "below")))).toBe("unwritable");
    expect(codeOf(() => checkHome(join(file, "below")))).toBe("unwritable");
  });
});

test("too little room is an error before work starts", () => {
  expect(codeOf(() => checkHome(home, freeBytes(home) * 2 + 1e9))).toBe("disk-full");
  expect(codeOf(() => checkHome(home, 1))).toBe("no error");
});

test("when the disk fills up, what was stored before stays", () => {
  const store = Store.open(home);
  ensureTrial(store, plan("a"));
  const lease = TrialLease.take(store, "a")!;
  const pages = Number(store.get("PRAGMA page_count")!.page_count);
  store.get(`PRAGMA max_page_count = ${pages + 4}`);
  let stored = 0;
  const fill = () => {
    for (; ; stored++) storeMetrics(lease, stored, { [`metric ${"x".repeat(200)}`]: stored });
  };
  expect(codeOf(fill)).toBe("disk-full");
  expect(stored).toBeGreaterThan(10);
  expect(metricsOf(store, "a")).toHaveLength(stored);
  store.close();
});

test("several processes write at once and lose nothing", async () => {
  const store = Store.open(home);
  const trials = ["a", "b", "c"];
  for (const trial of trials) ensureTrial(store, plan(trial));
  const writer = join(import.meta.dirname, "fixtures", "writer.ts");
  await Promise.all(trials.map((trial) => promisify(execFile)(process.execPath, [writer, home, trial])));
  for (const trial of trials) {
    expect(readTrial(store, trial).status).toBe("done");
    expect(metricsOf(store, trial).map((point) => point.value)).toEqual(Array.from({ length: 300 }, (_, step) => step));
  }
  store.close();
});

describe("a lease", () => {
  test("is held by one process at a time, and ends what it holds", () => {
    const store = Store.open(home);
    ensureTrial(store, plan("a"));
    const lease = TrialLease.take(store, "a")!;
    expect(isOwned(store, "a")).toBe(true);
    expect(TrialLease.take(store, "a")).toBeUndefined();
    lease.done({ mnist: "hash" });
    expect(readTrial(store, "a")).toMatchObject({ status: "done", pid: null, data: { mnist: "hash" } });
    expect(TrialLease.take(store, "a")).toBeUndefined();
    store.close();
  });

  test("of a dead process can be taken, after which the first can write no more", () => {
    const store = Store.open(home);
    ensureTrial(store, plan("a"));
    const first = TrialLease.take(store, "a")!;
    storeMetrics(first, 0, { loss: 1 });
    // Above every number that a process can have.
    store.run("UPDATE trials SET pid = ? WHERE id = 'a'", 2 ** 30);
    expect(isOwned(store, "a")).toBe(false);
    const second = TrialLease.take(store, "a")!;
    expect(codeOf(() => storeMetrics(first, 1, { loss: 2 }))).toBe("trial-taken");
    storeMetrics(second, 1, { loss: 0.5 });
    expect(metricsOf(store, "a").map((point) => point.value)).toEqual([1, 0.5]);
    store.close();
  });

  test("that nobody held to its end is marked as failed, one that somebody holds is not", () => {
    const store = Store.open(home);
    for (const key of ["a", "b"]) ensureTrial(store, plan(key));
    TrialLease.take(store, "a");
    TrialLease.take(store, "b");
    store.run("UPDATE trials SET pid = ? WHERE id = 'a'", 2 ** 30);
    for (const key of ["a", "b"]) failAbandoned(store, key, { kind: "killed", message: "gone" });
    expect(readTrial(store, "a")).toMatchObject({ status: "failed", error: { kind: "killed" } });
    expect(readTrial(store, "b").status).toBe("running");
    store.close();
  });
});

function runPlan(...keys: string[]): RunPlan {
  const machine = { system: "linux", processor: "p", cores: 2, memoryGib: 1 };
  const provenance = { commit: null, dirty: false, versions: {}, machine, data: {} };
  const given = { budget: "smoke", seeds: [1], settings: {}, revision: "r", command: "", provenance } as const;
  return { paper: "toy", ...given, trials: keys.map(plan) };
}

test("runs are numbered by paper; an equal plan goes on with the latest one", () => {
  const store = Store.open(home);
  expect(openRun(store, runPlan("a")).id).toBe("toy-1");
  expect(openRun(store, runPlan("a")).id).toBe("toy-1");
  expect(openRun(store, runPlan("a", "b")).id).toBe("toy-2");
  expect(openRun(store, runPlan("a", "b"), true).id).toBe("toy-3");
  expect(codeOf(() => readRun(store, "toy-9"))).toBe("unknown-run");
  store.close();
});
