declare module "fft.js" {
  /** Complex transforms of a power of two; real and imaginary parts alternate. */
  export default class FFT {
    constructor(size: number);
    /** cos(2πk/size) and −sin(2πk/size), alternating. */
    table: number[];
    /** out = Σ data·e^{−2πijk/size} */
    transform(out: Float64Array, data: Float64Array): void;
    /** The inverse, divided by the size. */
    inverseTransform(out: Float64Array, data: Float64Array): void;
  }
}
