import type { Figure, FigureOptions } from "./figure.ts";

/** Figures beside each other, each with scales and colours of its own. */
export function panels(
  figures: readonly Figure[],
  { columns = figures.length, ...options }: Pick<FigureOptions, "title" | "description"> & { columns?: number } = {},
): Figure {
  return {
    ...(figures[0]?.$schema ? { $schema: figures[0].$schema } : {}),
    ...(options.title ? { title: options.title } : {}),
    ...(options.description ? { description: options.description } : {}),
    columns,
    concat: figures.map(({ $schema: _, ...figure }, index) => (index === 0 ? figure : renamed(figure, index + 1))),
    resolve: { scale: { color: "independent", shape: "independent", strokeDash: "independent" } },
    spacing: 28,
  };
}

/** The figure with tables named "cells 2" and so on: Vega draws no specification with two tables of one name. */
function renamed<T>(node: T, panel: number): T {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map((item) => renamed(item, panel)) as T;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [
      key,
      key === "data" && value?.name ? { ...value, name: `${value.name} ${panel}` } : renamed(value, panel),
    ]),
  ) as T;
}
