import { isFloat } from "../core/dtype.ts";
import {
  add,
  crossEntropy,
  log,
  mean,
  mul,
  neg,
  oneHot,
  SettingError,
  square,
  sub,
  sum,
  type Tensor,
  Value,
  valueAndGrad,
} from "../core/index.ts";
import { adam } from "../nn/optimizers/index.ts";
import { compile, evaluate } from "../runtime/index.ts";
import type { ImportedModel, Params } from "./import/import-onnx.ts";

/** An example: inputs by name, and what the outputs shall be. */
export interface Example {
  inputs: Readonly<Record<string, Value>>;
  targets: Readonly<Record<string, Value>>;
}

/**
 * How far an output is from its target: `squared` for numbers; `logits` or `probabilities` for classes, depending on what
 * the model gives, with labels (integers) or distributions (floats) as targets.
 */
export type TaskLoss = "squared" | "logits" | "probabilities" | ((output: Tensor, target: Tensor) => Tensor);

export interface FineTuneOptions {
  loss: TaskLoss;
  /** Learning rate of Adam. Default 1e-3. */
  lr?: number;
  /** Times that every example is seen. Default 1. */
  epochs?: number;
  /** Told after each pass over the examples: its number and the mean loss. */
  onEpoch?: (epoch: number, loss: number) => void;
}

const losses: Record<Exclude<TaskLoss, (...args: never[]) => unknown>, (output: Tensor, target: Tensor) => Tensor> = {
  squared: (output, target) => mean(square(sub(output, target))),
  logits: (output, target) => crossEntropy(output, target),
  // A probability that rounds to 0 still has a gradient.
  probabilities: (output, target) => {
    const classes = output.shape.at(-1)!;
    const wanted = isFloat(target.dtype) ? target : oneHot(target, classes);
    return neg(mean(sum(mul(wanted, log(add(output, 1e-12))), { axis: -1 })));
  },
};

/**
 * Trains a model's parameters on examples with Adam, one step for each example (which may be a batch). What is frozen
 * stays as it is.
 *
 * @returns the trained parameters, for `exportOnnx(model, { params })`
 * @throws  SettingError `fineTune/examples`, `fineTune/params`
 * @example
 * const params = await fineTune(model, examples, { loss: "probabilities", epochs: 5 });
 */
export async function fineTune(
  model: ImportedModel,
  examples: readonly Example[],
  { loss, lr = 1e-3, epochs = 1, onEpoch }: FineTuneOptions,
): Promise<Params> {
  if (examples.length === 0) throw new SettingError("fineTune/examples", "there are no examples", { fix: "give some" });
  if (Object.keys(model.params).length === 0)
    throw new SettingError("fineTune/params", "all parameters of the model are frozen", { fix: "unfreeze some" });
  const distance = typeof loss === "function" ? loss : losses[loss];
  const optimizer = adam({ lr });
  // Integers such as sizes and rates must be known while tracing; they are taken from the first example.
  const fixed = Object.fromEntries(Object.entries(examples[0].inputs).filter(([, value]) => !isFloat(value.dtype)));
  const open = (inputs: Example["inputs"]) =>
    Object.fromEntries(Object.entries(inputs).filter(([name]) => !Object.hasOwn(fixed, name)));
  type Tensors = Record<string, Tensor>;
  const step = compile(
    (params: Tensors, state: ReturnType<typeof optimizer.init<Tensors>>, inputs: Tensors, targets: Tensors) => {
      const total = (weights: Tensors): Tensor => {
        const outputs = model.apply(weights, { ...fixed, ...inputs });
        return Object.entries(targets)
          .map(([name, target]) => distance(outputs[name], target))
          .reduce((a, b) => add(a, b));
      };
      const [value, gradients] = valueAndGrad(total)(params);
      return { value, ...optimizer.update(params, gradients, state) };
    },
    { donate: [0, 1], names: ["params", "state", "inputs", "targets"] },
  );
  // The first step writes over what it is given: the model keeps its own weights.
  let params: Params = Object.fromEntries(
    Object.entries(model.params).map(([name, { data, shape, dtype }]) => [name, new Value(data.slice(), shape, dtype)]),
  );
  let state: any = await evaluate(optimizer.init(params as never));
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let total = 0;
    for (const { inputs, targets } of examples) {
      const result: any = await step(params as any, state, open(inputs) as any, targets as any);
      ({ params, state } = result);
      total += result.value.item();
    }
    onEpoch?.(epoch, total / examples.length);
  }
  await step.release();
  return params;
}
