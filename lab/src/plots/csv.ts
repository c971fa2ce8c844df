import { csvFormat } from "d3-dsv";
import type { Row } from "./figure.ts";

/** All tables that stand inside a Vega-Lite specification, by name, each once. */
export function tablesOf(spec: unknown): Map<string, readonly Row[]> {
  const tables = new Map<string, readonly Row[]>();
  const add = (name: string, values: unknown) => {
    if (!Array.isArray(values)) return;
    let free = name;
    for (let number = 2; tables.has(free) && tables.get(free) !== values; number++) free = `${name} ${number}`;
    tables.set(free, values);
  };
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === "data") add(String(value?.name ?? "data"), value?.values);
      else if (key === "datasets") for (const [name, values] of Object.entries(value)) add(name, values);
      else visit(value);
    }
  };
  visit(spec);
  return tables;
}

/**
 * A figure's data as comma-separated values: every row begins with the name of its table; pictures are left out.
 */
export function csvOf(spec: unknown): string {
  const isPicture = (value: unknown) => typeof value === "string" && value.startsWith("data:");
  const rows = [...tablesOf(spec)].flatMap(([table, values]) =>
    values.map((row) => ({
      table,
      ...Object.fromEntries(Object.entries(row).filter(([, value]) => !isPicture(value))),
    })),
  );
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return csvFormat(rows, columns as never);
}
