import { dtypes } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { range, sizeOf } from "../shape.ts";
import { apply, applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { sub } from "./arithmetic.ts";
import { expectFloat } from "./define.ts";
import { firstPlaces, maxUnpool } from "./max-unpool.ts";
import { zeros } from "./range.ts";
import { reshape } from "./reshape.ts";
import type { Ordered } from "./top-k.ts";
import {
  forEachTap,
  type PerAxis,
  perAxis,
  spaceOf,
  type WindowOptions,
  type Windows,
  windowAttributes,
  windowsOver,
} from "./window.ts";

interface MaxPoolAttributes extends Windows {
  /** Whether the places of the maxima are an output, too: finding them takes ten times as long as the maxima. */
  readonly indices: boolean;
}

/** The runtime refuses an input without channels. */
export const nothingToPool: Operation["simplifications"] = {
  "nothing-to-pool": ({ inputs: [x], outputs }) =>
    x.size === 0 ? outputs.map(({ shape, dtype }) => zeros(shape, { dtype })) : undefined,
};

// Outputs: the maxima, and where each was found: its flat place in the whole input.
const maxPoolOperation: Operation<MaxPoolAttributes> = {
  name: "maxPool",
  infer: ([x], { output, indices }) => {
    const shape = [...x.shape.slice(0, 2), ...output];
    return [{ shape, dtype: x.dtype }, ...(indices ? [{ shape, dtype: "int64" } as const] : [])];
  },
  emit: (graph, [x], { inputs: [{ dtype }], attributes }) => {
    const half = dtype === "float16";
    const [y, ...indices] = graph.nodes("MaxPool", [half ? graph.node("Cast", [x], { to: dtypes.float32.onnx }) : x], {
      outputs: attributes.indices ? 2 : 1,
      attributes: windowAttributes(attributes),
    });
    return [half ? graph.node("Cast", [y], { to: dtypes.float16.onnx }) : y, ...indices];
  },
  reference: ([x], { inputs: [input], outputs: [y], attributes }) => {
    const values = new Float64Array(y.size);
    const places = new Float64Array(y.size).fill(-1);
    const [space, positions] = [sizeOf(attributes.input), sizeOf(attributes.output)];
    // The taps of a window come in row-major order: of equal maxima the first one stays.
    forEachTap(attributes, (place, _, position) => {
      for (let plane = 0; plane < input.shape[0] * input.shape[1]; plane++) {
        const [from, to] = [plane * space + place, plane * positions + position];
        if (places[to] >= 0 && !(x[from] > values[to])) continue;
        values[to] = x[from];
        places[to] = from;
      }
    });
    return attributes.indices ? [values, places] : [values];
  },
  gradient: ([dy], { inputs: [x], outputs: [, indices], attributes }) => [
    dy && maxUnpool(dy, indices, x.shape, { overlapping: overlap(attributes) }),
  ],
  batch: ([x], _, attributes, size) => {
    const merged = reshape(x, [size * x.shape[1], ...x.shape.slice(2)]);
    const results = apply(maxPoolOperation, [merged], attributes).map((one) =>
      reshape(one, [size, x.shape[1], ...one.shape.slice(1)]),
    );
    // Places count from the start of each example.
    return results.map((one, i) => (i === 0 ? one : sub(one, firstPlaces(size, x.size / Math.max(1, size), one.rank))));
  },
  dropUnused: ({ inputs: [x], attributes }, [values, indices]) =>
    attributes.indices && values && !indices
      ? apply(maxPoolOperation, [x], { ...attributes, indices: false })
      : undefined,
  simplifications: nothingToPool,
  flops: ({ outputs: [y], attributes: { kernel } }) => y.size * sizeOf(kernel),
};

/** Whether an element can be in two windows. */
const overlap = ({ kernel, strides, dilations }: Windows): boolean =>
  kernel.some((size, axis) => (size - 1) * dilations[axis] + 1 > strides[axis]);

/** Pooling windows, each with at least one element inside. */
export function poolingWindows(operation: string, x: Tensor, size: PerAxis, options: WindowOptions): Windows {
  const space = spaceOf(operation, x);
  if (space.length > 3)
    throw new ShapeError(`${operation}/rank`, `pooling goes over one to three spatial axes, not ${space.length}`, {
      operands: { input: x },
      fix: "reduce further axes with max or mean",
    });
  const kernel = perAxis(operation, "size", size, space.length);
  const windows = windowsOver(operation, space, kernel, { stride: kernel, ...options }, { input: x });
  const { input, output, strides, dilations, before } = windows;
  const pads = windowAttributes(windows).pads;
  const axis = kernel.findIndex(
    (taps, i) =>
      Math.max(pads[i], pads[i + kernel.length]) >= taps ||
      range(output[i]).some((o) =>
        range(taps).every((k) => {
          const place = o * strides[i] + k * dilations[i] - before[i];
          return place < 0 || place >= input[i];
        }),
      ),
  );
  if (axis >= 0)
    throw new ShapeError(
      `${operation}/padding`,
      `a window of ${kernel[axis]} could lie in the padding of axis ${axis}`,
      {
        operands: { input: x },
        given: options.padding,
        fix: "pad by less than the window's size, or with pad() first",
      },
    );
  return windows;
}

function pool(x: TensorLike, size: PerAxis, options: WindowOptions): Tensor[] {
  const tensor = asTensor(x);
  expectFloat("maxPool", tensor);
  return apply(maxPoolOperation, [tensor], { ...poolingWindows("maxPool", tensor, size, options), indices: true });
}

/**
 * The largest element of each window. Padding never wins. The gradient goes to the first of equal maxima.
 *
 * @param x       float[batch, channels, ...space], one to three spatial axes; not NaN. A window of nothing but −Infinity
 *                gives ONNX Runtime's lowest finite number
 * @param size    the window's, one number or one an axis
 * @param stride  default: the size, so that windows touch
 * @returns       float[batch, channels, ...space'], sizes as for `convolution`
 * @throws        ShapeError `maxPool/rank`, `maxPool/window`, `maxPool/padding`; SettingError `maxPool/size`, `…/stride`,
 *                `…/dilation`, `…/padding`; DTypeError `maxPool/dtype`
 * @example
 * maxPool(value([[[1, 3, 2, 0]]]), 2)   // [[[3, 2]]]
 */
export function maxPool(x: TensorLike, size: PerAxis, options: WindowOptions = {}): Tensor {
  const tensor = asTensor(x);
  const { operation, inputs, attributes } = tensor.node;
  // A function that never falls may follow the maximum, and then has fewer elements to work on, forwards and backwards.
  if (operation.nonDecreasing) return applyOne(operation, [maxPool(inputs[0], size, options)], attributes);
  return pool(tensor, size, options)[0];
}

/** As `maxPool`, with the places (int64) of the maxima: flat, in the whole of `x`. See `maxUnpool`. */
export function maxPoolWithIndices(x: TensorLike, size: PerAxis, options: WindowOptions = {}): Ordered {
  const [values, indices] = pool(x, size, options);
  return { values, indices };
}

/** The largest element of each channel: [batch, channels], or with `keepDims` [batch, channels, 1, …]. */
export function globalMaxPool(x: TensorLike, { keepDims = false }: { keepDims?: boolean } = {}): Tensor {
  const tensor = asTensor(x);
  const pooled = maxPool(tensor, spaceOf("globalMaxPool", tensor));
  return keepDims ? pooled : reshape(pooled, pooled.shape.slice(0, 2));
}
