import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Store } from "../store/store.ts";
import { labApp } from "./app.ts";
import { loadShelf } from "./catalogue.ts";
import { namesOf, tokenFor } from "./guard.ts";
import { LiveRuns } from "./live-runs.ts";
import { applyUpdate, emptyLiveState } from "./live-state.ts";

let home: string;
let store: Store;
let live: LiveRuns;
let app: ReturnType<typeof labApp>;
const host = { host: "localhost:1" };

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "sluice-"));
  store = Store.open(home);
  live = new LiveRuns(store);
  const shelf = await loadShelf(join(import.meta.dirname, "..", "run", "fixtures"));
  app = labApp({ store, shelf, live, token: "the-token", names: namesOf("127.0.0.1"), page: join(home, "page") });
});

afterAll(async () => {
  await live.close();
  store.close();
  rmSync(home, { recursive: true });
});

const start = (headers: Record<string, string>, body: object) =>
  app.request("/api/runs", { method: "POST", headers: { ...host, ...headers }, body: JSON.stringify(body) });

test("a foreign name or origin, and a wrong token, are refused", async () => {
  expect((await app.request("/api/catalogue", { headers: { host: "evil.example:1" } })).status).toBe(421);
  const origin = { ...host, origin: "http://evil.example" };
  expect((await app.request("/api/catalogue", { headers: origin })).status).toBe(403);
  expect((await start({}, { paper: "toy", budget: "smoke" })).status).toBe(401);
  expect((await start({ authorization: "Bearer no" }, { paper: "toy", budget: "smoke" })).status).toBe(401);
  expect(() => tokenFor("0.0.0.0")).toThrow("--token");
});

test("the catalogue and paths outside the page", async () => {
  const { papers } = await (await app.request("/api/catalogue", { headers: host })).json();
  expect(papers.map((paper: { id: string }) => paper.id)).toContain("toy");
  expect((await app.request("/../../etc/passwd.txt", { headers: host })).status).toBe(404);
});

test("a run starts with the token, is judged, and is in the list", async () => {
  const authorization = "Bearer the-token";
  expect((await start({ authorization }, { paper: "toy", budget: "huge" })).status).toBe(400);
  const response = await start({ authorization }, { paper: "toy", budget: "smoke" });
  expect(response.status).toBe(201);
  const { run } = await response.json();
  await live.get(run)!.ended;
  expect(live.get(run)!.state).toMatchObject({ state: "complete", death: null });
  const view = await (await app.request(`/api/runs/${run}`, { headers: host })).json();
  expect(view.run).toMatchObject({ id: run, state: "complete", verdict: "reproduced" });
});

test("points that come again after a resumption replace the older ones", () => {
  const point = (step: number, value: number) => ["t", "loss", step, value] as const;
  const state = applyUpdate(emptyLiveState, { points: [point(0, 3), point(1, 2), point(1, 1)] });
  expect(state.series.loss.t.points).toEqual([
    [0, 3],
    [1, 1],
  ]);
});
