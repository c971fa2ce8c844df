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
    concat: figures.map(({ $schema: _, ...figure }) => figure),
    resolve: { scale: { color: "independent", shape: "independent", strokeDash: "independent" } },
    spacing: 28,
  };
}
