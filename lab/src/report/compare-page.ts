import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { csvFormat } from "d3-dsv";
import { html } from "htm/preact";
import { curvesSpec } from "../plots/curves.ts";
import { renderSvg } from "../plots/svg.ts";
import { asStoreError } from "../store/errors.ts";
import { metricsOf } from "../store/measurements.ts";
import type { Store } from "../store/store.ts";
import { trialsOf } from "../store/trials.ts";
import type { Comparison, Difference, PairedFigure } from "./compare.ts";
import { fileName } from "./figures.ts";
import { formatNumber } from "./format.ts";
import { type Node, page, tableOf } from "./page.ts";
import { copyAssets, figureScripts, figureSection } from "./report-figure.ts";

/**
 * Writes a page that lays two runs over each other.
 *
 * @returns path of the page
 * @throws StoreError `unwritable`, `disk-full`
 */
export async function writeComparison(store: Store, comparison: Comparison, out: string): Promise<string> {
  const { first, second, differences, figures } = comparison;
  const title = `${first.id} and ${second.id}`;
  const file = join(out, "compare", `${first.id}-${second.id}.html`);
  try {
    for (const folder of ["compare", "figures"]) mkdirSync(join(out, folder), { recursive: true });
    copyAssets(out);
    const sections: Node[] = [];
    for (const [name, points] of curvesOf(store, comparison)) {
      const spec = curvesSpec(name, points);
      const svg = await renderSvg(spec);
      const stem = `${first.id}-${second.id}-${fileName(name)}`;
      writeFileSync(join(out, "figures", `${stem}.svg`), svg);
      writeFileSync(join(out, "figures", `${stem}.csv`), csvFormat(points));
      sections.push(
        figureSection(stem, { title: `${name} by step`, caption: `${name} of both runs over the steps.`, spec, svg }),
      );
    }
    const body = [
      html`<h1>${title}</h1>`,
      html`<section aria-labelledby="differences"><h2 id="differences">What differs</h2>${differencesTable(comparison, differences)}</section>`,
      html`<section aria-labelledby="figures"><h2 id="figures">Figures over the same seeds</h2>${figuresTable(comparison, figures)}</section>`,
      html`<section aria-labelledby="curves"><h2 id="curves">Curves</h2>${sections}</section>`,
    ];
    writeFileSync(file, page(title, "../", body, figureScripts));
    return file;
  } catch (error) {
    throw asStoreError(error, out);
  }
}

/** The points of every metric that both runs logged, with the run in front of the variant. */
function curvesOf(store: Store, { first, second }: Comparison) {
  const points = [first, second].flatMap((run) =>
    trialsOf(store, run.id).flatMap(({ id, variant, seed }) =>
      metricsOf(store, id).map(({ name, step, value }) => ({
        name,
        run: run.id,
        variant: `${run.id} ${variant}`.trim(),
        seed,
        step,
        value,
      })),
    ),
  );
  return [...Map.groupBy(points, (point) => point.name)].filter(
    ([, group]) => new Set(group.map((point) => point.run)).size === 2,
  );
}

function differencesTable({ first, second }: Comparison, differences: readonly Difference[]): Node {
  if (differences.length === 0) return html`<p>Nothing: both runs were given the same.</p>`;
  const rows = differences.map(
    (each) => html`<tr><th scope="row">${each.name}</th><td>${each.first}</td><td>${each.second}</td></tr>`,
  );
  return tableOf("What the runs were given", ["Given", first.id, second.id], rows);
}

function figuresTable({ first, second }: Comparison, figures: readonly PairedFigure[]): Node {
  if (figures.length === 0) return html`<p>The runs have no figure of the same seed in common.</p>`;
  const rows = figures.map(
    (each) => html`<tr>
      <th scope="row">${each.variant} ${each.label}</th>
      <td class="number">${formatNumber(each.first)}</td>
      <td class="number">${formatNumber(each.second)}</td>
      <td class="number">${formatChange(each)}</td>
    </tr>`,
  );
  return tableOf("Means over the seeds that both runs have", ["Figure", first.id, second.id, "Change"], rows);
}

/** "−0.03 ± 0.01 (n = 3)": the mean of the differences, paired by seed. */
export function formatChange({ change, low, high, seeds }: PairedFigure): string {
  const half = low === null || high === null ? "" : ` ± ${formatNumber((high - low) / 2)}`;
  return `${formatNumber(change)}${half} (n = ${seeds})`;
}
