import type { Config } from "vega-lite";

export type ThemeName = "light" | "dark";

interface Colours {
  readonly background: string;
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  /** Told apart with every kind of colour blindness, and at least 3 : 1 against the background. */
  readonly series: readonly string[];
}

export const colours: Readonly<Record<ThemeName, Colours>> = {
  light: {
    background: "#ffffff",
    text: "#1b1f24",
    faint: "#57606a",
    grid: "#e4e7eb",
    series: ["#0072b2", "#d55e00", "#06a964", "#93135d", "#724113", "#2c2ab1"],
  },
  dark: {
    background: "#14171a",
    text: "#e6e8eb",
    faint: "#a3abb4",
    grid: "#2b3138",
    series: ["#56b4e9", "#ff8a3d", "#3df2a7", "#e8357f", "#f5ec3d", "#8b7bff"],
  },
};

// Lines differ by dash and points by shape as well, for print and for series beyond the sixth.
export const seriesDashes: readonly number[][] = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
  [12, 4],
  [4, 2, 1, 2, 1, 2],
];
const shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"];

const font = "Helvetica, Arial, sans-serif";

/** The Vega-Lite configuration of a theme: to be given to whatever draws a figure. */
export function themeConfig(name: ThemeName): Config {
  const { background, text, faint, grid, series } = colours[name];
  return {
    background,
    font,
    view: { stroke: null },
    title: { color: text, fontSize: 14, fontWeight: 600, anchor: "start", offset: 10, subtitleColor: faint },
    axis: {
      labelColor: faint,
      titleColor: text,
      titleFontWeight: 500,
      titleFontSize: 12,
      titlePadding: 8,
      labelFontSize: 11,
      gridColor: grid,
      domainColor: faint,
      tickColor: faint,
    },
    legend: { labelColor: text, titleColor: faint, titleFontWeight: 500, labelFontSize: 11, labelLimit: 260 },
    header: { labelColor: text, titleColor: text },
    text: { color: text },
    rule: { color: text },
    errorbar: { ticks: true },
    range: {
      category: [...series],
      symbol: [...shapes],
      // Even steps of lightness, readable in grey and with colour blindness.
      ramp: { scheme: "viridis" },
      heatmap: { scheme: "viridis" },
      diverging: { scheme: "blueorange" },
    },
  } as Config;
}
