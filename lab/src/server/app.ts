import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { renderSvg } from "../plots/svg.ts";
import { reportFigures } from "../report/figures.ts";
import { UnknownPaperError } from "../run/catalogue.ts";
import { ChoiceError, type RunChoices } from "../run/plan.ts";
import { packageVersion, provenance } from "../run/provenance.ts";
import { StoreError } from "../store/errors.ts";
import { readRun } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { isLive, type ServerFacts } from "./api.ts";
import { type Shelf, Views } from "./catalogue.ts";
import { streamRun } from "./events.ts";
import { servePage } from "./files.ts";
import { hostGuard, pageHeaders, refusal, tokenCheck, tokenGuard } from "./guard.ts";
import { type LiveRuns, UnderWayError } from "./live-runs.ts";
import { OrderError, startOrder } from "./order.ts";

export interface LabServices {
  readonly store: Store;
  readonly shelf: Shelf;
  readonly live: LiveRuns;
  readonly token: string;
  /** Names by which the server may be called. */
  readonly names: ReadonlySet<string>;
  /** Folder of the built page. */
  readonly page: string;
}

/** Bytes of an order; the longest has a few dozen words. */
const largestOrder = 16 * 1024;

/** The lab's server: what the page reads, and with the token what it may start and stop. */
export function labApp({ store, shelf, live, token, names, page }: LabServices): Hono {
  const app = new Hono();
  const views = new Views(store, shelf, live);
  const holds = tokenCheck(token);
  const machine = provenance().machine;
  const entryOf = (id: string) => {
    const entry = shelf.entries.get(id);
    if (!entry) throw new UnknownPaperError(id, []);
    return entry;
  };
  app.use(pageHeaders, hostGuard(names));
  app.use("/api/*", async (context, next) => {
    context.header("Cache-Control", "no-store");
    await next();
  });
  app.on(["POST"], "/api/*", tokenGuard(holds), bodyLimit({ maxSize: largestOrder }));

  app.get("/api/server", (context) =>
    context.json<ServerFacts>({
      version: packageVersion("sluice-lab"),
      machine,
      home: store.home,
      authorised: holds(context.req.header("authorization")),
    }),
  );
  app.get("/api/catalogue", (context) => context.json(views.catalogue()));
  app.get("/api/papers/:id", (context) => {
    const view = views.paper(context.req.param("id"));
    if (!view) throw new UnknownPaperError(context.req.param("id"), []);
    return context.json(view);
  });
  app.get("/api/runs", (context) => context.json(views.runs()));
  app.get("/api/runs/:id", (context) => context.json(views.run(context.req.param("id"))));
  app.get("/api/runs/:id/events", (context) => {
    const run = live.get(context.req.param("id"));
    // 204 tells an EventSource not to come back.
    return run ? streamRun(context, run) : context.body(null, 204);
  });
  app.get("/api/runs/:id/figures/:figure", async (context) => {
    const { id, figure: file } = context.req.param();
    const [, name, kind] = file.match(/^(.+)\.(csv|svg)$/) ?? [];
    const figure = reportFigures(store, readRun(store, id)).find((each) => each.id === name);
    if (!figure) return context.json(refusal("unknown-figure", `run ${id} has no figure ${file}`), 404);
    context.header("Content-Disposition", `attachment; filename="${id}-${file.replace(/[^\w.-]/g, "-")}"`);
    context.header("Content-Type", kind === "csv" ? "text/csv; charset=utf-8" : "image/svg+xml");
    return context.body(kind === "csv" ? figure.csv : await renderSvg(figure.spec));
  });

  app.post("/api/runs", async (context) => {
    const { paper, force, ...choices } = startOrder(await context.req.json().catch(() => null));
    return context.json({ run: live.start(entryOf(paper), choices, force).id }, 201);
  });
  app.post("/api/runs/:id/stop", (context) => {
    const run = live.get(context.req.param("id"));
    if (!run || !isLive(run.state.state)) {
      return context.json(refusal("not-live", "this run is not under way on this server"), 409);
    }
    run.stop();
    return context.json({ run: run.id });
  });
  app.post("/api/runs/:id/resume", (context) => {
    const { paper, budget, seeds, settings } = readRun(store, context.req.param("id"));
    const choices: RunChoices = { budget, seeds: seeds.length, settings };
    return context.json({ run: live.start(entryOf(paper), choices).id }, 201);
  });
  app.all("/api/*", (context) => context.json(refusal("unknown-address", "there is nothing at this address"), 404));
  app.use("*", servePage(page));
  app.onError(answerTo);
  return app;
}

/** What an error is answered with: those that a visitor can do something about keep their words. */
function answerTo(error: Error, context: Context): Response {
  if (error instanceof HTTPException) return error.getResponse();
  if (error instanceof UnknownPaperError) return context.json(refusal("unknown-paper", error.message), 404);
  if (error instanceof ChoiceError) return context.json(refusal("choice", error.message), 400);
  if (error instanceof UnderWayError) return context.json(refusal("under-way", error.message), 409);
  if (error instanceof OrderError) return context.json(refusal("order", error.message), 400);
  if (error instanceof StoreError) {
    return context.json(refusal(error.code, error.message), error.code === "unknown-run" ? 404 : 500);
  }
  console.error(error);
  return context.json(refusal("internal", "something went wrong here; the terminal of `sluice lab` says what"), 500);
}
