import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { html } from "htm/preact";
import { themeConfig } from "../plots/theme.ts";
import type { Node } from "./page.ts";

/** A figure that has been drawn: its SVG stands in the page until the interactive one takes its place. */
export interface DrawnFigure {
  readonly title: string;
  readonly caption: string;
  /** Vega-Lite. */
  readonly spec: object;
  readonly svg: string;
}

/** Scripts of a page with figures, in the order in which they must load. */
export const figureScripts = ["vega.min.js", "vega-lite.min.js", "vega-embed.min.js", "themes.js", "report.js"];

/** Copies style and scripts, our own and the builds that the chart packages bring for pages, into a report's folder. */
export function copyAssets(out: string): void {
  const own = join(import.meta.dirname, "assets");
  const { resolve } = createRequire(import.meta.url);
  mkdirSync(join(out, "assets"), { recursive: true });
  const themes = { light: themeConfig("light"), dark: themeConfig("dark") };
  writeFileSync(join(out, "assets", "themes.js"), `globalThis.figureThemes = ${JSON.stringify(themes)};\n`);
  for (const name of ["report.css", ...figureScripts]) {
    if (name === "themes.js") continue;
    const packaged = name.match(/^(.*)\.min\.js$/)?.[1];
    copyFileSync(packaged ? join(dirname(resolve(packaged)), name) : join(own, name), join(out, "assets", name));
  }
}

/** A figure in a page that lies one folder below the report. `stem` names its files in `figures`. */
export function figureSection(stem: string, { title, caption, spec, svg }: DrawnFigure): Node {
  const file = `../figures/${stem}`;
  const drawing = { __html: svg };
  // A script element would end at the first "</script" inside it.
  const source = { __html: JSON.stringify(spec).replaceAll("<", "\\u003c") };
  return html`<figure id="figure-${stem}">
    <h3>${title}</h3>
    <div class="plot" role="region" aria-label="${title}" tabindex="0">
      <div class="drawing" role="img" aria-label="${title}. ${caption}" dangerouslySetInnerHTML=${drawing}></div>
    </div>
    <figcaption>${caption}</figcaption>
    <p>
      <a download href="${file}.svg">SVG<span class="hidden"> of ${title}</span></a>${" "}
      <a download href="${file}.csv">CSV<span class="hidden"> of ${title}</span></a>
    </p>
    <script type="application/json" class="spec" dangerouslySetInnerHTML=${source}></script>
  </figure>`;
}
