import type { Report } from "./report.ts";
import { failed, type Result } from "./runner.ts";

const time = (ms: number) =>
  ms < 1 ? `${(1000 * ms).toFixed(1)} µs` : ms < 100 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`;

function row(name: string, result: Result, ratio: number | undefined): string[] {
  if (failed(result)) return [name, `failed: ${result.error.split("\n")[0]}`];
  const { medianMs, minMs, maxMs, peakMb, lastValue } = result;
  const peak = peakMb === null ? "?" : `${peakMb} MB`;
  const last = Number.isFinite(lastValue) ? lastValue.toPrecision(6) : "–";
  return [
    name,
    time(medianMs),
    `${time(minMs)} – ${time(maxMs)}`,
    peak,
    last,
    ratio === undefined ? "" : ratio.toFixed(3),
  ];
}

/** The report as a table to read. */
export function table(report: Report): string {
  const { name, machine, ours, peers, ratios } = report;
  const rows = [
    ["", "median", "min – max", "peak memory", "last value", "ours / it"],
    row("ours", ours, undefined),
    ...Object.entries(peers).map(([peer, result]) => row(peer, result, ratios[peer])),
  ];
  const widths = rows[0].map((_, i) =>
    Math.max(...rows.map((cells) => (cells.length > 2 ? (cells[i] ?? "").length : 0))),
  );
  widths[0] = Math.max(...rows.map(([first]) => first.length));
  const lines = rows.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join("  ")
      .trimEnd(),
  );
  const disturbed = Object.entries({ ours, ...peers }).flatMap(([who, result]) =>
    !failed(result) && result.disturbed > 0
      ? [`${who}: ${result.disturbed} measurements disturbed by other processes`]
      : [],
  );
  const notes = Object.entries(peers).flatMap(([peer, { note }]) => (note ? [`${peer}: ${note}`] : []));
  const runs = failed(ours) ? "" : `${ours.runs} runs each, interleaved; `;
  const rate =
    report.gemmPeakGflops === undefined || report.achievedGflops === undefined
      ? []
      : [
          `ours ${report.achievedGflops.toFixed(0)} GFLOP/s of ${report.gemmPeakGflops.toFixed(0)} GFLOP/s matrix-product peak ` +
            `(${((100 * report.achievedGflops) / report.gemmPeakGflops).toFixed(0)} %)`,
        ];
  return [
    `${name}: ${runs}two threads; ${machine.cpu}, ${machine.cores} cores, ${machine.os}, Node ${machine.node}, ` +
      `revision ${machine.revision}, ${Math.round(100 * machine.idle)} % idle before`,
    ...lines,
    ...rate,
    ...notes,
    ...disturbed,
  ].join("\n");
}
