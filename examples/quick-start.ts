import { writeFileSync } from "node:fs";
import { compile, crossEntropy, evaluate, key, normal, type Tensor, value, valueAndGrad } from "sluice";
import { adamW, initMlp, type Mlp, mlp } from "sluice/nn";

// Which quadrant is a point in? 512 points, four classes.
const points = await evaluate(normal(key(0), [512, 2]));
const [x, y] = [0, 1].map((axis) => points.toFloat64().filter((_, i) => i % 2 === axis));
const labels = value(Int32Array.from(x, (_, i) => (x[i] > 0 ? 1 : 0) + (y[i] > 0 ? 2 : 0)));

const optimizer = adamW({ lr: 0.01 });
const step = compile((params: Mlp, state: ReturnType<typeof optimizer.init<Mlp>>) => {
  const [loss, gradient] = valueAndGrad((p: Mlp) => crossEntropy(mlp(p, points), labels))(params);
  return { loss, ...optimizer.update(params, gradient, state) };
});

let params = await evaluate(initMlp(key(1), { sizes: [2, 32, 4] }));
let state = await compile((p: Mlp) => optimizer.init(p))(params);
for (let i = 1; i <= 200; i++) {
  const result = await step(params, state);
  ({ params, state } = result);
  if (i % 50 === 0) console.log(`step ${i}: loss ${result.loss.item().toFixed(3)} nats`);
}

// The trained model as a file that any ONNX runtime reads.
const predict = compile((p: Mlp, input: Tensor) => mlp(p, input), { names: ["params", "points"] });
writeFileSync("quadrants.onnx", predict.export(params, value([[1, -1]])));
