import {
  add,
  type CompileOptions,
  compile,
  crossEntropy,
  matmul,
  mean,
  mul,
  type Program,
  relu,
  scan,
  square,
  sub,
  type Tensor,
  tanh,
  type Value,
  value,
  valueAndGrad,
  zeros,
  zipTrees,
} from "../../../library/src/index.ts";
import {
  adamW,
  type Gpt,
  gpt,
  type Lenet,
  lenet,
  linear,
  type Mlp,
  mlp,
  packedLinear,
  packLayer,
  quantizedLinear,
  quantizeLayer,
} from "../../../library/src/nn/index.ts";
import { batchAt, type Fixture, type FixtureTensor } from "../fixture.ts";
import type { CnnWorkload, GptWorkload, Int8Workload, Workload } from "../workloads.ts";

const toValue = ({ shape, data }: FixtureTensor): Value => value(data, { shape });

type Loss<P> = (params: P, ...batch: Tensor[]) => Tensor;
type Step = (index: number) => Promise<number>;

/**
 * Our side of a benchmark: `step(i)` does one training step (or call) to the end and gives its loss.
 *
 * @param options  how to compile: threads, provider
 * @param style    of `int8`: "float32" or "4bit"; else 8 bits
 */
export function ourModel(fixture: Fixture, options: CompileOptions, style?: string): Step {
  const { workload } = fixture;
  switch (workload.kind) {
    case "gpt":
      return trainingSteps(gptParams(fixture, workload), gptLoss(workload), fixture, options);
    case "mlp":
      return trainingSteps(mlpParams(fixture), mlpLoss, fixture, options);
    case "cnn":
      return trainingSteps(cnnParams(fixture, workload), cnnLoss, fixture, options);
    case "scan":
      return scanSteps(fixture, workload.lr, options);
    case "call":
      return callSteps(options);
    case "int8":
      return layerSteps(fixture, workload, style, options);
  }
}

/** Steps of AdamW with decay on every parameter, as every contestant does. */
function trainingSteps<P>(initial: unknown, loss: Loss<P>, fixture: Fixture, options: CompileOptions): Step {
  const { lr, beta1, beta2, epsilon, weightDecay } = fixture.adamW;
  const optimizer = adamW({ lr, beta1, beta2, epsilon, weightDecay, decay: () => true });
  const start = compile((params: P) => optimizer.init(params), options);
  const step = compile(
    (params: P, state: any, batch: Tensor[]) => {
      const [measured, gradient] = valueAndGrad((at: P) => loss(at, ...batch))(params);
      return { loss: measured, ...optimizer.update(params, gradient, state) };
    },
    { ...options, donate: [0, 1] },
  ) as Program<[any, any, any], any>;
  const batches = Object.values(fixture.batches);
  let params: any = initial;
  let state: any;
  return async (index) => {
    state ??= await start(params);
    const result = await step(
      params,
      state,
      batches.map((batch) => toValue(batchAt(batch, index))),
    );
    ({ params, state } = result);
    return result.loss.item();
  };
}

const weightAndBias = (params: Fixture["params"], name: string) => ({
  weight: toValue(params[`${name}.weight`]),
  bias: toValue(params[`${name}.bias`]),
});

/** `blocks.0.norm1.gain` and the like as the tree of `Gpt`. */
function gptParams({ params }: Fixture, { layers }: GptWorkload): Gpt<Value> {
  const at = (name: string): Value => toValue(params[name]);
  const linear = (name: string) => weightAndBias(params, name);
  const norm = (name: string) => ({ scale: at(`${name}.gain`), bias: at(`${name}.bias`) });
  return {
    tokens: { weight: at("tokens.weight") },
    positions: { weight: at("positions.weight") },
    blocks: Array.from({ length: layers }, (_, i) => ({
      norm1: norm(`blocks.${i}.norm1`),
      attention: { qkv: linear(`blocks.${i}.qkv`), out: linear(`blocks.${i}.attentionOut`) },
      norm2: norm(`blocks.${i}.norm2`),
      feedForward: { up: linear(`blocks.${i}.up`), down: linear(`blocks.${i}.down`) },
    })),
    norm: norm("norm"),
    head: { weight: at("head.weight") },
  };
}

const gptLoss =
  ({ vocab, time, layers, heads, width }: GptWorkload): Loss<Gpt> =>
  (params, inputs, targets) =>
    crossEntropy(
      gpt(params, inputs, {
        vocabulary: vocab,
        context: time,
        layers,
        heads,
        width,
        activation: "gelu-tanh",
        tied: false,
      }),
      targets,
    );

function mlpParams({ params, workload }: Fixture): Mlp<Value> {
  const { widths } = workload as Extract<Workload, { kind: "mlp" }>;
  return {
    layers: widths.slice(1).map((_, i) => weightAndBias(params, `layers.${i}`)),
  };
}

const mlpLoss: Loss<Mlp> = (params, inputs, targets) => crossEntropy(mlp(params, inputs), targets);

function cnnParams({ params }: Fixture, { channels }: CnnWorkload): Lenet<Value> {
  return {
    convolutions: channels.map((_, i) => weightAndBias(params, `conv${i}`)),
    classifier: { layers: ["hidden", "out"].map((name) => weightAndBias(params, name)) },
  };
}

const cnnLoss: Loss<Lenet> = (params, images, labels) => crossEntropy(lenet(params, images), labels);

type Recurrence = Record<"input.weight" | "state.weight" | "bias", Tensor>;

function scanSteps(fixture: Fixture, lr: number, options: CompileOptions): Step {
  const loss = (params: Recurrence, inputs: Tensor): Tensor => {
    const [, batch, width] = inputs.shape;
    // What does not depend on the state is one product for all times.
    const driven = add(matmul(inputs, params["input.weight"]), params.bias);
    const [, states] = scan(
      (state: Tensor, x: Tensor): [Tensor, Tensor] => {
        const next = tanh(add(x, matmul(state, params["state.weight"])));
        return [next, next];
      },
      zeros([batch, width]),
      driven,
    );
    return mean(square(states));
  };
  const step = compile(
    (params: Recurrence, inputs: Tensor) => {
      const [measured, gradient] = valueAndGrad(loss)(params, inputs);
      return { loss: measured, params: zipTrees((p, g) => sub(p, mul(g, lr)), params, gradient) as Recurrence };
    },
    { ...options, donate: [0] },
  );
  let params = Object.fromEntries(
    Object.entries(fixture.params).map(([name, tensor]) => [name, toValue(tensor)]),
  ) as Record<keyof Recurrence, Value>;
  return async (index) => {
    const result = await step(params, toValue(batchAt(fixture.batches.inputs, index)));
    params = result.params;
    return result.loss.item();
  };
}

/** Trained layers, which the program closes over: what is laid out for a kernel is laid out once. */
function layerSteps({ params, batches }: Fixture, { widths }: Int8Workload, style = "", options: CompileOptions): Step {
  const layers = widths.slice(1).map((_, i) => {
    const layer = weightAndBias(params, `layers.${i}`);
    if (style === "float32") return (x: Tensor): Tensor => linear(layer, x);
    if (style === "4bit") {
      const packed = packLayer(layer);
      return (x: Tensor): Tensor => packedLinear(packed, x, { activationBits: 8 });
    }
    const quantized = quantizeLayer(layer);
    return (x: Tensor): Tensor => quantizedLinear(quantized, x);
  });
  const program = compile(
    (inputs: Tensor) => mean(square(layers.reduce((x, apply, i) => apply(i === 0 ? x : relu(x)), inputs))),
    options,
  );
  return async (index) => (await program(toValue(batchAt(batches.inputs, index)))).item();
}

function callSteps(options: CompileOptions): Step {
  const program = compile((x: Tensor) => add(x, 1), options);
  return async (index) => (await program(index)).item();
}
