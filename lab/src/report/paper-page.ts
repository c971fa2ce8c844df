import { html } from "htm/preact";
import type { Check } from "../claims/check.ts";
import type { JudgedClaim } from "../claims/judge.ts";
import type { RunRecord } from "../store/runs.ts";
import type { Settings, TrialRecord } from "../store/trials.ts";
import type { SingleFigure } from "./figures.ts";
import {
  formatCommit,
  formatDay,
  formatDuration,
  formatMachine,
  formatMeasured,
  formatNumber,
  formatPlace,
  formatThreshold,
  plural,
} from "./format.ts";
import { type Standing, summary } from "./overview.ts";
import { badge, type Node, page, tableOf } from "./page.ts";
import { type DrawnFigure, figureScripts, figureSection } from "./report-figure.ts";

/** A figure with its name within the paper. */
export interface PaperFigure extends DrawnFigure {
  readonly id: string;
}

/** The page of a paper: idea, claims, figures, settings, and where the figures come from. */
export function paperPage(
  standing: Standing,
  {
    trials,
    figures,
    singles,
  }: {
    readonly trials: readonly TrialRecord[];
    readonly figures: readonly PaperFigure[];
    readonly singles: readonly SingleFigure[];
  },
): string {
  const { paper, run, runs, claims } = standing;
  return page(
    `${paper.id}: ${paper.title}`,
    "../",
    [
      html`<h1>${paper.title}</h1>`,
      html`<p class="meta">
        <code>${paper.id}</code>, ${paper.family}, ${paper.year}${paper.arxiv && [", ", html`<a href="https://arxiv.org/abs/${paper.arxiv}">arXiv:${paper.arxiv}</a>`]}${paper.code && [", ", html`<a href="https://${paper.code}">the authors’ code</a>`]}
      </p>`,
      html`<p>${paper.idea}</p>`,
      html`<section aria-labelledby="claims"><h2 id="claims">Claims</h2>${
        run
          ? [
              html`<p>${summary(standing)} (${run.budget} budget, ${plural(run.seeds.length, "seed")}).</p>`,
              claimsTable(claims),
            ]
          : html`<p>Not run yet. <code>npx sluice run ${paper.id}</code> runs it in about ${formatDuration(paper.minutes * 60)}.</p>`
      }</section>`,
      ...(figures.length > 0
        ? [
            html`<section aria-labelledby="figures"><h2 id="figures">Figures</h2>${figures.map((each) => figureSection(`${paper.id}-${each.id}`, each))}</section>`,
          ]
        : []),
      ...(singles.length > 0 ? [singlesSection(singles)] : []),
      ...(run ? [settingsSection(trials), runSection(run, trials), historySection(run, runs)] : []),
    ],
    figures.length > 0 ? figureScripts : [],
  );
}

function claimsTable(claims: readonly JudgedClaim[]): Node {
  const rows = claims.flatMap((claim) => {
    const checks: readonly (Check | undefined)[] = claim.checks.length > 0 ? claim.checks : [undefined];
    return checks.map(
      (check, index) => html`<tr>
        ${index === 0 && html`<th scope="rowgroup" rowspan="${checks.length}">${claim.id}</th><td rowspan="${checks.length}">${claim.paper}</td>`}
        <td>${check ? measured(check) : "nothing"}</td>
        <td>${check ? html`${formatThreshold(check)} <span class="held">${check.holds === null ? "" : check.holds ? "holds" : "does not hold"}</span>` : claim.holds}</td>
        ${index === 0 && html`<td rowspan="${checks.length}">${badge(claim.verdict)}${claim.notes.map((note) => html`<p class="note">${note}</p>`)}</td>`}
      </tr>`,
    );
  });
  return tableOf(
    "What the paper reports and what was measured here",
    ["Claim", "The paper", "Measured here", "Threshold", "Verdict"],
    rows,
  );
}

function measured(check: Check): Node {
  const seeds = check.points.map((point) => `${formatPlace(point)}: ${formatNumber(point.value)}`).join("; ");
  return html`${check.label}: <strong>${formatMeasured(check)}</strong>
    ${check.points.length > 1 && html`<details><summary>single figures</summary>${seeds}</details>`}`;
}

function singlesSection(singles: readonly SingleFigure[]): Node {
  const rows = singles.map(
    ({ name, variant, measured }) => html`<tr>
      <th scope="row">${name}</th>
      <td>${variant}</td>
      <td>${formatMeasured(measured)}</td>
    </tr>`,
  );
  return html`<section aria-labelledby="beside"><h2 id="beside">Beside the claims</h2>
    ${tableOf("Figures that were measured as well, and that no claim judges", ["Figure", "Variant", "Measured here"], rows)}
  </section>`;
}

const shown = (setting: unknown) => (setting === undefined ? "" : JSON.stringify(setting));

function settingsSection(trials: readonly TrialRecord[]): Node {
  const variants = new Map<string, Settings>(trials.map((trial) => [trial.variant, trial.settings]));
  const names = [...new Set([...variants.values()].flatMap((settings) => Object.keys(settings)))];
  const rows = names.map(
    (name) =>
      html`<tr><th scope="row"><code>${name}</code></th>${[...variants.values()].map((settings) => html`<td>${shown(settings[name])}</td>`)}</tr>`,
  );
  const heads = ["Setting", ...[...variants.keys()].map((variant) => variant || "value")];
  return html`<section aria-labelledby="settings"><h2 id="settings">Settings</h2>${tableOf("Settings of each variant", heads, rows)}</section>`;
}

function runSection(run: RunRecord, trials: readonly TrialRecord[]): Node {
  const { provenance } = run;
  const facts: [string, string | Node][] = [
    ["Run", html`<code>${run.id}</code>, ${formatDay(run.started)}`],
    ["Repeat with", html`<code>${run.command}</code>`],
    ["Machine", formatMachine(provenance)],
    ["Commit", formatCommit(provenance)],
    ["Sources", html`<code>${run.revision}</code>`],
    [
      "Versions",
      Object.entries(provenance.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    ],
    ["Worked", formatDuration(trials.reduce((sum, trial) => sum + trial.seconds, 0))],
    ...Object.entries(provenance.data).map(([name, hash]): [string, Node] => [
      `Data: ${name}`,
      html`<code>${hash.slice(0, 16)}</code>`,
    ]),
  ];
  const rows = trials.map(
    (trial) => html`<tr>
      <th scope="row">${formatPlace(trial)}</th>
      <td>${trial.status}</td>
      <td class="number">${formatDuration(trial.seconds)}</td>
      <td>${trial.error && `${trial.error.kind}: ${trial.error.message}`}</td>
    </tr>`,
  );
  return html`<section aria-labelledby="run"><h2 id="run">The run</h2>
    <dl>${facts.map(([name, fact]) => html`<div><dt>${name}</dt><dd>${fact}</dd></div>`)}</dl>
    ${tableOf("Trials", ["Trial", "Status", "Worked", "Error"], rows)}
  </section>`;
}

function historySection(run: RunRecord, runs: readonly RunRecord[]): Node | string {
  const others = runs.filter((other) => other.id !== run.id);
  if (others.length === 0) return "";
  return html`<section aria-labelledby="history"><h2 id="history">Other runs</h2><ul>
    ${others.map((other) => html`<li><code>${other.id}</code>: ${other.budget}, ${formatDay(other.started)}, ${other.status}, ${other.verdict ?? "no verdict"}</li>`)}
  </ul></section>`;
}
