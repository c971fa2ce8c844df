import { themeConfig } from "sluice-lab/plots/theme";
import embed, { type VisualizationSpec } from "vega-embed";
import { expressionInterpreter } from "vega-interpreter";
import type { Theme } from "../theme.ts";

export interface DrawnChart {
  remove(): void;
}

/** Draws a Vega-Lite specification into an element, in a theme's colours. */
export async function draw(element: HTMLElement, spec: object, theme: Theme): Promise<DrawnChart> {
  const { finalize } = await embed(element, spec as VisualizationSpec, {
    config: { ...themeConfig(theme), background: "transparent" },
    renderer: "svg",
    actions: false,
    // The page's security policy forbids making functions from texts: expressions are interpreted.
    ast: true,
    expr: expressionInterpreter,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true, theme },
  });
  return { remove: finalize };
}
