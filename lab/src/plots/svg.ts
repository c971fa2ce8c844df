import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { textWidth } from "./text-width.ts";
import { type ThemeName, themeConfig } from "./theme.ts";

export interface DrawOptions {
  /** Default `light` */
  readonly theme?: ThemeName;
}

// Without a canvas Vega guesses widths by the number of characters, and with one they depend on the machine's fonts.
// Its types leave this object out.
const { textMetrics } = vega as unknown as {
  textMetrics: { width(item: { fontSize?: number }, text: unknown): number };
};
textMetrics.width = ({ fontSize = 11 }, text) =>
  Math.max(0, ...[text].flat().map((line) => textWidth(String(line ?? ""), fontSize)));

let drawing: Promise<unknown> = Promise.resolve();

/**
 * Draws a Vega-Lite specification as the text of an SVG image, without a browser: the same text for the same
 * specification on every machine.
 */
export function renderSvg(spec: object, { theme = "light" }: DrawOptions = {}): Promise<string> {
  const { config, ...rest } = spec as { config?: object };
  const { spec: parsed } = compile(rest as TopLevelSpec, { config: { ...themeConfig(theme), ...config } });
  // Identifiers inside an SVG are counted by the module, so drawings must not overlap.
  const next = drawing.then(async () => {
    vega.resetSVGDefIds();
    const view = new vega.View(vega.parse(parsed), { renderer: "none" });
    try {
      return await view.toSVG();
    } finally {
      view.finalize();
    }
  });
  drawing = next.catch(() => undefined);
  return next;
}
