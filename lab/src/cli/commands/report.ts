import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { resultsMarkdown } from "../../report/results.ts";
import { writeReport } from "../../report/site.ts";
import { asStoreError } from "../../store/errors.ts";
import { sluiceHome } from "../../store/home.ts";
import { entriesFor, example, papersOption, type Session, withStore } from "../session.ts";

export function addReport(program: Command, { terminal }: Session): void {
  const command = program
    .command("report")
    .description("write the report: static pages with every paper, its claims, figures and runs")
    .option("--out <folder>", "where to (default: report in the store's folder)")
    .option("--results [file]", "write the table of stored full runs too (default file: RESULTS.md)")
    .option("--json", "print the paths as JSON")
    .action(async ({ out, results, json, papers: folder }) => {
      const papers = (await entriesFor([], folder)).map(({ paper }) => paper);
      await withStore(async (store) => {
        const index = await writeReport(store, papers, resolve(out ?? join(sluiceHome(), "report")));
        const file = results ? resolve(results === true ? "RESULTS.md" : results) : null;
        if (file) write(file, resultsMarkdown(store, papers));
        if (json) return terminal.out(JSON.stringify({ report: index, results: file }));
        terminal.out(`Report: ${index}`);
        if (file) terminal.out(`Results: ${file}`);
      });
    });
  papersOption(command);
  example(
    command,
    "npx sluice report --out public --results",
    "Report: /home/me/sluice/public/index.html\nResults: /home/me/sluice/RESULTS.md",
  );
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw asStoreError(error, file);
  }
}
