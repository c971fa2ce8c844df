import type { Column, Columns } from "./column.ts";
import type { Testbed } from "./testbed.ts";

/**
 * A generated testbed's sample, an object of columns, with the hash that it has on every machine. Numbers of 64 bits are
 * rounded to 32: machines may differ in the last digit of a sine or logarithm.
 */
export const sampled = (sha256: string, make: () => object): Testbed["sample"] => ({
  sha256,
  make: () => ({
    columns: Object.fromEntries(Object.entries(make() as Columns).map(([name, column]) => [name, rounded(column)])),
    metadata: {},
  }),
});

const rounded = (column: Column): Column =>
  column.data instanceof Float64Array ? { ...column, data: Float32Array.from(column.data) } : column;
