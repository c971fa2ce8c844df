import { add, clip, less, mul, relu, sigmoid, type Tensor, tanh, where } from "../../../core/index.ts";
import { Unsupported } from "../faults.ts";

/** The activation that an optimizer has fused into another node. */
export function fusedActivation(x: Tensor, name: string | undefined, settings: readonly number[]): Tensor {
  switch (name ?? "") {
    case "":
      return x;
    case "Relu":
      return relu(x);
    case "Sigmoid":
      return sigmoid(x);
    case "Tanh":
      return tanh(x);
    case "LeakyRelu":
      return where(less(x, 0), mul(x, settings[0] ?? 0.01), x);
    case "Clip":
      return clip(x, settings[0], settings[1]);
    case "HardSigmoid":
      return clip(add(mul(x, settings[0] ?? 0.2), settings[1] ?? 0.5), 0, 1);
    case "HardSwish":
      return mul(x, clip(add(mul(x, 1 / 6), 0.5), 0, 1));
    default:
      throw new Unsupported(`it fuses the activation "${name}"`);
  }
}
