import type { Operation } from "../operation.ts";
import { sizeOf } from "../shape.ts";
import { applyOne, asTensor, constant, type Tensor, type TensorLike } from "../tensor.ts";
import { convert, Value } from "../value.ts";
import { div } from "./arithmetic.ts";
import { expectFloat, withKernel } from "./define.ts";
import { nothingToPool, poolingWindows } from "./max-pool.ts";
import { pad } from "./pad.ts";
import { ones } from "./range.ts";
import { mean } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { convolutionInputGradient } from "./transposed-convolution.ts";
import { upsampleNearest } from "./upsample-nearest.ts";
import {
  forEachTap,
  type PerAxis,
  paddingAfter,
  spaceOf,
  type WindowOptions,
  type Windows,
  windowAttributes,
} from "./window.ts";

interface AveragePoolAttributes extends Windows {
  readonly countIncludePad: boolean;
}

const averagePoolOperation: Operation<AveragePoolAttributes> = {
  name: "averagePool",
  infer: ([x], { output }) => [{ shape: [...x.shape.slice(0, 2), ...output], dtype: x.dtype }],
  emit: (graph, [x], { inputs: [{ dtype }], attributes }) => [
    withKernel(graph, ["float32"], [x], dtype, dtype, ([source]) =>
      graph.node("AveragePool", [source], {
        ...windowAttributes(attributes),
        count_include_pad: attributes.countIncludePad ? 1 : 0,
      }),
    ),
  ],
  reference: ([x], { inputs: [input], outputs: [y], attributes }) => {
    const result = new Float64Array(y.size);
    const counts = countsOf(attributes);
    const [space, positions] = [sizeOf(attributes.input), counts.length];
    forEachTap(attributes, (place, _, position) => {
      for (let plane = 0; plane < input.shape[0] * input.shape[1]; plane++)
        result[plane * positions + position] += x[plane * space + place] / counts[position];
    });
    return [result];
  },
  gradient: ([dy], { inputs: [x], attributes }) => {
    const { input, kernel, output, strides, dilations, before } = attributes;
    const after = paddingAfter(attributes);
    const tiles = kernel.every(
      (size, i) => size === strides[i] && before[i] === 0 && after[i] <= 0 && dilations[i] === 1,
    );
    if (tiles) {
      const spread = upsampleNearest(div(dy!, sizeOf(kernel)), kernel);
      return [pad(spread, [null, null, ...after.map((count) => [0, -count] as const)])];
    }
    const counts = constant(new Value(convert(countsOf(attributes), x.dtype), output, x.dtype));
    const planes = reshape(div(dy!, counts), [x.shape[0] * x.shape[1], 1, ...output]);
    const taps = ones([1, 1, ...kernel], { dtype: x.dtype });
    const { countIncludePad: _, ...windows } = attributes;
    return [
      reshape(convolutionInputGradient(planes, taps, { ...windows, groups: 1 }), [...x.shape.slice(0, 2), ...input]),
    ];
  },
  batch: ([x], _, attributes, size) => {
    const y = applyOne(averagePoolOperation, [reshape(x, [size * x.shape[1], ...x.shape.slice(2)])], attributes);
    return [reshape(y, [size, x.shape[1], ...y.shape.slice(1)])];
  },
  simplifications: nothingToPool,
  linear: "jointly",
  flops: ({ outputs: [y], attributes: { kernel } }) => y.size * sizeOf(kernel),
};

/** How many elements the average of each window is of. */
function countsOf(attributes: AveragePoolAttributes): Float64Array {
  const counts = new Float64Array(sizeOf(attributes.output));
  if (attributes.countIncludePad) counts.fill(sizeOf(attributes.kernel));
  else
    forEachTap(attributes, (_place, _tap, position) => {
      counts[position]++;
    });
  return counts;
}

export interface AveragePoolOptions extends WindowOptions {
  /** Whether elements of padding count, as zeros. Default false: the average is of what is there. */
  readonly countIncludePad?: boolean;
}

/**
 * The mean of each window.
 *
 * @param x       float[batch, channels, ...space], one to three spatial axes
 * @param size    the window's, one number or one an axis
 * @param stride  default: the size, so that windows touch
 * @returns       float[batch, channels, ...space'], sizes as for `convolution`
 * @throws        ShapeError `averagePool/rank`, `averagePool/window`, `averagePool/padding`; SettingError
 *                `averagePool/size`, `…/stride`, `…/dilation`, `…/padding`; DTypeError `averagePool/dtype`
 * @example
 * averagePool(value([[[1, 3, 2, 0]]]), 2)   // [[[2, 1]]]
 */
export function averagePool(
  x: TensorLike,
  size: PerAxis,
  { countIncludePad = false, ...options }: AveragePoolOptions = {},
): Tensor {
  const tensor = asTensor(x);
  expectFloat("averagePool", tensor);
  const windows = poolingWindows("averagePool", tensor, size, options);
  return applyOne(averagePoolOperation, [tensor], { ...windows, countIncludePad });
}

/** The mean of each channel: [batch, channels], or with `keepDims` [batch, channels, 1, …]. */
export function globalAveragePool(x: TensorLike, { keepDims = false }: { keepDims?: boolean } = {}): Tensor {
  const tensor = asTensor(x);
  return mean(tensor, { axis: spaceOf("globalAveragePool", tensor).map((_, i) => i + 2), keepDims });
}
