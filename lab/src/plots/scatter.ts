import {
  type Axis,
  type Category,
  type Figure,
  type FigureOptions,
  frame,
  nominal,
  quantitative,
  type Reference,
  type Row,
  referenceLayers,
  table,
} from "./figure.ts";

export interface ScatterOptions extends FigureOptions {
  /** One row a point. */
  readonly rows: readonly Row[];
  readonly x: Axis;
  readonly y: Axis;
  readonly series?: Category;
  /** Property with a text that stands beside each point. */
  readonly label?: string;
  /** Whether the line x = y is drawn. Default false */
  readonly diagonal?: boolean;
  readonly references?: readonly Reference[];
}

/** Points, told apart by colour and shape. */
export function scatter(options: ScatterOptions): Figure {
  const { rows, x, y, series, label, diagonal = false, references = [] } = options;
  const position = { x: quantitative(x), y: quantitative(y) };
  const look = series ? { color: nominal(rows, series), shape: nominal(rows, series) } : {};
  const ends = diagonal ? diagonalEnds(rows, x, y) : [];
  return {
    ...frame(options),
    layer: [
      ...(diagonal
        ? [
            {
              ...table("diagonal", ends),
              mark: { type: "line", strokeDash: [3, 3], strokeWidth: 1, color: "#808890" },
              encoding: position,
            },
          ]
        : []),
      {
        ...table("points", rows),
        layer: [
          {
            mark: { type: "point", filled: true, size: 42, opacity: 0.75, tooltip: true },
            encoding: { ...position, ...look },
          },
          ...(label
            ? [
                {
                  mark: { type: "text", align: "left", dx: 6, fontSize: 10 },
                  encoding: { ...position, text: { field: label } },
                },
              ]
            : []),
        ],
      },
      ...referenceLayers(references, "y", position.y),
    ],
  };
}

/** The line x = y where both axes reach. */
function diagonalEnds(rows: readonly Row[], x: Axis, y: Axis): Row[] {
  const reach = (axis: Axis) => rows.map((row) => row[axis.field] as number);
  const low = Math.max(Math.min(...reach(x)), Math.min(...reach(y)));
  const high = Math.min(Math.max(...reach(x)), Math.max(...reach(y)));
  return low < high ? [low, high].map((value) => ({ [x.field]: value, [y.field]: value })) : [];
}
