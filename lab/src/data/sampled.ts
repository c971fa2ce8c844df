import type { Columns } from "./column.ts";
import type { Testbed } from "./testbed.ts";

/** A generated testbed's sample, an object of columns, with the hash that it has on every machine. */
export const sampled = (sha256: string, make: () => object): Testbed["sample"] => ({
  sha256,
  make: () => ({ columns: make() as Columns, metadata: {} }),
});
