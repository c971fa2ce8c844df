import { join, resolve } from "node:path";
import type { Command } from "commander";
import { compareRuns } from "../../report/compare.ts";
import { formatChange, writeComparison } from "../../report/compare-page.ts";
import { formatNumber } from "../../report/format.ts";
import { readRun } from "../../store/runs.ts";
import { example, type Session, withStore } from "../session.ts";
import { table } from "../table.ts";

export function addCompare(program: Command, { terminal }: Session): void {
  const command = program
    .command("compare")
    .description("lay two runs over each other: what they were given, what they measured, their curves")
    .argument("<run>", "as `sluice run` names it: softpick-1")
    .argument("<run>")
    .option("--out <folder>", "where the page with the curves goes (default: report in the store's folder)")
    .option("--json", "print the comparison as JSON")
    .action(async (one: string, other: string, { out, json }) => {
      await withStore(async (store) => {
        const comparison = compareRuns(store, readRun(store, one), readRun(store, other));
        const page = await writeComparison(store, comparison, resolve(out ?? join(store.home, "report")));
        if (json) {
          const { differences, figures } = comparison;
          return terminal.out(JSON.stringify({ first: one, second: other, differences, figures, page }, null, 2));
        }
        const given = table(terminal, ["given", one, other], [20, 30, 30]);
        for (const { name, first, second } of comparison.differences) given.push([name, first, second]);
        const measured = table(terminal, ["figure", one, other, "change over the same seeds"], [40, 14, 14, 26]);
        for (const figure of comparison.figures) {
          const label = figure.variant ? `${figure.variant} ${figure.label}` : figure.label;
          measured.push([label, formatNumber(figure.first), formatNumber(figure.second), formatChange(figure)]);
        }
        terminal.out(comparison.differences.length > 0 ? given.toString() : "Both runs were given the same.");
        terminal.out(measured.toString());
        terminal.out(`Curves: ${page}`);
      });
    });
  example(
    command,
    "npx sluice compare softpick-1 softpick-2",
    `
given          │ softpick-1 │ softpick-2
softpick: lr   │ 0.001      │ 0.003

figure                      │ softpick-1 │ softpick-2 │ change over the same seeds
softpick loss/nats, last    │ 1.62       │ 1.58       │ −0.04 ± 0.02 (n = 3)`,
  );
}
