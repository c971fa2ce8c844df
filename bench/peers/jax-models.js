import { batchAt } from "../src/fixture.ts";

/**
 * The benchmarked models in jax-js. Every function owns its arguments (jax-js counts references): the last use of an
 * array consumes it, every earlier one takes `.ref`.
 *
 * @param jax      the module `@jax-js/jax`, with its device chosen
 * @param fixture  parameters and data
 * @param style    "plain": the library's own convolution and pooling; "tuned": faster ones made of its other operations
 * @returns        `step(i)`: one training step (or call) awaited to the end, giving the loss
 */
export function jaxModel(jax, fixture, style) {
  const { workload } = fixture;
  if (workload.kind === "call") return callModel(jax);
  if (workload.kind === "int8") return layersModel(jax, fixture);
  const loss = { gpt: gptLoss, cnn: cnnLoss, mlp: mlpLoss, scan: scanLoss }[workload.kind];
  const optimizer = workload.kind === "scan" ? gradientDescent(workload.lr) : adamW(jax, fixture.adamW);
  return trainingModel(jax, fixture, loss(jax, workload, style), optimizer);
}

const toArray = (jax, { shape, data }) => jax.numpy.array(data, { shape });

function trainingModel(jax, fixture, loss, optimizer) {
  const step = jax.jit((params, state, scalars, batch) => {
    const [value, grads] = jax.valueAndGrad(loss)(jax.tree.ref(params), batch);
    return [...optimizer.update(params, grads, state, scalars), value];
  });
  let params = Object.fromEntries(Object.entries(fixture.params).map(([name, t]) => [name, toArray(jax, t)]));
  let state = optimizer.init(params);
  return async (index) => {
    const batch = Object.fromEntries(
      Object.entries(fixture.batches).map(([name, t]) => [name, toArray(jax, batchAt(t, index))]),
    );
    const [newParams, newState, value] = step(params, state, optimizer.scalars(index + 1), batch);
    params = newParams;
    state = newState;
    // The parameters too, so that no work of this step is left for the next measurement.
    await jax.blockUntilReady([params, state]);
    return (await value.data())[0];
  };
}

/** AdamW as optax writes it: scaled by Adam, decayed weights added, times −lr. */
function adamW({ numpy: np, tree }, { lr, beta1, beta2, epsilon, weightDecay }) {
  return {
    init: (params) => [tree.map((p) => np.zeros(p.shape), params), tree.map((p) => np.zeros(p.shape), params)],
    scalars: (t) => [1 / (1 - beta1 ** t), 1 / (1 - beta2 ** t)].map((x) => np.array(x)),
    update(params, grads, [mean, square], [meanScale, squareScale]) {
      const newMean = tree.map((m, g) => m.mul(beta1).add(g.ref.mul(1 - beta1)), mean, grads);
      const newSquare = tree.map((v, g) => v.mul(beta2).add(np.square(g).mul(1 - beta2)), square, grads);
      const newParams = tree.map(
        (p, m, v) => {
          const direction = m.ref.mul(meanScale.ref).div(np.sqrt(v.ref.mul(squareScale.ref)).add(epsilon));
          return p.ref.sub(direction.add(p.mul(weightDecay)).mul(lr));
        },
        params,
        newMean,
        newSquare,
      );
      meanScale.dispose();
      squareScale.dispose();
      return [newParams, [newMean, newSquare]];
    },
  };
}

function gradientDescent(lr) {
  return {
    init: () => [],
    scalars: () => [],
    update: (params, grads) => [
      Object.fromEntries(Object.entries(params).map(([name, p]) => [name, p.sub(grads[name].mul(lr))])),
      [],
    ],
  };
}

function crossEntropy({ numpy: np, nn }, logits, targets) {
  const classes = logits.shape.at(-1);
  const picked = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, classes));
  return np.sum(picked, -1).mean().neg();
}

const linear = ({ numpy: np }, params, name, x) =>
  np.matmul(x, params[`${name}.weight`].ref).add(params[`${name}.bias`].ref);

function gptLoss(jax, { layers, width, heads, time, batch }) {
  const { numpy: np, nn, tree } = jax;
  return (params, { inputs, targets }) => {
    const norm = (name, x) => nn.standardize(x, -1).mul(params[`${name}.gain`].ref).add(params[`${name}.bias`].ref);
    const attention = (name, x) => {
      const qkv = linear(jax, params, `${name}.qkv`, x).reshape([batch, time, 3, heads, width / heads]);
      const [q, k, v] = [0, 1, 2].map((i) => (i < 2 ? qkv.ref : qkv).slice([], [], i));
      const mixed = nn.dotProductAttention(q, k, v, { isCausal: true });
      return linear(jax, params, `${name}.attentionOut`, mixed.reshape([batch, time, width]));
    };
    let x = np
      .matmul(nn.oneHot(inputs, params["tokens.weight"].shape[0]), params["tokens.weight"].ref)
      .add(params["positions.weight"].ref);
    for (let i = 0; i < layers; i++) {
      const block = `blocks.${i}`;
      x = x.ref.add(attention(block, norm(`${block}.norm1`, x)));
      const hidden = nn.gelu(linear(jax, params, `${block}.up`, norm(`${block}.norm2`, x.ref)));
      x = x.add(linear(jax, params, `${block}.down`, hidden));
    }
    const logits = np.matmul(norm("norm", x), params["head.weight"].ref);
    tree.dispose(params);
    return crossEntropy(jax, logits, targets);
  };
}

/** Convolution (`same` padding, weights [out, in, height, width]) and 2×2 pooling as the library has them. */
const plainConvolution = ({ numpy: np, lax }) => ({
  convolution: (x, weight, bias) => lax.conv(x, weight, [1, 1], "SAME").add(bias.reshape([-1, 1, 1])),
  maxPool: (x) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]),
  fromImages: (x) => x,
  toImages: (x) => x,
});

/** The same, channels last: the patches are gathered and multiplied once. */
const tunedConvolution = ({ numpy: np }) => ({
  convolution(x, weight, bias) {
    const [batch, height, width, inner] = x.shape;
    const [outer, , kernel] = weight.shape;
    const margin = (kernel - 1) / 2;
    const padded = np.pad(x, [
      [0, 0],
      [margin, margin],
      [margin, margin],
      [0, 0],
    ]);
    const shifts = [];
    for (let i = 0; i < kernel; i++)
      for (let j = 0; j < kernel; j++) shifts.push(padded.ref.slice([], [i, i + height], [j, j + width]));
    padded.dispose();
    const patches = np.concatenate(shifts, -1).reshape([batch * height * width, kernel * kernel * inner]);
    const matrix = np.transpose(weight, [2, 3, 1, 0]).reshape([kernel * kernel * inner, outer]);
    return np.matmul(patches, matrix).reshape([batch, height, width, outer]).add(bias);
  },
  maxPool(x) {
    const [batch, height, width, channels] = x.shape;
    const windows = x.reshape([batch, height / 2, 2, width / 2, 2, channels]);
    const rows = np.maximum(windows.ref.slice([], [], 0), windows.slice([], [], 1));
    return np.maximum(rows.ref.slice([], [], [], 0), rows.slice([], [], [], 1));
  },
  fromImages: (x) => np.transpose(x, [0, 2, 3, 1]),
  toImages: (x) => np.transpose(x, [0, 3, 1, 2]),
});

function cnnLoss(jax, { batch, channels }, style) {
  const { nn, tree } = jax;
  const { convolution, maxPool, fromImages, toImages } = (style === "tuned" ? tunedConvolution : plainConvolution)(jax);
  return (params, { inputs, targets }) => {
    let x = fromImages(inputs);
    channels.forEach((_, i) => {
      x = maxPool(nn.relu(convolution(x, params[`conv${i}.weight`].ref, params[`conv${i}.bias`].ref)));
    });
    x = nn.relu(linear(jax, params, "hidden", toImages(x).reshape([batch, -1])));
    const logits = linear(jax, params, "out", x);
    tree.dispose(params);
    return crossEntropy(jax, logits, targets);
  };
}

function mlpOutputs(jax, { widths }, params, inputs) {
  const last = widths.length - 2;
  let x = inputs;
  for (let i = 0; i <= last; i++) {
    x = linear(jax, params, `layers.${i}`, x);
    if (i < last) x = jax.nn.relu(x);
  }
  jax.tree.dispose(params);
  return x;
}

const mlpLoss =
  (jax, workload) =>
  (params, { inputs, targets }) =>
    crossEntropy(jax, mlpOutputs(jax, workload, params, inputs), targets);

/** jax-js has no `lax.scan`: the loop is unrolled while tracing, as its documentation suggests. */
function scanLoss(jax, { time, batch, width }) {
  const { numpy: np } = jax;
  return (params, { inputs }) => {
    const projected = np.matmul(inputs, params["input.weight"]).add(params.bias);
    let state = np.zeros([batch, width]);
    let total = np.array(0);
    for (let t = 0; t < time; t++) {
      state = np.tanh(
        (t + 1 < time ? projected.ref : projected).slice(t).add(np.matmul(state, params["state.weight"].ref)),
      );
      total = total.add(np.square(state.ref).mean());
    }
    state.dispose();
    params["state.weight"].dispose();
    return total.div(time);
  };
}

function callModel({ jit, numpy: np }) {
  const next = jit((x) => x.add(1));
  let value = 0;
  return (index) => {
    value = next(np.array([index])).dataSync()[0];
    return value;
  };
}

/** jax-js has no 8-bit product; this is the float32 layer that its user would run instead. */
/** Forward only: the mean square of the outputs. */
function layersModel(jax, fixture) {
  const params = Object.fromEntries(Object.entries(fixture.params).map(([name, t]) => [name, toArray(jax, t)]));
  const forward = jax.jit((at, inputs) =>
    jax.numpy.mean(jax.numpy.square(mlpOutputs(jax, fixture.workload, at, inputs))),
  );
  return async (index) => {
    const inputs = toArray(jax, batchAt(fixture.batches.inputs, index));
    return (await forward(jax.tree.ref(params), inputs).data())[0];
  };
}
