import { batchAt } from "../src/fixture.ts";

/**
 * The benchmarked models in TensorFlow.js.
 *
 * @param tf       the module `@tensorflow/tfjs`, with its backend chosen
 * @param fixture  parameters and data
 * @param style    "plain": the library's own gradients; "tuned": own ones for products and convolutions (`tunedParts`)
 * @returns        `step(i)`: one training step (or call) run to the end, giving the loss
 */
export function tfjsModel(tf, fixture, style) {
  const { workload } = fixture;
  if (workload.kind === "call") return callModel(tf);
  if (workload.kind === "int8") return layersModel(tf, fixture);
  const parts = (style === "tuned" ? tunedParts : plainParts)(tf);
  const loss = { gpt: gptLoss, cnn: cnnLoss, mlp: mlpLoss, scan: scanLoss }[workload.kind](tf, workload, parts);
  const optimizer = workload.kind === "scan" ? tf.train.sgd(workload.lr) : adamW(tf, fixture.adamW);
  const params = Object.fromEntries(
    Object.entries(fixture.params).map(([name, t]) => [name, tf.variable(toTensor(tf, t), true, name)]),
  );
  return (index) => {
    const value = tf.tidy(() => {
      const batch = Object.fromEntries(
        Object.entries(fixture.batches).map(([name, t]) => [name, toTensor(tf, batchAt(t, index))]),
      );
      const { value, grads } = tf.variableGrads(() => loss(params, batch));
      optimizer.applyGradients(grads);
      return value;
    });
    const result = value.dataSync()[0];
    value.dispose();
    return result;
  };
}

const toTensor = (tf, { shape, data }) => tf.tensor(data, shape, data instanceof Float32Array ? "float32" : "int32");

/** TensorFlow.js has Adam; the decoupled decay comes before it, as in PyTorch's AdamW. */
function adamW(tf, { lr, beta1, beta2, epsilon, weightDecay }) {
  const adam = tf.train.adam(lr, beta1, beta2, epsilon);
  return {
    applyGradients(grads) {
      for (const variable of Object.values(tf.engine().registeredVariables))
        if (variable.name in grads) variable.assign(variable.mul(1 - lr * weightDecay));
      adam.applyGradients(grads);
    },
  };
}

/** Swaps the last two axes. */
function transposed(x) {
  const axes = [...x.shape.keys()];
  return x.transpose([...axes.slice(0, -2), axes.at(-1), axes.at(-2)]);
}

const plainParts = (tf) => ({
  multiply: tf.matMul,
  convolve: (x, weight) => tf.conv2d(x, weight, 1, "same"),
  gelu(x) {
    const inner = x.add(x.square().mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(inner.tanh().add(1));
  },
});

const tunedParts = (tf) => ({
  /** The backend's products with a transpose flag are scalar loops, 10 to 40 times slower than transposing first. */
  multiply: tf.customGrad((a, b, save) => {
    save([a, b]);
    return {
      value: tf.matMul(a, b),
      gradFunc: (dy, [a, b]) => [tf.matMul(dy, transposed(b)), tf.matMul(transposed(a), dy)],
    };
  }),
  /**
   * The backend has no gradient of the kernel, and its gradient of the input is 10 times slower than convolving with the
   * flipped kernel.
   */
  convolve: tf.customGrad((x, weight, save) => {
    save([x, weight]);
    return {
      value: tf.conv2d(x, weight, 1, "same"),
      gradFunc: (dy, [x, weight]) => {
        const [, height, width, inner] = x.shape;
        const [kernel, , , outer] = weight.shape;
        const margin = (kernel - 1) / 2;
        const padded = x.transpose([3, 0, 1, 2]).pad([
          [0, 0],
          [0, 0],
          [margin, margin],
          [margin, margin],
        ]);
        const rows = [];
        for (let i = 0; i < kernel; i++)
          for (let j = 0; j < kernel; j++)
            rows.push(padded.slice([0, 0, i, j], [-1, -1, height, width]).reshape([inner, -1]));
        const dWeight = tf.matMul(tf.concat(rows), dy.reshape([-1, outer])).reshape([kernel, kernel, inner, outer]);
        // The images themselves (one channel) need no gradient.
        const dx =
          inner === 1 ? tf.zerosLike(x) : tf.conv2d(dy, weight.reverse([0, 1]).transpose([0, 1, 3, 2]), 1, "same");
        return [dx, dWeight];
      },
    };
  }),
  /** x·sigmoid(2u) is the tanh form of GELU; the backend's sigmoid is vectorized, its tanh is not. */
  gelu: (x) =>
    x.mul(
      x
        .add(x.square().mul(x).mul(0.044715))
        .mul(2 * Math.sqrt(2 / Math.PI))
        .sigmoid(),
    ),
});

function linearLayer({ multiply }) {
  return (params, name, x) => {
    const inner = x.shape.at(-1);
    const y = multiply(x.reshape([-1, inner]), params[`${name}.weight`]).add(params[`${name}.bias`]);
    return y.reshape([...x.shape.slice(0, -1), -1]);
  };
}

const crossEntropy = (tf, logits, targets) =>
  tf.losses.softmaxCrossEntropy(tf.oneHot(targets.flatten(), logits.shape.at(-1)), logits);

function gptLoss(tf, { layers, width, heads, time, batch, vocab }, parts) {
  const { multiply, gelu } = parts;
  const linear = linearLayer(parts);
  const causal = tf.linalg
    .bandPart(tf.ones([time, time]), -1, 0)
    .sub(1)
    .mul(1e9);
  const norm = (params, name, x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(params[`${name}.gain`]).add(params[`${name}.bias`]);
  };
  const attention = (params, name, x) => {
    const split = (y) =>
      y
        .reshape([batch, time, heads, width / heads])
        .transpose([0, 2, 1, 3])
        .reshape([batch * heads, time, -1]);
    const [q, k, v] = tf.split(linear(params, `${name}.qkv`, x), 3, -1).map(split);
    const scores = multiply(q.mul(1 / Math.sqrt(width / heads)), k.transpose([0, 2, 1])).add(causal);
    const mixed = multiply(tf.softmax(scores), v).reshape([batch, heads, time, -1]);
    return linear(params, `${name}.attentionOut`, mixed.transpose([0, 2, 1, 3]).reshape([batch, time, width]));
  };
  return (params, { inputs, targets }) => {
    let x = multiply(tf.oneHot(inputs.flatten(), vocab).toFloat(), params["tokens.weight"])
      .reshape([batch, time, width])
      .add(params["positions.weight"]);
    for (let i = 0; i < layers; i++) {
      const block = `blocks.${i}`;
      x = x.add(attention(params, block, norm(params, `${block}.norm1`, x)));
      const hidden = gelu(linear(params, `${block}.up`, norm(params, `${block}.norm2`, x)));
      x = x.add(linear(params, `${block}.down`, hidden));
    }
    const logits = multiply(norm(params, "norm", x).reshape([-1, width]), params["head.weight"]);
    return crossEntropy(tf, logits, targets);
  };
}

function cnnLoss(tf, { batch, channels }, parts) {
  const linear = linearLayer(parts);
  return (params, { inputs, targets }) => {
    let x = inputs.transpose([0, 2, 3, 1]);
    channels.forEach((_, i) => {
      x = parts.convolve(x, params[`conv${i}.weight`].transpose([2, 3, 1, 0])).add(params[`conv${i}.bias`]);
      x = tf.maxPool(x.relu(), 2, 2, "valid");
    });
    x = x.transpose([0, 3, 1, 2]).reshape([batch, -1]);
    return crossEntropy(tf, linear(params, "out", linear(params, "hidden", x).relu()), targets);
  };
}

function mlpOutputs({ widths }, parts) {
  const linear = linearLayer(parts);
  const last = widths.length - 2;
  return (params, inputs) => {
    let x = inputs;
    for (let i = 0; i <= last; i++) {
      x = linear(params, `layers.${i}`, x);
      if (i < last) x = x.relu();
    }
    return x;
  };
}

function mlpLoss(tf, workload, parts) {
  const outputs = mlpOutputs(workload, parts);
  return (params, { inputs, targets }) => crossEntropy(tf, outputs(params, inputs), targets);
}

function scanLoss(tf, { time, batch, width }, { multiply }) {
  return (params, { inputs }) => {
    const projected = multiply(inputs.reshape([-1, width]), params["input.weight"]).add(params.bias);
    let state = tf.zeros([batch, width]);
    const states = projected
      .reshape([time, batch, width])
      .unstack()
      .map((x) => (state = x.add(multiply(state, params["state.weight"])).tanh()));
    return tf.stack(states).square().mean();
  };
}

function callModel(tf) {
  return (index) => tf.tidy(() => tf.scalar(index).add(1).dataSync()[0]);
}

/** TensorFlow.js has no 8-bit product; this is the float32 layer that its user would run instead. */
/** Forward only: the mean square of the outputs. */
function layersModel(tf, fixture) {
  const params = Object.fromEntries(Object.entries(fixture.params).map(([name, t]) => [name, toTensor(tf, t)]));
  const outputs = mlpOutputs(fixture.workload, plainParts(tf));
  return (index) =>
    tf.tidy(() => {
      const inputs = toTensor(tf, batchAt(fixture.batches.inputs, index));
      return outputs(params, inputs).square().mean().dataSync()[0];
    });
}
