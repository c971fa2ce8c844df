export { cholesky } from "./cholesky.ts";
export { determinant, logDeterminant } from "./determinant.ts";
export { qr } from "./qr.ts";
export { inverse, solve } from "./solve.ts";
export { symmetricEigen } from "./symmetric-eigen.ts";
export { type TriangularOptions, triangularSolve } from "./triangular-solve.ts";
