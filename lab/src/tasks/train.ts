import { type Concrete, compile, key, type Tensor, type Value, valueAndGrad } from "sluice";
import { clipByGlobalNorm, type Optimizer } from "sluice/nn";
import type { Column } from "../data/column.ts";
import type { Lab } from "../run/lab.ts";
import { asValues } from "./values.ts";

/** A model to be trained by gradient descent. */
export interface Training<Params, Name extends string> {
  /** First parameters: built inside a program, from a random key. */
  readonly init: (key: Tensor) => Params;
  /** Parameters to go on from, in place of `init`. */
  readonly from?: Concrete<Params>;
  /** The loss of a batch, a scalar in nats; `key` is another one at every step. */
  readonly loss: (params: Params, batch: Readonly<Record<Name, Tensor>>, key: Tensor) => Tensor;
  readonly optimizer: Optimizer;
  readonly steps: number;
  /** Batches from step `start` on; batch number i depends on i alone. */
  readonly batches: (start: number) => Iterable<Readonly<Record<Name, Column>>>;
  /** Largest global norm of the gradient. Default: any. */
  readonly clip?: number;
  /** Measures the parameters after every so many steps; what it gives is logged. */
  readonly watch?: {
    readonly every: number;
    measure(params: Concrete<Params>): Promise<Readonly<Record<string, number>>>;
  };
}

interface Carried {
  readonly params: unknown;
  readonly state: unknown;
}

/**
 * Trains a model; survives being killed as `lab.loop` does. The loss of every step is logged as `<name> loss/nats`.
 *
 * @param name  of this part of the trial
 * @returns     the parameters after the last step
 * @throws      NonFiniteError when the loss is no longer a number
 */
export async function train<Params, Name extends string>(
  lab: Lab,
  name: string,
  training: Training<Params, Name>,
): Promise<Concrete<Params>> {
  const { init, from, loss, optimizer, steps, batches, clip, watch } = training;
  const begin = compile((random: Tensor) => {
    const params = init(random);
    return { params, state: optimizer.init(params) };
  });
  const beginFrom = compile((params: Params) => ({ params, state: optimizer.init(params) }));
  const update = compile(
    (carried: { params: Params; state: never }, batch: Record<Name, Tensor>, random: Tensor) => {
      const [value, gradient] = valueAndGrad((params: Params) => loss(params, batch, random))(carried.params);
      const limited = clip === undefined ? gradient : clipByGlobalNorm(gradient, clip).tree;
      return { carried: optimizer.update(carried.params, limited as Params, carried.state), loss: value };
    },
    { donate: [0] },
  ) as unknown as (
    carried: Carried,
    batch: Record<Name, Value>,
    random: Value,
  ) => Promise<{ carried: Carried; loss: Value }>;

  let stream: Iterator<Readonly<Record<Name, Column>>> | undefined;
  const end = await lab.loop<Carried>(name, {
    steps,
    start: () => (from === undefined ? begin(key(lab.seed)) : beginFrom(from as never)),
    async step(carried, step) {
      stream ??= batches(step)[Symbol.iterator]();
      const next = stream.next();
      if (next.done) throw new RangeError(`${name}: the batches end before step ${step} of ${steps}`);
      // A key of its own for every seed and step: dropout must not repeat itself.
      const result = await update(carried, asValues(next.value), key(lab.seed * 2 ** 24 + step));
      lab.log(step, { [`${name} loss/nats`]: result.loss.item() });
      if (watch && (step + 1) % watch.every === 0)
        lab.log(step + 1, await watch.measure(result.carried.params as Concrete<Params>));
      return result.carried;
    },
  });
  return end.params as Concrete<Params>;
}
