import type { Family } from "../paper.ts";
import { families } from "../paper.ts";
import { reportFigures, singleFigures } from "../report/figures.ts";
import { overview, type Standing, summary } from "../report/overview.ts";
import { type Entry, findPaper, idsIn, papersFolder } from "../run/catalogue.ts";
import { seedsOf } from "../run/plan.ts";
import { plannedPapers } from "../run/planned.ts";
import { claimsOf, type RunRecord, readRun, runsOf } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { trialsOf } from "../store/trials.ts";
import type { Catalogue, CatalogueItem, PaperView, RunSummary, RunView } from "./api.ts";
import type { LiveRuns } from "./live-runs.ts";
import { trialView } from "./live-state.ts";

/** The papers of a folder as they could be loaded, and why others could not. */
export interface Shelf {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly problems: ReadonlyMap<string, string>;
  /** Whether papers that are still to be built are shown: not for a folder of one's own. */
  readonly complete: boolean;
}

/** Loads every paper of a folder; one that cannot be loaded does not keep the others from being shown. */
export async function loadShelf(folder: string = papersFolder): Promise<Shelf> {
  const entries = new Map<string, Entry>();
  const problems = new Map<string, string>();
  for (const id of idsIn(folder)) {
    try {
      entries.set(id, await findPaper(id, folder));
    } catch (error) {
      problems.set(id, error instanceof Error ? error.message : String(error));
    }
  }
  return { entries, problems, complete: folder === papersFolder };
}

/** What the server shows, read from the shelf, the store and the runs that are under way. */
export class Views {
  readonly #store: Store;
  readonly #shelf: Shelf;
  readonly #live: LiveRuns;

  constructor(store: Store, shelf: Shelf, live: LiveRuns) {
    this.#store = store;
    this.#shelf = shelf;
    this.#live = live;
  }

  catalogue(): Catalogue {
    const papers = [...this.#shelf.entries.values()].map(({ paper }) => paper);
    const built = overview(this.#store, papers).map((standing) => this.#itemOf(standing));
    const known = new Set(built.map((item) => item.id));
    const planned = this.#shelf.complete ? plannedPapers.filter(({ id }) => !known.has(id)) : [];
    const broken = [...this.#shelf.problems.keys()].filter((id) => !planned.some((paper) => paper.id === id));
    const items = [
      ...built,
      ...planned.map((paper) => this.#unbuilt(paper.id, paper)),
      ...broken.map((id) => this.#unbuilt(id)),
    ].sort((one, other) => one.row - other.row);
    return { families: families.filter((family) => items.some((item) => item.family === family)), papers: items };
  }

  /** @returns nothing for an id that no paper has */
  paper(id: string): PaperView | undefined {
    const entry = this.#shelf.entries.get(id);
    if (!entry) {
      const item = this.catalogue().papers.find((each) => each.id === id);
      const nothing = {
        idea: "",
        code: null,
        claims: [],
        seeds: { smoke: 0, full: 0 },
        settings: { smoke: {}, full: {} },
      };
      return item && { item, ...nothing, problem: this.#shelf.problems.get(id) ?? null, run: null, runs: [] };
    }
    const { paper } = entry;
    const [standing] = overview(this.#store, [paper]);
    return {
      item: this.#itemOf(standing),
      idea: paper.idea,
      code: paper.code ?? null,
      problem: null,
      claims: Object.entries(paper.claims).map(([claim, { paper: reported, holds, budgets }]) => ({
        ...{ id: claim, paper: reported, holds },
        smoke: budgets?.includes("smoke") ?? false,
      })),
      seeds: { smoke: seedsOf(paper, "smoke"), full: seedsOf(paper, "full") },
      settings: { smoke: { ...paper.settings.full, ...paper.settings.smoke }, full: paper.settings.full },
      run: standing.run ? this.run(standing.run.id) : null,
      runs: standing.runs.map((run) => this.#summaryOf(run)),
    };
  }

  runs(): RunSummary[] {
    return runsOf(this.#store).map((run) => this.#summaryOf(run));
  }

  /** @throws StoreError `unknown-run` */
  run(id: string): RunView {
    const record = readRun(this.#store, id);
    const claims = claimsOf(this.#store, id);
    const { command, revision, provenance, settings } = record;
    return {
      run: this.#summaryOf(record),
      title: this.#shelf.entries.get(record.paper)?.paper.title ?? record.paper,
      death: this.#live.get(id)?.state.death ?? null,
      summary: summary({ run: record, claims }),
      ...{ command, revision, provenance, settings, claims },
      figures: reportFigures(this.#store, record).map(({ csv: _, ...figure }) => figure),
      singles: singleFigures(this.#store, record),
      trials: trialsOf(this.#store, id).map((trial) => ({ ...trialView(trial), settings: trial.settings })),
    };
  }

  #itemOf({ paper, run, claims }: Standing): CatalogueItem {
    const { id, row, family, title, year, minutes } = paper;
    const verdicts = new Map(claims.map((claim) => [claim.id, claim.verdict]));
    return {
      ...{ id, row, family, title, year, minutes },
      arxiv: paper.arxiv ?? null,
      state: "ready",
      sentence: firstSentence(paper.idea),
      claims: Object.keys(paper.claims).map((claim) => ({ id: claim, verdict: verdicts.get(claim) ?? null })),
      summary: summary({ run, claims }),
      run: run ? { id: run.id, budget: run.budget, verdict: run.verdict } : null,
      live: this.#live.ofPaper(id)?.id ?? null,
    };
  }

  /** A paper of which facts alone are known. */
  #unbuilt(id: string, facts?: { row: number; family: Family; year: number; title: string }): CatalogueItem {
    const broken = this.#shelf.problems.has(id);
    return {
      ...(facts ?? { row: 0, family: "other" as const, year: 0, title: id }),
      ...{ id, arxiv: null, sentence: "", minutes: null, claims: [], run: null, live: null },
      state: broken ? "broken" : "planned",
      summary: broken ? "its file cannot be loaded" : "not built yet",
    };
  }

  #summaryOf(run: RunRecord): RunSummary {
    const trials = trialsOf(this.#store, run.id);
    const { id, paper, budget, seeds, verdict, started, ended } = run;
    return {
      ...{ id, paper, budget, verdict, started, ended },
      seeds: seeds.length,
      state: this.#live.stateOf(id),
      seconds: trials.reduce((sum, trial) => sum + trial.seconds, 0),
      done: trials.filter((trial) => trial.status === "done").length,
      trials: trials.length,
    };
  }
}

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** The first sentence of a text. */
export function firstSentence(text: string): string {
  const [first] = sentences.segment(text.trim());
  return first?.segment.trim() ?? "";
}
