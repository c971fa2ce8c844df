import type { Tensor, TensorLike } from "../../tensor.ts";
import { straightThrough } from "../../transforms/custom-gradient.ts";
import { div, maximum, minimum, mul, round, sub } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { rangeOfCodes, spread } from "./codes.ts";
import { type QuantizeLinearOptions, quantizationOf } from "./quantize-linear.ts";

/**
 * The numbers that quantizing and dequantizing would give, with a gradient: training that knows it will be quantized.
 *
 *     y = (clamp(round(x / scale) + zeroPoint) − zeroPoint) · scale
 *
 * The gradient to `x` is passed straight through where the code is inside its range, and is 0 where it is cut off. The
 * gradient to the scale is that of the formula with the rounding's derivative taken as 1, so a scale can be learned.
 *
 * @param x          float[...]
 * @param scale      as in {@link quantizeLinear}
 * @param zeroPoint  as in {@link quantizeLinear}
 * @returns          shape and dtype of `x`
 * @throws           ShapeError `fakeQuantize/scale`, `…/zero-point`, `…/axis-out-of-range`; DTypeError
 *                   `fakeQuantize/dtype`, `…/zero-point`
 * @source           Jacob et al. 2018, arXiv:1712.05877, section 3; scale: Esser et al. 2020, arXiv:1902.08153, equation 3
 * @example
 * fakeQuantize(value([0.3, 0.8, 400]), 0.5)   // [0.5, 1, 63.5]
 */
export function fakeQuantize(
  x: TensorLike,
  scale: TensorLike,
  zeroPoint?: TensorLike,
  options: QuantizeLinearOptions = {},
): Tensor {
  const { input, steps, zero, type, attributes } = quantizationOf("fakeQuantize", x, scale, zeroPoint, options);
  const along = (setting: Tensor): Tensor => spread(setting, input.shape, attributes);
  const bounds = rangeOfCodes(type).map((bound) =>
    zero.length === 0 ? bound : sub(bound, along(cast(zero[0], input.dtype))),
  );
  const quotient = minimum(maximum(div(input, along(steps)), bounds[0]), bounds[1]);
  return mul(straightThrough(round(quotient), quotient), along(steps));
}
