import { isFloat } from "../core/dtype.ts";
import { add, cast, grad, mul, sum, type Tensor, Value } from "../core/index.ts";
import { evaluateReference } from "../core/oracle.ts";
import { constant, input } from "../core/tensor.ts";
import { convert } from "../core/value.ts";
import { type ConformanceCase, loadCase } from "./conformance.ts";
import { settingsOf } from "./import/parameters.ts";

/** Directions in which each input is moved. */
const directions = 3;
/** How far, relative to the input: the error of a central difference falls with its square. */
const step = 1e-5;

/** Numbers between −1 and 1, the same for the same seed. */
function noise(length: number, seed: number): Float64Array {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
  for (let i = 0; i < 10; i++) next();
  return Float64Array.from({ length }, next);
}

/**
 * Compares the gradient of a case's model with central differences in 64 bits, for every float input: a random weighing
 * of all outputs is differentiated along random directions.
 *
 * Inputs are first moved up a little, since examples like to stand exactly where a function has a corner or ends.
 *
 * @returns the inputs that were compared; empty where nothing is differentiable
 * @throws  where a gradient differs, or does not exist
 */
export async function checkGradients(one: ConformanceCase): Promise<string[]> {
  const { imported, inputs } = await loadCase(one);
  const fixed = settingsOf(imported.model);
  const moved = new Map<Tensor, Float64Array>();
  const sources: Record<string, unknown> = { ...inputs };
  const names: string[] = [];
  for (const [name, source] of Object.entries(inputs)) {
    if (!(source instanceof Value) || !isFloat(source.dtype) || fixed.has(name)) continue;
    const tensor = input(source.shape, source.dtype, name);
    const jitter = noise(source.size, 1 + names.length);
    moved.set(
      tensor,
      source.toFloat64().map((x, i) => x + (Number.isFinite(x) ? 1e-3 * (jitter[i] + 2) : 0)),
    );
    sources[name] = tensor;
    names.push(name);
  }
  const leaves = names.map((name) => sources[name] as Tensor);
  const loss = (given: Record<string, Tensor>): Tensor => {
    const outputs = Object.values(imported.apply({}, { ...sources, ...given } as never)).flat() as Tensor[];
    const floats = outputs.filter((y) => isFloat(y.dtype));
    return floats.reduce<Tensor>(
      (total, y, i) => {
        const weights = new Value(convert(noise(y.size, 100 + i), y.dtype), y.shape, y.dtype);
        return add(total, cast(sum(mul(y, constant(weights))), "float64"));
      },
      constant(new Value(Float64Array.of(0), [])),
    );
  };
  if (leaves.length === 0) return [];
  const named = Object.fromEntries(names.map((name, i) => [name, leaves[i]]));
  const value = loss(named);
  const gradients = grad((given: Record<string, Tensor>) => loss(given))(named) as Record<string, Tensor>;
  const results = evaluateReference(
    names.map((name) => gradients[name]),
    moved,
  );
  const at = (tensor: Tensor, data: Float64Array) => evaluateReference([value], new Map(moved).set(tensor, data))[0][0];
  names.forEach((name, i) => {
    const tensor = leaves[i];
    const data = moved.get(tensor)!;
    for (let k = 0; k < directions; k++) {
      const way = noise(data.length, 1000 + 10 * i + k);
      const along = (sign: number) =>
        at(
          tensor,
          data.map((x, j) => (Number.isFinite(x) ? x + sign * step * way[j] : x)),
        );
      const difference = (along(1) - along(-1)) / (2 * step);
      const expected = results[i].reduce((total, g, j) => total + g * way[j], 0);
      // Central differences of sums of up to thousands of terms keep six digits.
      if (!(Math.abs(difference - expected) <= 1e-5 + 1e-4 * Math.abs(difference)))
        throw new Error(`the gradient to "${name}" is ${expected}, central differences give ${difference}`);
    }
  });
  return names;
}
