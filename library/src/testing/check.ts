import { isFloat } from "../core/dtype.ts";
import { add, mul } from "../core/operations/arithmetic.ts";
import { sum } from "../core/operations/reduce.ts";
import { evaluateReference } from "../core/oracle.ts";
import { asTensor, constant, input, type Tensor } from "../core/tensor.ts";
import { pullBack, zerosLike } from "../core/transforms/vjp.ts";
import { vmap } from "../core/transforms/vmap.ts";
import { leavesOf } from "../core/tree.ts";
import { convert, Value } from "../core/value.ts";
import { compile } from "../runtime/program.ts";

export interface CheckOptions {
  /** Relative tolerance between ONNX Runtime (32-bit) and the oracle (64-bit). Default 1e-5. */
  readonly rtol?: number;
  /** Absolute tolerance of the same. Default 1e-6. */
  readonly atol?: number;
  /** Which inputs to differentiate: all floats, none, or positions. Default "all". */
  readonly gradients?: "all" | "none" | readonly number[];
  /** Tolerance of gradients against central differences, relative to the largest of either. Default 1e-6. */
  readonly gradientTolerance?: number;
  /** Step of the central differences. Default 1e-5. */
  readonly step?: number;
  /** Whether to compare `vmap(fn)` with example after example. Default true. */
  readonly batch?: boolean;
  /** Whether to run on ONNX Runtime. Default true. */
  readonly onnx?: boolean;
}

/** Everything that should hold of a function of tensors: both executors agree, gradients are right, batching is a loop. */
export async function check(
  fn: (...inputs: Tensor[]) => unknown,
  values: readonly Value[],
  options: CheckOptions = {},
): Promise<void> {
  const { batch = true, onnx = true } = options;
  if (onnx) await checkExecutors(fn, values, options);
  await checkGradients(fn, values, options);
  if (batch) await checkBatching(fn, values, options);
}

/** ONNX Runtime gives what the oracle gives. */
export async function checkExecutors(
  fn: (...inputs: Tensor[]) => unknown,
  values: readonly Value[],
  options: CheckOptions = {},
): Promise<void> {
  const results = leavesOf(await compile(fn as (...inputs: any[]) => unknown)(...values)) as Value[];
  const expected = oracle(fn, values);
  results.forEach((result, i) => {
    expectClose(result.toFloat64(), expected[i], options, `output ${i} of ONNX Runtime`);
  });
}

/** The oracle's results, unrounded. */
export function oracle(fn: (...inputs: Tensor[]) => unknown, values: readonly Value[]): Float64Array[] {
  const inputs = values.map((value, i) => input(value.shape, value.dtype, `input ${i}`));
  const outputs = leavesOf(fn(...inputs)).map((leaf) => asTensor(leaf));
  return evaluateReference(outputs, new Map(inputs.map((tensor, i) => [tensor, values[i].toFloat64()])));
}

/**
 * Gradients of a random projection of the outputs: the oracle's against central differences in 64 bits, and ONNX
 * Runtime's against the oracle's.
 */
export async function checkGradients(
  fn: (...inputs: Tensor[]) => unknown,
  values: readonly Value[],
  options: CheckOptions = {},
): Promise<void> {
  const { gradients = "all", gradientTolerance = 1e-6, step = 1e-5, onnx = true } = options;
  const positions = values.flatMap((value, i) =>
    isFloat(value.dtype) && gradients !== "none" && (gradients === "all" || gradients.includes(i)) ? [i] : [],
  );
  if (positions.length === 0) return;
  const inputs = values.map((value, i) => input(value.shape, value.dtype, `input ${i}`));
  const outputs = leavesOf(fn(...inputs))
    .map((leaf) => asTensor(leaf))
    .filter((output) => isFloat(output.dtype));
  // A fixed projection with weights in [0.5, 1.5) makes one number of everything, and no cotangent special.
  const weights = outputs.map((output) => projection(output));
  const loss = outputs.map((output, i) => sum(mul(output, weights[i]))).reduce((a, b) => add(a, b));
  const wanted = positions.map((i) => inputs[i]);
  const pulled = pullBack(outputs, weights, wanted).map((gradient, i) => gradient ?? zerosLike(wanted[i]));
  const data = values.map((value) => value.toFloat64());
  const at = (changed?: { position: number; element: number; by: number }): Map<Tensor, Float64Array> =>
    new Map(
      inputs.map((tensor, i) => {
        if (changed?.position !== i) return [tensor, data[i]];
        const moved = data[i].slice();
        moved[changed.element] += changed.by;
        return [tensor, moved];
      }),
    );
  const analytic = evaluateReference(pulled, at());
  positions.forEach((position, k) => {
    const numeric = data[position].map((_, element) => {
      const [above] = evaluateReference([loss], at({ position, element, by: step }));
      const [below] = evaluateReference([loss], at({ position, element, by: -step }));
      return (above[0] - below[0]) / (2 * step);
    });
    const scale = Math.max(1, ...[...numeric, ...analytic[k]].map(Math.abs).filter(Number.isFinite));
    expectClose(analytic[k], numeric, { rtol: 0, atol: gradientTolerance * scale }, `gradient to input ${position}`);
  });
  if (!onnx) return;
  const program = compile((...tensors: Tensor[]) => {
    const results = leavesOf(fn(...tensors))
      .map((leaf) => asTensor(leaf))
      .filter((output) => isFloat(output.dtype));
    const targets = positions.map((i) => tensors[i]);
    return pullBack(results, weights, targets).map((gradient, i) => gradient ?? zerosLike(targets[i]));
  });
  const measured = (await (program as any)(...values)) as Value[];
  measured.forEach((gradient, k) => {
    expectClose(gradient.toFloat64(), analytic[k], options, `ONNX Runtime's gradient to input ${positions[k]}`);
  });
}

/** `vmap(fn)` over three different examples gives what `fn` gives for each; also with the last input shared. */
export async function checkBatching(
  fn: (...inputs: Tensor[]) => unknown,
  values: readonly Value[],
  options: CheckOptions = {},
): Promise<void> {
  if (values.length === 0) return;
  const examples = [0, 1, 2].map((example) => values.map((value) => vary(value, example)));
  const modes = values.length > 1 ? [values.length, values.length - 1] : [1];
  for (const mapped of modes) {
    const batched = values.map((value, i) => (i < mapped ? stack(examples.map((one) => one[i])) : value));
    const inAxes = values.map((_, i) => (i < mapped ? 0 : null));
    const together = oracle(vmap(fn as (...inputs: Tensor[]) => Tensor, { inAxes }), batched);
    const single = examples.map((one) => oracle(fn, [...one.slice(0, mapped), ...values.slice(mapped)]));
    together.forEach((result, output) => {
      const expected = Float64Array.from(single.flatMap((results) => [...results[output]]));
      expectClose(
        result,
        expected,
        { rtol: 1e-9, atol: 1e-9 },
        `output ${output} of vmap with ${mapped} mapped inputs`,
      );
    });
    if (options.onnx !== false)
      await checkExecutors(vmap(fn as (...inputs: Tensor[]) => Tensor, { inAxes }), batched, options);
  }
}

/** Another example of the same kind: the elements in another order, so that ranges and domains stay. */
function vary(value: Value, example: number): Value {
  const data = value.data.slice();
  for (let i = 0; i < data.length; i++) data[i] = value.data[(i + example) % data.length];
  return new Value(data, value.shape, value.dtype);
}

function stack(values: readonly Value[]): Value {
  const [{ shape, dtype }] = values;
  const data = values.flatMap((value) => [...value.toFloat64()]);
  return new Value(convert(data, dtype), [values.length, ...shape], dtype);
}

const projection = (output: Tensor): Tensor => {
  const data = Float64Array.from({ length: output.size }, (_, i) => 0.5 + ((i * 0.6180339887 + 0.3) % 1));
  return constant(new Value(convert(data, output.dtype), output.shape, output.dtype));
};

/** Throws unless |actual − expected| ≤ atol + rtol·|expected| everywhere; NaN and infinities must match exactly. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 1e-5, atol = 1e-6 }: { rtol?: number; atol?: number } = {},
  what = "result",
): void {
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} elements, expected ${expected.length}`);
  for (let i = 0; i < actual.length; i++) {
    const [a, e] = [actual[i], expected[i]];
    if (Object.is(a, e) || a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    if (!(Math.abs(a - e) <= atol + rtol * Math.abs(e)))
      throw new Error(`${what}: element ${i} is ${a}, expected ${e} (tolerance ${atol} + ${rtol}·|expected|)`);
  }
}
