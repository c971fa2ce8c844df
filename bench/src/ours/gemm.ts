import { compile, matmul, sum, type Tensor, type Value, value } from "../../../library/src/index.ts";
import { serve } from "../child.ts";

/** Sizes at which products are fast: large and square, and the tall ones of a transformer. */
const sizes: readonly (readonly [rows: number, inner: number, columns: number])[] = [
  [1024, 1024, 1024],
  [2048, 256, 1024],
  [2048, 1024, 256],
];

const repeats = 4;

const filled = (rows: number, columns: number): Value =>
  value(
    Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
    { shape: [rows, columns] },
  );

// One number comes back, so that the product is timed and not the copy of its result; the sum reads it once.
await serve(async () => {
  const products = sizes.map(([rows, inner, columns]) => ({
    flops: 2 * rows * inner * columns,
    program: compile((a: Tensor, b: Tensor) => sum(matmul(a, b)), { threads: 2 }),
    a: filled(rows, inner),
    b: filled(inner, columns),
  }));
  return {
    about: { sizes: sizes.map((size) => size.join("x")).join(" ") },
    step: async () => {
      let best = 0;
      for (const { flops, program, a, b } of products)
        for (let i = 0; i < repeats; i++) {
          const start = performance.now();
          await program(a, b);
          best = Math.max(best, flops / (performance.now() - start) / 1e6);
        }
      return best;
    },
  };
});
