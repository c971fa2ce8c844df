import { html } from "htm/preact";
import type { ComponentChildren } from "preact";
import { render } from "preact-render-to-string";
import type { Verdict } from "../claims/judge.ts";

/** What may stand in a page: what `html` makes, texts, nothing. */
export type Node = ComponentChildren;

/** A whole page as text. `root` is the way from the page to the report's folder: "" or "../". */
export function page(title: string, root: string, main: Node, scripts: readonly string[] = []): string {
  const body = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${title}</title>
      <link rel="stylesheet" href="${root}assets/report.css" />
      ${scripts.map((script) => html`<script defer src="${root}assets/${script}"></script>`)}
    </head>
    <body>
      <a class="skip" href="#main">Skip to the content</a>
      <header><nav aria-label="Report"><a href="${root}index.html">Sluice: all papers</a></nav></header>
      <main id="main">${main}</main>
    </body>
  </html>`;
  return `<!doctype html>\n${render(body as never)}\n`;
}

const signs: Record<Verdict, string> = { reproduced: "✓", "not reproduced": "✗", undecided: "?", "not judged": "·" };

/** A verdict with a sign and a colour; the word alone says it. */
export function badge(verdict: Verdict): Node {
  return html`<span class="verdict ${verdict.replace(" ", "-")}"><span aria-hidden="true">${signs[verdict]}</span> ${verdict}</span>`;
}

/** A table that may be wider than the screen. */
export function tableOf(caption: string, heads: readonly string[], rows: readonly Node[]): Node {
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>${caption}</caption>
      <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${rows}</tbody>
    </table>
  </div>`;
}
