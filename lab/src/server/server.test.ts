import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Store } from "../store/store.ts";
import { labApp } from "./app.ts";
import { loadShelf } from "./catalogue.ts";
import { namesOf, tokenFor } from "./guard.ts";
import { LiveRuns } from "./live-runs.ts";
import { applyUpdate, emptyLiveState, type LiveUpdate } from "./live-state.ts";
import { serveLab } from "./serve.ts";

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

test("a long curve keeps its ends and its order, and stays small", () => {
  let state = emptyLiveState;
  const points: NonNullable<LiveUpdate["points"]> = Array.from({ length: 5000 }, (_, step) => [
    "t",
    "loss",
    step,
    step,
  ]);
  for (let at = 0; at < points.length; at += 50) state = applyUpdate(state, { points: points.slice(at, at + 50) });
  const { points: kept } = state.series.loss.t;
  expect(kept.length).toBeLessThanOrEqual(600);
  expect(kept.length).toBeGreaterThan(250);
  expect(kept[0]).toEqual([0, 0]);
  expect(kept.at(-1)![0]).toBeGreaterThan(4980);
  expect(kept.map(([step]) => step)).toEqual(kept.map(([step]) => step).toSorted((one, other) => one - other));
});

test("a queued run is taken out without being started, and the next one has its turn", async () => {
  const fixtures = await loadShelf(join(import.meta.dirname, "fixtures"));
  const toys = await loadShelf(join(import.meta.dirname, "..", "run", "fixtures"));
  const slow = fixtures.entries.get("slow")!;
  const first = live.start(slow, { budget: "smoke" });
  expect(() => live.start(slow, { budget: "full" })).toThrow(first.id);
  const second = live.start(toys.entries.get("toy")!, { budget: "smoke" }, true);
  expect([first.state.state, second.state.state]).toEqual(["running", "queued"]);
  second.stop();
  await second.ended;
  expect(second.state.state).toBe("interrupted");
  first.stop();
  await first.ended;
  expect(first.state.state).toBe("partial");
  expect(first.state.trials.map((trial) => trial.status)).not.toContain("running");
});

describe("over HTTP", () => {
  const page = () => join(home, "page");

  /** Asks with a path and a Host of one's own, which `fetch` would tidy up. */
  const ask = (port: number, path: string, name: string) =>
    new Promise<{ status: number; body: string; headers: Record<string, unknown> }>((resolve, reject) => {
      const asked = httpRequest({ port, host: "127.0.0.1", path, headers: { host: name } }, (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text) => {
          body += text;
        });
        answer.on("end", () => resolve({ status: answer.statusCode!, body, headers: answer.headers }));
      });
      asked.on("error", reject).end();
    });

  test("foreign names are refused, files come with their headers, and no path leaves the page", async () => {
    mkdirSync(join(page(), "assets"), { recursive: true });
    writeFileSync(join(page(), "index.html"), "the page");
    writeFileSync(join(page(), "assets", "a.js"), "script");
    writeFileSync(join(home, "secret.txt"), "secret");
    const shelf = await loadShelf(join(import.meta.dirname, "fixtures"));
    const server = await serveLab({ store, shelf, page: page(), port: 0 });
    const port = Number(new URL(server.address).port);
    try {
      expect(await ask(port, "/", "evil.example")).toMatchObject({ status: 421 });
      expect(await ask(port, "/", `127.0.0.1:${port}`)).toMatchObject({
        status: 200,
        body: "the page",
        headers: { "cross-origin-embedder-policy": "require-corp", "cross-origin-opener-policy": "same-origin" },
      });
      const script = await ask(port, "/assets/a.js", "localhost");
      expect(script).toMatchObject({
        body: "script",
        headers: { "content-type": expect.stringContaining("javascript") },
      });
      expect(script.headers["content-security-policy"]).toContain("default-src 'none'");
      for (const path of ["/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/..%5c..%5csecret.txt"]) {
        const { status, body } = await ask(port, path, "localhost");
        expect([path, status]).toEqual([path, 404]);
        expect(body).not.toBe("secret");
      }
      expect((await ask(port, "/runs", "localhost")).body).toBe("the page");
      expect((await ask(port, "/api/nothing", "localhost")).status).toBe(404);
    } finally {
      await server.close();
    }
  });

  test("events: the whole state first, then the rest for whoever comes back, and the end", async () => {
    const shelf = await loadShelf(join(import.meta.dirname, "..", "run", "fixtures"));
    const server = await serveLab({ store, shelf, page: page(), port: 0 });
    try {
      const headers = { Authorization: `Bearer ${server.token}` };
      const order = JSON.stringify({ paper: "toy", budget: "smoke", force: true });
      const started = await fetch(`${server.address}api/runs`, { method: "POST", headers, body: order });
      const { run } = await started.json();
      const address = `${server.address}api/runs/${run}/events`;
      const whole = await (await fetch(address)).text();
      expect(whole).toMatch(/^event: snapshot\n/);
      expect(whole).toMatch(/event: end\ndata: complete\n/);
      const ids = [...whole.matchAll(/^id: (.+)$/gm)].map(([, id]) => id);
      const rest = await (await fetch(address, { headers: { "Last-Event-ID": ids[0] } })).text();
      expect(rest).not.toContain("event: snapshot");
      expect([...rest.matchAll(/^id: (.+)$/gm)].map(([, id]) => id)).toEqual(ids.slice(1));
      expect((await fetch(`${server.address}api/runs/none/events`)).status).toBe(204);
    } finally {
      await server.close();
    }
  });
});
