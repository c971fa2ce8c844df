import { markdownTable } from "markdown-table";
import { families, type Paper } from "../paper.ts";
import type { Store } from "../store/store.ts";
import { trialsOf } from "../store/trials.ts";
import { formatCommit, formatDay, formatDuration, formatMachine, formatMeasured, formatThreshold } from "./format.ts";
import { isFullResult, overview, type Standing, summary } from "./overview.ts";

/**
 * The text of `RESULTS.md`: one row a paper and one a claim, from stored full runs alone. A paper without such a run is
 * not in it.
 */
export function resultsMarkdown(store: Store, papers: readonly Paper[]): string {
  const standings = overview(store, papers).filter(({ paper, run }) => run && isFullResult(paper, run));
  const machines = [...new Set(standings.map(({ run }) => formatMachine(run!.provenance)))];
  const rows = standings.map((standing) => row(store, standing, machines));
  const claims = families.flatMap((family) =>
    standings.filter(({ paper }) => paper.family === family).flatMap(details),
  );
  return `${[
    "# Results",
    "",
    "Written by `sluice report --results`; every figure comes from a stored full run. Means are over the seeds, ± is half of the 95 % interval.",
    "",
    ...(rows.length === 0 ? ["No full run is stored yet."] : [markdownTable([heads, ...rows])]),
    ...(machines.length === 0
      ? []
      : ["", "Machines:", "", ...machines.map((machine, index) => `${index + 1}. ${machine}`)]),
    ...claims,
  ].join("\n")}\n`;
}

const heads = ["row", "paper", "family", "claims", "seeds", "worked", "day", "commit", "machine"];

function row(store: Store, standing: Standing, machines: readonly string[]): string[] {
  const { paper, run } = standing;
  const { id, seeds, started, provenance } = run!;
  const seconds = trialsOf(store, id).reduce((sum, trial) => sum + trial.seconds, 0);
  return [
    `${paper.row}`,
    `[${paper.id}](#${paper.id})`,
    paper.family,
    summary(standing),
    `${seeds.length}`,
    formatDuration(seconds),
    formatDay(started),
    formatCommit(provenance),
    `${machines.indexOf(formatMachine(provenance)) + 1}`,
  ];
}

function details({ paper, claims }: Standing): string[] {
  const rows = claims.flatMap((claim) =>
    claim.checks.map((check, index) => [
      index === 0 ? claim.id : "",
      index === 0 ? escaped(claim.paper) : "",
      `${escaped(check.label)}: ${formatMeasured(check)}`,
      formatThreshold(check),
      index === 0 ? claim.verdict : "",
    ]),
  );
  const notes = claims.flatMap((claim) => claim.notes.map((note) => `- ${claim.id}: ${escaped(note)}`));
  return [
    ...["", `## ${paper.id}`, "", `${escaped(paper.title)} (${paper.year})`, ""],
    markdownTable([["claim", "the paper", "measured here", "threshold", "verdict"], ...rows]),
    ...(notes.length > 0 ? ["", ...notes] : []),
  ];
}

const escaped = (text: string) => text.replace(/[|<>*_`]/g, "\\$&");
