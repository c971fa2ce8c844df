import {
  add,
  cast,
  div,
  equal,
  mul,
  onesLike,
  pow,
  sqrt,
  square,
  sub,
  type Tensor,
  where,
  zerosLike,
} from "../../../core/index.ts";
import { pullBack } from "../../../core/transforms/vjp.ts";
import type { Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";

/** The inputs of an optimizer's node: rate R, step T, then `kinds` lists of equally many tensors. */
function groups(node: NodeContext, kinds: number): { rate: Tensor; step: Tensor; rows: Tensor[][] } {
  const tensors = node.tensors();
  const count = (tensors.length - 2) / kinds;
  const rows = Array.from({ length: count }, (_, i) =>
    Array.from({ length: kinds }, (_, kind) => tensors[2 + kind * count + i]),
  );
  return { rate: tensors[0], step: tensors[1], rows };
}

/** Results row by row as the node lists them: all of the first kind, then all of the second … */
const columns = (rows: readonly Tensor[][]): Tensor[] => rows[0].flatMap((_, kind) => rows.map((row) => row[kind]));

/** The gradient of a value to others that it was made from. */
function gradient(node: NodeContext): Tensor[] {
  const found = (name: string): Tensor => {
    const entry = node.lookUp(name);
    if (entry?.kind !== "tensor") throw new Unsupported(`there is no tensor "${name}"`);
    return entry.tensor;
  };
  const y = found(node.attributes.string("y", ""));
  const xs = (node.attributes.strings("xs") ?? []).map(found);
  return pullBack([y], [onesLike(y)], xs).map((one, i) => one ?? zerosLike(xs[i]));
}

export const trainingOperators: Converters = {
  Adagrad: (node) => {
    const { rate, step, rows } = groups(node, 3);
    const decay = mul(cast(step, rate.dtype), node.attributes.float("decay_factor", 0));
    const r = div(rate, add(decay, 1));
    return columns(
      rows.map(([x, gradient, history]) => {
        const g = add(mul(x, node.attributes.float("norm_coefficient", 0)), gradient);
        const sums = add(history, square(g));
        return [sub(x, div(mul(r, g), add(sqrt(sums), node.attributes.float("epsilon", 1e-6)))), sums];
      }),
    );
  },
  Adam: (node) => {
    const { rate, step, rows } = groups(node, 4);
    const { attributes } = node;
    const [alpha, beta] = [attributes.float("alpha", 0.9), attributes.float("beta", 0.999)];
    const steps = cast(step, rate.dtype);
    const correction = div(sqrt(sub(1, pow(beta, steps))), sub(1, pow(alpha, steps)));
    const r = where(equal(step, 0), rate, mul(rate, correction));
    const post = 1 - attributes.float("norm_coefficient_post", 0);
    return columns(
      rows.map(([x, gradient, first, second]) => {
        const g = add(mul(x, attributes.float("norm_coefficient", 0)), gradient);
        const m = add(mul(first, alpha), mul(g, 1 - alpha));
        const v = add(mul(second, beta), mul(square(g), 1 - beta));
        const next = sub(x, div(mul(r, m), add(sqrt(v), attributes.float("epsilon", 1e-6))));
        return [post === 1 ? next : mul(next, post), m, v];
      }),
    );
  },
  Gradient: gradient,
  Momentum: (node) => {
    const { rate, step, rows } = groups(node, 3);
    const { attributes } = node;
    const alpha = attributes.float("alpha", 0);
    const beta = where(equal(step, 0), 1, attributes.float("beta", 0));
    const nesterov = attributes.string("mode") === "nesterov";
    return columns(
      rows.map(([x, gradient, velocity]) => {
        const g = add(mul(x, attributes.float("norm_coefficient", 0)), gradient);
        const v = add(mul(velocity, alpha), mul(g, cast(beta, g.dtype)));
        return [sub(x, mul(rate, nesterov ? add(g, mul(v, alpha)) : v)), v];
      }),
    );
  },
};
