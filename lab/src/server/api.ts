import type { JudgedClaim, Verdict } from "../claims/judge.ts";
import type { Family } from "../paper.ts";
import type { SingleFigure } from "../report/figures.ts";
import type { Figure, Provenance, RunStatus } from "../store/runs.ts";
import type { Budget, Settings } from "../store/trials.ts";
import type { TrialView } from "./live-state.ts";

/**
 * Where a run is. Beyond what is stored: `queued`, `running` and `stopping` belong to this server, `elsewhere` is a run of
 * another process, `interrupted` one whose process is gone without a word.
 */
export type RunState = "queued" | "stopping" | "elsewhere" | "interrupted" | RunStatus;

export const isLive = (state: RunState): boolean => state === "queued" || state === "running" || state === "stopping";

/** A run in a list. */
export interface RunSummary {
  readonly id: string;
  readonly paper: string;
  readonly budget: Budget;
  readonly seeds: number;
  readonly state: RunState;
  readonly verdict: Verdict | null;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly ended: number | null;
  /** Worked, over all trials. */
  readonly seconds: number;
  /** Trials done, and all. */
  readonly done: number;
  readonly trials: number;
}

/** A paper in the catalogue. */
export interface CatalogueItem {
  readonly id: string;
  readonly row: number;
  readonly family: Family;
  readonly title: string;
  readonly year: number;
  readonly arxiv: string | null;
  /** `planned`: nothing to run yet; `broken`: its file cannot be loaded. */
  readonly state: "ready" | "planned" | "broken";
  /** The idea's first sentence; empty while planned. */
  readonly sentence: string;
  /** What a full run takes on two cores; null while planned. */
  readonly minutes: number | null;
  readonly claims: readonly { readonly id: string; readonly verdict: Verdict | null }[];
  /** "3 of 4 reproduced". */
  readonly summary: string;
  /** The run that speaks for it. */
  readonly run: { readonly id: string; readonly budget: Budget; readonly verdict: Verdict | null } | null;
  /** A run of it that is under way on this server. */
  readonly live: string | null;
}

export interface Catalogue {
  readonly families: readonly Family[];
  readonly papers: readonly CatalogueItem[];
}

/** Everything on a paper's page. */
export interface PaperView {
  readonly item: CatalogueItem;
  readonly idea: string;
  readonly code: string | null;
  /** Why its file cannot be loaded. */
  readonly problem: string | null;
  readonly claims: readonly {
    readonly id: string;
    readonly paper: string;
    readonly holds: string;
    readonly smoke: boolean;
  }[];
  readonly seeds: Readonly<Record<Budget, number>>;
  readonly settings: Readonly<Record<Budget, Settings>>;
  readonly run: RunView | null;
  readonly runs: readonly RunSummary[];
}

/** Everything that is stored of a run. */
export interface RunView {
  readonly run: RunSummary;
  readonly title: string;
  /** What the run's process left behind when it died under this server. */
  readonly death: { readonly message: string; readonly detail: string } | null;
  /** "3 of 4 reproduced". */
  readonly summary: string;
  readonly command: string;
  readonly revision: string;
  readonly provenance: Provenance;
  /** What was set otherwise than in the paper's file. */
  readonly settings: Settings;
  readonly claims: readonly JudgedClaim[];
  readonly figures: readonly Figure[];
  readonly singles: readonly SingleFigure[];
  readonly trials: readonly (TrialView & { readonly settings: Settings })[];
}

/** What a visitor may choose of a run. */
export interface StartOrder {
  readonly paper: string;
  readonly budget: Budget;
  /** Default: what the paper asks for. */
  readonly seeds?: number;
  /** Starts every trial afresh. */
  readonly force?: boolean;
}

export interface ServerFacts {
  readonly version: string;
  readonly machine: Provenance["machine"];
  /** The store's folder. */
  readonly home: string;
  /** Whether the request's token may start, stop and delete. */
  readonly authorised: boolean;
}

/** What is answered instead of a result. */
export interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}
