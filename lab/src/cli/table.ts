import Table from "cli-table3";
import type { JudgedClaim, Verdict } from "../claims/judge.ts";
import { formatMeasured, formatThreshold } from "../report/format.ts";
import type { Terminal } from "./terminal.ts";

/** Columns take their share of the width; the text in them wraps. */
export function table(terminal: Terminal, heads: readonly string[], shares: readonly number[]): Table.Table {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const room = terminal.columns - heads.length - 1;
  return new Table({
    head: [...heads],
    colWidths: shares.map((share) => Math.max(6, Math.floor((room * share) / total))),
    wordWrap: true,
    style: { head: [], border: [] },
  });
}

/** Verdicts as they are shown: a sign that survives without colour, and the word. */
export function colored(terminal: Terminal, verdict: Verdict): string {
  const { green, red, yellow, dim } = terminal.colors;
  const paint = { reproduced: green, "not reproduced": red, undecided: yellow, "not judged": dim }[verdict];
  const sign = { reproduced: "✓", "not reproduced": "✗", undecided: "?", "not judged": "·" }[verdict];
  return paint(`${sign} ${verdict}`);
}

/** The claims of a run: the paper's figure, ours, the threshold, the verdict. */
export function claimsTable(terminal: Terminal, claims: readonly JudgedClaim[]): string {
  const rows = table(terminal, ["claim", "the paper", "measured here", "threshold", "verdict"], [12, 22, 36, 14, 18]);
  for (const claim of claims) {
    const checks = claim.checks.map((check) => {
      const sign = check.holds === null ? "?" : check.holds ? "✓" : "✗";
      return [`${check.label}\n${formatMeasured(check)}`, `${sign} ${formatThreshold(check)}`];
    });
    const [first = ["nothing", claim.holds], ...others] = checks;
    const rowSpan = Math.max(1, checks.length);
    rows.push([
      { content: claim.id, rowSpan },
      { content: claim.paper, rowSpan },
      ...first,
      { content: colored(terminal, claim.verdict), rowSpan },
    ]);
    for (const other of others) rows.push(other);
  }
  return rows.toString();
}
