import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Paper } from "../paper.ts";
import { renderSvg } from "../plots/svg.ts";
import { asStoreError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import { trialsOf } from "../store/trials.ts";
import { type ReportFigure, reportFigures, singleFigures } from "./figures.ts";
import { indexPage } from "./index-page.ts";
import { overview, type Standing } from "./overview.ts";
import { type PaperFigure, paperPage } from "./paper-page.ts";
import { copyAssets } from "./report-figure.ts";

/**
 * Writes the report: a folder of pages that need neither server nor network.
 *
 * @param papers  all papers of the catalogue
 * @param only    ids of the papers whose pages are written. Default: all; the catalogue is written in any case
 * @returns       path of the catalogue
 * @throws StoreError `unwritable`, `disk-full`
 */
export async function writeReport(
  store: Store,
  papers: readonly Paper[],
  out: string,
  only?: readonly string[],
): Promise<string> {
  const standings = overview(store, papers);
  const index = join(out, "index.html");
  try {
    for (const folder of ["papers", "figures"]) mkdirSync(join(out, folder), { recursive: true });
    copyAssets(out);
    writeFileSync(index, indexPage(standings));
    for (const standing of standings) {
      if (only && !only.includes(standing.paper.id)) continue;
      await writePaper(store, standing, out);
    }
  } catch (error) {
    throw asStoreError(error, out);
  }
  return index;
}

async function writePaper(store: Store, standing: Standing, out: string): Promise<void> {
  const { paper, run } = standing;
  const figures: PaperFigure[] = [];
  for (const figure of run ? reportFigures(store, run) : []) {
    const svg = await drawn(figure);
    writeFileSync(join(out, "figures", `${paper.id}-${figure.id}.svg`), svg);
    writeFileSync(join(out, "figures", `${paper.id}-${figure.id}.csv`), figure.csv);
    figures.push({ ...figure, svg });
  }
  const trials = run ? trialsOf(store, run.id) : [];
  writeFileSync(
    join(out, "papers", `${paper.id}.html`),
    paperPage(standing, { trials, figures, singles: run ? singleFigures(store, run) : [] }),
  );
}

/** A figure that cannot be drawn must not keep the others from being seen: its place says why. */
async function drawn({ title, spec }: ReportFigure): Promise<string> {
  try {
    return await renderSvg(spec);
  } catch (error) {
    process.stderr.write(`“${title}” cannot be drawn: ${error instanceof Error ? error.message : error}\n`);
    return `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="40"><text x="8" y="24">This figure cannot be drawn.</text></svg>`;
  }
}
