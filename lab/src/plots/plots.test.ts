import { decode } from "fast-png";
import { describe, expect, test } from "vitest";
import { bars } from "./bars.ts";
import { csvOf, tablesOf } from "./csv.ts";
import { curves, curvesSpec } from "./curves.ts";
import { axisTitle, type Figure, interval, quantityOf, type Row } from "./figure.ts";
import { heatmap, matrixRows } from "./heatmap.ts";
import { histogram } from "./histogram.ts";
import { images } from "./images.ts";
import { panels } from "./panels.ts";
import { scatter } from "./scatter.ts";
import { renderSvg } from "./svg.ts";
import { textWidth } from "./text-width.ts";
import { colours, type ThemeName } from "./theme.ts";

const points = ["softmax", "softpick"].flatMap((variant, v) =>
  [1, 2, 3].flatMap((seed) =>
    [0, 10, 20].map((step) => ({ variant, seed, step, value: 3 - v - step / 20 + seed / 10 })),
  ),
);
const tableOf = (figure: Figure, name: string) => tablesOf(figure).get(name) as readonly Row[];

const all: Record<string, Figure> = {
  curves: curvesSpec("loss/nats", points),
  bars: bars({
    rows: points,
    y: { field: "value", title: "loss", unit: "nats" },
    groups: { field: "step", title: "step" },
    series: { field: "variant", title: "variant" },
    references: [{ value: 1, label: "chance" }],
  }),
  heatmap: heatmap({
    rows: matrixRows([0, 1, -2, 3], 2),
    x: { field: "x", title: "key" },
    y: { field: "y", title: "query" },
    value: { field: "value", title: "score" },
    diverging: true,
  }),
  histogram: histogram({
    rows: points,
    x: { field: "value", title: "loss", unit: "nats" },
    series: { field: "variant", title: "variant" },
    bins: 7,
  }),
  scatter: scatter({
    rows: points,
    x: { field: "step", title: "step" },
    y: { field: "value", title: "loss", unit: "nats" },
    series: { field: "variant", title: "variant" },
    label: "variant",
    diagonal: true,
  }),
  images: images({
    pictures: [
      { row: "a", column: "1", pixels: [0, 1, 0.5, 0], shape: [1, 2, 2], caption: "grey" },
      { row: "a", column: "2", pixels: [1, 0, 0], shape: [3, 1, 1] },
    ],
  }),
};
all.panels = panels([all.curves, all.histogram], { title: "Both" });

describe.each(Object.entries(all))("%s", (_, figure) => {
  test("is drawn alike every time, also when drawings overlap, in light and dark", async () => {
    const first = await renderSvg(figure);
    const [second, dark, third] = await Promise.all([
      renderSvg(figure),
      renderSvg(figure, { theme: "dark" }),
      renderSvg(figure),
    ]);
    expect(second).toBe(first);
    expect(third).toBe(first);
    expect(first).toMatch(/^<svg[\s\S]*<\/svg>$/);
    expect(first).not.toMatch(/NaN|undefined|Infinity/);
    expect(dark).toContain(`fill="${colours.dark.background}"`);
    expect(dark).not.toContain(colours.light.series[0]);
  });
});

describe("curves", () => {
  test("means and intervals over the seeds", () => {
    const means = tableOf(all.curves, "means");
    expect(means).toHaveLength(6);
    const at = means.find((row) => row.variant === "softpick" && row.step === 10)!;
    expect(at.value).toBeCloseTo(1.7, 10);
    // Values 1.6, 1.7, 1.8: deviation 0.1, t(0.975, 2) = 4.30265.
    expect(at[interval.high]).toBeCloseTo(1.7 + (4.30265 * 0.1) / Math.sqrt(3), 5);
    expect(at[interval.count]).toBe(3);
  });

  test("the axis says quantity and unit", async () => {
    expect(quantityOf("loss/nats")).toEqual({ title: "loss", unit: "nats" });
    expect(quantityOf("asr/percent_lower_is_better").unit).toBe("percent lower is better");
    expect(quantityOf("loss")).toEqual({ title: "loss" });
    expect(axisTitle({ title: "speed", unit: "ms" })).toBe("speed (ms)");
    expect(await renderSvg(all.curves)).toContain("loss (nats)");
  });

  test("one seed has no band; none at all is an empty plot", async () => {
    const one = points.filter(({ seed }) => seed === 1);
    expect(tablesOf(curvesSpec("loss", one)).has("seeds")).toBe(false);
    expect(await renderSvg(curvesSpec("loss", one))).toContain("softpick");
    expect(await renderSvg(curvesSpec("loss", []))).toMatch(/<svg/);
  });

  test("long curves are thinned to means of equal stretches", () => {
    const long = Array.from({ length: 10_000 }, (_, step) => ({ variant: "", seed: 1, step, value: step }));
    const means = tableOf(curvesSpec("x", long), "means");
    expect(means).toHaveLength(250);
    expect(means[0]).toMatchObject({ step: 0, value: 19.5 });
    expect(means.reduce((sum, row) => sum + (row.value as number), 0) / 250).toBeCloseTo(4999.5, 6);
  });

  test("on a logarithmic axis a band never reaches below the smallest seed", () => {
    const rows = [0.001, 0.002, 1].map((value, seed) => ({ v: "a", seed, x: 1, value }));
    const figure = curves({
      rows,
      x: { field: "x", title: "x" },
      y: { field: "value", title: "y", scale: "log" },
      series: { field: "v", title: "v" },
    });
    expect(tableOf(figure, "means")[0][interval.low]).toBe(0.001);
  });
});

test("histogram: shares of a series sum to one, and the largest value is counted", () => {
  const bins = tableOf(all.histogram, "bins");
  expect(bins).toHaveLength(14);
  for (const variant of ["softmax", "softpick"]) {
    const own = bins.filter((bin) => bin.variant === variant);
    expect(own.reduce((sum, bin) => sum + (bin.share as number), 0)).toBeCloseTo(1, 12);
  }
  const constant = histogram({ rows: [{ v: 2 }, { v: 2 }], x: { field: "v", title: "v" }, bins: 3 });
  expect(tableOf(constant, "bins").map(({ count }) => count)).toEqual([2, 0, 0]);
});

describe("images", () => {
  test("hold the pixels that were given", () => {
    const [grey, red] = tableOf(all.images, "pictures").map(({ image }) =>
      decode(Buffer.from(String(image).split(",")[1], "base64")),
    );
    expect([grey.channels, ...grey.data]).toEqual([1, 0, 255, 128, 0]);
    expect([red.channels, ...red.data]).toEqual([3, 255, 0, 0]);
  });

  test("pixels that do not fill the shape are refused", () => {
    expect(() => images({ pictures: [{ row: "", column: "", pixels: [1], shape: [1, 2, 2] }] })).toThrow(RangeError);
  });
});

describe("csvOf", () => {
  test("holds every table once, with its name, and no pictures", () => {
    const lines = csvOf(all.curves).split("\n");
    expect(lines[0].split(",").slice(0, 4)).toEqual(["table", "variant", "step", "value"]);
    expect(lines.filter((line) => line.startsWith("means,"))).toHaveLength(6);
    expect(lines.filter((line) => line.startsWith("seeds,"))).toHaveLength(18);
    expect(csvOf(all.images)).toBe("table,row,column,caption\npictures,a,1,grey\npictures,a,2,");
  });

  test("two panels of one kind are drawn, each with its own data", async () => {
    const svg = await renderSvg(panels([all.heatmap, all.heatmap]));
    const once = await renderSvg(all.heatmap);
    const cells = (drawing: string) => drawing.match(/mark-rect role-mark/g)?.length ?? 0;
    expect(cells(once)).toBe(1);
    expect(cells(svg)).toBe(2);
    // Each drawing of the matrix has all of its cells.
    const paths = (drawing: string) => drawing.match(/<path /g)!.length;
    expect(paths(svg)).toBeGreaterThan(1.8 * paths(once));
  });

  test("tables of the same name in two panels are kept apart", () => {
    const other = curvesSpec("loss", points.slice(0, 3));
    expect([...tablesOf(panels([all.curves, other])).keys()]).toEqual(["means", "seeds", "means 2"]);
  });
});

test("textWidth: Helvetica's own widths", () => {
  expect(textWidth("Wide 1", 10)).toBeCloseTo((944 + 222 + 556 + 556 + 278 + 556) / 100, 10);
  expect(textWidth("", 10)).toBe(0);
});

describe.each<ThemeName>(["light", "dark"])("colours of the %s theme", (theme) => {
  const { background, series, text, faint } = colours[theme];

  test("stand out from the background: text 4.5 : 1, series 3 : 1", () => {
    for (const colour of [text, faint]) expect(contrast(colour, background)).toBeGreaterThan(4.5);
    for (const colour of series) expect(contrast(colour, background)).toBeGreaterThan(3);
  });

  // Severity 1 of Machado, Oliveira & Fernandes 2009, "A physiologically-based model for simulation of colour vision
  // deficiency".
  test.each([
    ["full sight", [1, 0, 0, 0, 1, 0, 0, 0, 1]],
    ["protanopia", [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998]],
    ["deuteranopia", [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881]],
    ["tritanopia", [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039]],
  ])("can be told apart with %s", (_, matrix) => {
    const seen = series.map((colour) => lab(times(matrix, linear(colour))));
    // CIE76; 2.3 is just noticeable side by side, thin lines need far more.
    for (const [i, a] of seen.entries())
      for (const b of seen.slice(i + 1))
        expect(Math.hypot(...a.map((value, axis) => value - b[axis]))).toBeGreaterThan(18);
  });
});

const linear = (hex: string) =>
  [1, 3, 5].map((place) => {
    const value = Number.parseInt(hex.slice(place, place + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
const times = (matrix: readonly number[], [r, g, b]: readonly number[]) =>
  [0, 3, 6].map((row) => Math.min(1, Math.max(0, matrix[row] * r + matrix[row + 1] * g + matrix[row + 2] * b)));
const luminance = ([r, g, b]: readonly number[]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
const contrast = (a: string, b: string) => {
  const [bright, dark] = [a, b].map((colour) => luminance(linear(colour))).sort((x, y) => y - x);
  return (bright + 0.05) / (dark + 0.05);
};
function lab([r, g, b]: readonly number[]): number[] {
  const cube = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = cube((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = cube(luminance([r, g, b]));
  const z = cube((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
