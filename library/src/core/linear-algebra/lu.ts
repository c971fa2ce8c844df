/** For the oracle: an LU decomposition of one matrix in place of a copy, rows exchanged for the largest pivot. */
export interface Decomposed {
  /** U on and above the diagonal, L without its ones below, row-major. */
  readonly factors: Float64Array;
  /** Which row of the matrix each row of the factors is. */
  readonly order: readonly number[];
  /** 1 or −1: whether an even or odd number of rows was exchanged. */
  readonly parity: number;
  /** The first pivot that is 0, or −1. */
  readonly singularAt: number;
}

export function decompose(matrix: Float64Array, n: number): Decomposed {
  const factors = matrix.slice();
  const order = Array.from({ length: n }, (_, i) => i);
  let parity = 1;
  let singularAt = -1;
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(factors[i * n + k]) > Math.abs(factors[best * n + k])) best = i;
    if (best !== k) {
      for (let j = 0; j < n; j++)
        [factors[k * n + j], factors[best * n + j]] = [factors[best * n + j], factors[k * n + j]];
      [order[k], order[best]] = [order[best], order[k]];
      parity = -parity;
    }
    const pivot = factors[k * n + k];
    if (pivot === 0) {
      if (singularAt < 0) singularAt = k;
      continue;
    }
    for (let i = k + 1; i < n; i++) {
      const factor = (factors[i * n + k] /= pivot);
      for (let j = k + 1; j < n; j++) factors[i * n + j] -= factor * factors[k * n + j];
    }
  }
  return { factors, order, parity, singularAt };
}

/** Solves for one right side of `columns` columns, row-major. */
export function substitute(
  { factors, order }: Decomposed,
  n: number,
  right: Float64Array,
  columns: number,
): Float64Array {
  const x = new Float64Array(n * columns);
  for (let k = 0; k < columns; k++) {
    for (let i = 0; i < n; i++) {
      let rest = right[order[i] * columns + k];
      for (let j = 0; j < i; j++) rest -= factors[i * n + j] * x[j * columns + k];
      x[i * columns + k] = rest;
    }
    for (let i = n - 1; i >= 0; i--) {
      let rest = x[i * columns + k];
      for (let j = i + 1; j < n; j++) rest -= factors[i * n + j] * x[j * columns + k];
      x[i * columns + k] = rest / factors[i * n + i];
    }
  }
  return x;
}
