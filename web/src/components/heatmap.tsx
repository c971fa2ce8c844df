import { interpolateRdBu, interpolateViridis } from "d3-scale-chromatic";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatNumber } from "sluice-lab/report/format";

export interface HeatmapProps {
  /** What is shown, for those who do not see it. */
  readonly label: string;
  /** Row by row. */
  readonly values: ArrayLike<number>;
  readonly rows: number;
  readonly columns: number;
  readonly rowLabels?: readonly string[];
  readonly columnLabels?: readonly string[];
  /** Values of the colours' ends. Default: 0 (or the smallest, if below) to the largest; for `diverging` even about 0 */
  readonly domain?: readonly [low: number, high: number];
  /** Default `sequential` */
  readonly scale?: "sequential" | "diverging";
  /** Cells to be marked with a frame. */
  readonly marks?: readonly { readonly row: number; readonly column: number }[];
  /** Widest size of a cell, pixels. Default 24 */
  readonly cell?: number;
  onCell?(row: number, column: number): void;
}

/** The colours of a scale, as `rgb(…)` for 0 … 255. */
function ramp(scale: "sequential" | "diverging"): string[] {
  const colour = scale === "diverging" ? (at: number) => interpolateRdBu(1 - at) : interpolateViridis;
  return Array.from({ length: 256 }, (_, index) => colour(index / 255));
}
const ramps = { sequential: ramp("sequential"), diverging: ramp("diverging") };

function extent(values: ArrayLike<number>, scale: "sequential" | "diverging"): readonly [number, number] {
  let [low, high] = [0, 0];
  for (let index = 0; index < values.length; index++) {
    if (values[index] < low) low = values[index];
    if (values[index] > high) high = values[index];
  }
  const far = Math.max(-low, high);
  return scale === "diverging" ? [-far, far] : [low, high];
}

/** A matrix as colours on a canvas; the cell under the pointer or the keyboard's cursor is read out beneath it. */
export function Heatmap(props: HeatmapProps) {
  const {
    label,
    values,
    rows,
    columns,
    rowLabels,
    columnLabels,
    scale = "sequential",
    marks,
    cell = 24,
    onCell,
  } = props;
  const [low, high] = props.domain ?? extent(values, scale);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [at, setAt] = useState<{ row: number; column: number } | null>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const size = Math.max(1, Math.min(cell, Math.floor(1024 / Math.max(rows, columns)))) * 2;
    context.canvas.width = columns * size;
    context.canvas.height = rows * size;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const share = (values[row * columns + column] - low) / (high - low || 1);
        context.fillStyle = ramps[scale][Math.round(255 * Math.min(1, Math.max(0, share)))] ?? "transparent";
        context.fillRect(column * size, row * size, size, size);
      }
    }
    context.lineWidth = Math.max(2, size / 8);
    context.strokeStyle = "#ff8a3d";
    for (const { row, column } of marks ?? []) {
      const inset = context.lineWidth / 2;
      context.strokeRect(column * size + inset, row * size + inset, size - 2 * inset, size - 2 * inset);
    }
  }, [values, rows, columns, low, high, scale, marks, cell]);
  const place = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    if (row >= 0 && row < rows && column >= 0 && column < columns) setAt({ row, column });
  };
  const move = (event: KeyboardEvent) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter" && at) onCell?.(at.row, at.column);
    if (!by) return;
    event.preventDefault();
    const { row, column } = at ?? { row: 0, column: -1 };
    setAt({
      row: Math.min(rows - 1, Math.max(0, row + by[0])),
      column: Math.min(columns - 1, Math.max(0, column + by[1])),
    });
  };
  const name = (labels: readonly string[] | undefined, index: number) => labels?.[index] ?? `${index}`;
  return (
    <div class="heatmap">
      <div class="heatmap-field">
        <canvas
          ref={canvas}
          role="img"
          aria-label={label}
          tabIndex={0}
          style={{ aspectRatio: `${columns} / ${rows}`, width: `${columns * cell}px` }}
          onPointerMove={place}
          onPointerLeave={() => setAt(null)}
          onKeyDown={move}
          onBlur={() => setAt(null)}
          onClick={() => at && onCell?.(at.row, at.column)}
        />
        {at && (
          <span
            class="heatmap-cursor"
            style={{
              left: `${(100 * at.column) / columns}%`,
              top: `${(100 * at.row) / rows}%`,
              width: `${100 / columns}%`,
              height: `${100 / rows}%`,
            }}
          />
        )}
      </div>
      <output class="heatmap-readout">
        {at
          ? `${name(rowLabels, at.row)} → ${name(columnLabels, at.column)}: ${formatNumber(values[at.row * columns + at.column])}`
          : `${formatNumber(low)} … ${formatNumber(high)}`}
      </output>
    </div>
  );
}
