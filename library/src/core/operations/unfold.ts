import { ShapeError } from "../errors.ts";
import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { range, sizeOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { concat } from "./concat.ts";
import { expectFloat, withKernel } from "./define.ts";
import { pad } from "./pad.ts";
import { zeros } from "./range.ts";
import { reshape } from "./reshape.ts";
import { slice } from "./slice.ts";
import { transpose } from "./transpose.ts";
import {
  forEachTap,
  type PerAxis,
  paddingAfter,
  perAxis,
  spaceOf,
  type WindowOptions,
  type Windows,
  windowAttributes,
  windowsOver,
} from "./window.ts";

const unfoldOperation: Operation<Windows> = {
  name: "unfold",
  infer: ([x], { kernel, output }) => [
    { shape: [x.shape[0], x.shape[1] * sizeOf(kernel), sizeOf(output)], dtype: x.dtype },
  ],
  emit: (graph, names, node) => lower(graph, names, node, (x) => [composed(x, node.attributes)]),
  reference: ([x], { inputs: [input], outputs: [y], attributes }) => {
    const result = new Float64Array(y.size);
    const [space, taps, positions] = [attributes.input, attributes.kernel, attributes.output].map(sizeOf);
    forEachTap(attributes, (place, tap, position) => {
      for (let plane = 0; plane < input.shape[0] * input.shape[1]; plane++)
        result[(plane * taps + tap) * positions + position] = x[plane * space + place];
    });
    return [result];
  },
  gradient: ([dy], { attributes }) => [applyOne(foldOperation, [dy!], attributes)],
  batch: ([x], _, attributes, size) => [split(applyOne(unfoldOperation, [merge(x)], attributes), size)],
  linear: "jointly",
  flops: () => 0,
};

const foldOperation: Operation<Windows> = {
  name: "fold",
  infer: ([columns], { input, kernel }) => [
    { shape: [columns.shape[0], columns.shape[1] / sizeOf(kernel), ...input], dtype: columns.dtype },
  ],
  emit: (graph, [columns], { inputs: [{ dtype }], attributes }) => [
    withKernel(graph, ["float32"], [columns], dtype, dtype, ([source]) => {
      const { kernel_shape: _, ...rest } = windowAttributes(attributes);
      return graph.node("Col2Im", [source, graph.integers(attributes.input), graph.integers(attributes.kernel)], rest);
    }),
  ],
  reference: ([columns], { outputs: [x], attributes }) => {
    const result = new Float64Array(x.size);
    const [space, taps, positions] = [attributes.input, attributes.kernel, attributes.output].map(sizeOf);
    forEachTap(attributes, (place, tap, position) => {
      for (let plane = 0; plane < x.shape[0] * x.shape[1]; plane++)
        result[plane * space + place] += columns[(plane * taps + tap) * positions + position];
    });
    return [result];
  },
  gradient: ([dx], { attributes }) => [applyOne(unfoldOperation, [dx!], attributes)],
  batch: ([columns], _, attributes, size) => [split(applyOne(foldOperation, [merge(columns)], attributes), size)],
  simplifications: {
    // The runtime refuses columns without channels.
    "nothing-to-fold": ({ inputs: [columns], outputs: [x] }) =>
      columns.size === 0 ? [zeros(x.shape, { dtype: x.dtype })] : undefined,
  },
  linear: "jointly",
};

const merge = (x: Tensor): Tensor => reshape(x, [x.shape[0] * x.shape[1], ...x.shape.slice(2)]);

const split = (x: Tensor, size: number): Tensor => reshape(x, [size, x.shape[0] / size, ...x.shape.slice(1)]);

/** One slice a tap, side by side: the runtime copies them in long runs. */
function composed(x: Tensor, windows: Windows): Tensor {
  const { kernel, output, strides, dilations, before } = windows;
  const after = paddingAfter(windows).map((count) => Math.max(0, count));
  const padded = pad(x, [null, null, ...before.map((count, axis) => [count, after[axis]] as const)]);
  const [batch, channels] = x.shape;
  const parts = range(sizeOf(kernel)).map((tap) => {
    let rest = tap;
    const starts = kernel.map(() => 0);
    for (let axis = kernel.length - 1; axis >= 0; axis--) {
      starts[axis] = (rest % kernel[axis]) * dilations[axis];
      rest = Math.floor(rest / kernel[axis]);
    }
    const ranges = starts.map((start, i) => [start, start + (output[i] - 1) * strides[i] + 1, strides[i]] as const);
    return reshape(slice(padded, [null, null, ...ranges]), [batch, channels, 1, sizeOf(output)]);
  });
  return reshape(concat(parts, { axis: 2 }), [batch, channels * parts.length, sizeOf(output)]);
}

/** Whether the windows cut the input into tiles, none left over: then unfolding only moves axes. */
const tiles = ({ input, kernel, output, strides, dilations, before }: Windows): boolean =>
  input.every(
    (size, i) => kernel[i] === strides[i] && dilations[i] === 1 && before[i] === 0 && output[i] * strides[i] === size,
  );

/**
 * The elements of every window, one window a column (im2col): a convolution is a product of a matrix with these columns,
 * and an image of patches is its columns.
 *
 *     columns[n, (c, k), p] = x[n, c, p · stride + k · dilation − padding]
 *
 * @param x       float[batch, channels, ...space], one spatial axis or more
 * @param size    the window's, one number or one an axis
 * @returns       float[batch, channels · taps, windows]: channels, taps and windows in row-major order
 * @throws        ShapeError `unfold/rank`, `unfold/window`; SettingError `unfold/size`, `…/stride`, `…/dilation`,
 *                `…/padding`; DTypeError `unfold/dtype`
 * @example
 * unfold(images, 16, { stride: 16 })   // patches of a vision transformer: [8,3,224,224] becomes [8,768,196]
 */
export function unfold(x: TensorLike, size: PerAxis, options: WindowOptions = {}): Tensor {
  const tensor = asTensor(x);
  expectFloat("unfold", tensor);
  const space = spaceOf("unfold", tensor);
  const windows = windowsOver("unfold", space, perAxis("unfold", "size", size, space.length), options, {
    input: tensor,
  });
  if (!tiles(windows)) return applyOne(unfoldOperation, [tensor], windows);
  const [batch, channels] = tensor.shape;
  const { kernel, output } = windows;
  const cut = reshape(tensor, [batch, channels, ...output.flatMap((count, i) => [count, kernel[i]])]);
  const axes = range(kernel.length);
  const moved = transpose(cut, [0, 1, ...axes.map((i) => 2 * i + 3), ...axes.map((i) => 2 * i + 2)]);
  return reshape(moved, [batch, channels * sizeOf(kernel), sizeOf(output)]);
}

/**
 * The transpose of `unfold` (col2im): columns are added back to where their elements came from.
 *
 * @param columns  float[batch, channels · taps, windows]
 * @param sizes    of the spatial axes of the result
 * @param size     the window's and the options, as given to `unfold`
 * @returns        float[batch, channels, ...sizes]
 * @throws         ShapeError `fold/columns`, `fold/window`; SettingError `fold/size`, `…/stride`, `…/dilation`, `…/padding`;
 *                 DTypeError `fold/dtype`
 * @example
 * fold(unfold(images, 16, { stride: 16 }), [224, 224], 16, { stride: 16 })   // the images again
 */
export function fold(
  columns: TensorLike,
  sizes: readonly number[],
  size: PerAxis,
  options: WindowOptions = {},
): Tensor {
  const tensor = asTensor(columns);
  expectFloat("fold", tensor);
  const kernel = perAxis("fold", "size", size, sizes.length);
  const windows = windowsOver("fold", sizes, kernel, options, { columns: tensor });
  const [taps, positions] = [sizeOf(kernel), sizeOf(windows.output)];
  if (tensor.rank !== 3 || tensor.shape[1] % taps !== 0 || tensor.shape[2] !== positions)
    throw new ShapeError("fold/columns", `columns are [batch, channels · ${taps}, ${positions}] for these windows`, {
      operands: { columns: tensor },
      given: { sizes, size, ...options },
    });
  if (!tiles(windows)) return applyOne(foldOperation, [tensor], windows);
  const [batch, channels] = [tensor.shape[0], tensor.shape[1] / taps];
  const cut = reshape(tensor, [batch, channels, ...kernel, ...windows.output]);
  const axes = range(kernel.length).flatMap((i) => [2 + kernel.length + i, 2 + i]);
  return reshape(transpose(cut, [0, 1, ...axes]), [batch, channels, ...sizes]);
}
