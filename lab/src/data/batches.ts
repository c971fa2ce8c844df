import { type Column, type Columns, type Rows, rowCount, select, toFloats } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";

export interface BatchOptions {
  /** Examples in a batch. */
  readonly batch: number;
  /** Fixes the order of the examples; every epoch has its own. Without a seed they come as they stand. */
  readonly seed?: number;
  /** Passes over the examples. Default: without end where `steps` is given, else 1 */
  readonly epochs?: number;
  /** Batches in all, counted from step 0. Default: as many as the epochs hold */
  readonly steps?: number;
  /** The step to begin with, so that a resumed run sees the batches that it would have seen. Default 0 */
  readonly start?: number;
  /** Whether the last batch of an epoch may be smaller. Default false: programs are compiled for one size */
  readonly partial?: boolean;
}

export type Batch<D extends Columns> = { readonly [Name in keyof D]: Rows<D[Name]> };

/**
 * Batches of examples, in a shuffled order that the seed fixes.
 *
 * Batch number `step` depends on seed, batch size and `step` alone. Columns with a scale arrive as 32-bit floats.
 *
 * @param columns  named columns of equally many examples
 * @returns        an iterator of columns with `batch` examples each; every batch has arrays of its own
 * @throws         DataError `bad-option`: a batch larger than the data, unless `partial`
 * @example
 * for (const { x, y } of batches(train, { batch: 128, seed: 1, steps: 1000 })) …
 */
export function* batches<D extends Columns>(columns: D, options: BatchOptions): Generator<Batch<D>> {
  const { batch, seed, steps = Infinity, start = 0, partial = false } = options;
  const { epochs = steps === Infinity ? 1 : Infinity } = options;
  const count = rowCount(columns);
  requireOption(Number.isInteger(batch) && batch > 0, "batch", `a whole number from 1 is needed, given ${batch}`);
  const perEpoch = partial ? Math.ceil(count / batch) : Math.floor(count / batch);
  requireOption(perEpoch > 0, "batch", `${count} examples do not fill a batch of ${batch}; take a smaller batch`);
  const end = Math.min(steps, epochs * perEpoch);
  let epoch = -1;
  let order = new Int32Array();
  for (let step = start; step < end; step++) {
    if (Math.floor(step / perEpoch) !== epoch) {
      epoch = Math.floor(step / perEpoch);
      order = epochOrder(count, seed, epoch);
    }
    const first = (step % perEpoch) * batch;
    const rows = select(columns, order.subarray(first, first + batch));
    yield Object.fromEntries(
      Object.entries(rows).map(([name, column]) => [name, column.scale === undefined ? column : toFloats(column)]),
    ) as { [Name in keyof D]: Rows<Column & D[Name]> };
  }
}

function epochOrder(count: number, seed: number | undefined, epoch: number): Int32Array<ArrayBuffer> {
  if (seed === undefined) return Int32Array.from({ length: count }, (_, i) => i);
  return new Random(seed).split("batches").split(epoch).permutation(count) as Int32Array<ArrayBuffer>;
}
