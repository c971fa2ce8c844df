import { html } from "htm/preact";
import { families } from "../paper.ts";
import { formatDay } from "./format.ts";
import type { Standing } from "./overview.ts";
import { summary } from "./overview.ts";
import { badge, type Node, page, tableOf } from "./page.ts";

/** The catalogue: every paper by family, with the verdicts of the run that speaks for it. */
export function indexPage(standings: readonly Standing[]): string {
  const verdicts = standings.filter(({ run }) => run?.budget === "full").flatMap(({ claims }) => claims);
  const reproduced = verdicts.filter((claim) => claim.verdict === "reproduced").length;
  const present = families.filter((family) => standings.some(({ paper }) => paper.family === family));
  return page("Sluice: papers and verdicts", "", [
    html`<h1>Papers and verdicts</h1>`,
    html`<p>
      ${standings.length} papers. Full runs judged ${verdicts.length} claims; ${reproduced} of them are reproduced. A claim is
      judged from figures measured over several seeds against a threshold that stands in the paper’s file.
    </p>`,
    html`<nav aria-label="Families"><ul class="row">
      ${present.map((family) => html`<li><a href="#${family}">${family}</a></li>`)}
    </ul></nav>`,
    ...present.map(
      (family) => html`<section aria-labelledby="${family}">
        <h2 id="${family}">${family}</h2>
        ${tableOf(
          `Papers on ${family}`,
          ["Row", "Paper", "Year", "Claims", "Result", "Last run"],
          standings.filter(({ paper }) => paper.family === family).map(row),
        )}
      </section>`,
    ),
  ]);
}

function row(standing: Standing): Node {
  const { paper, run, claims } = standing;
  return html`<tr>
    <td class="number">${paper.row}</td>
    <th scope="row"><a href="papers/${paper.id}.html">${paper.title}</a> <code>${paper.id}</code></th>
    <td class="number">${paper.year}</td>
    <td>
      <ul class="plain">
        ${
          claims.length > 0
            ? claims.map((claim) => html`<li>${claim.id}: ${badge(claim.verdict)}</li>`)
            : Object.keys(paper.claims).map((id) => html`<li>${id}</li>`)
        }
      </ul>
    </td>
    <td>${summary(standing)}</td>
    <td>${run ? `${run.budget}, ${formatDay(run.started)}` : "never"}</td>
  </tr>`;
}
