import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { add, mul, square, sub } from "./arithmetic.ts";
import { unary, unaryOperation } from "./define.ts";
import { erfReference } from "./error-function.ts";
import { exp } from "./exponential.ts";

/** The error function 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = unary({
  name: "erf",
  onnx: "Erf",
  kernels: ["float32", "float16"],
  reference: erfReference,
  gradient: (dy, x) => mul(dy, mul(exp(mul(square(x), -1)), 2 / Math.sqrt(Math.PI))),
});

/** 1 / (1 + e^−x). */
export const sigmoid = unary({
  name: "sigmoid",
  nonDecreasing: true,
  onnx: "Sigmoid",
  reference: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  gradient: (dy, _, y) => mul(mul(dy, y), sub(1, y)),
  flops: 4,
});

/** ln(1 + eˣ), stable for large |x|. */
export const softplus = unary({
  name: "softplus",
  onnx: "Softplus",
  kernels: ["float32", "float64"],
  reference: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  gradient: (dy, x) => mul(dy, sigmoid(x)),
  flops: 4,
});

/** ln sigmoid(x), stable for large |x|. */
export const logSigmoid = (x: TensorLike): Tensor => mul(softplus(mul(x, -1)), -1);

/** 1 where x > 0, else 0, in the dtype of x. Its gradient is zero. */
export const heaviside = unary({
  name: "heaviside",
  // A sigmoid of straight pieces, infinitely steep: one fast pass, where comparison and cast are two slow ones.
  onnx: (graph, x) => graph.node("HardSigmoid", [x], { alpha: { float: 3e38 }, beta: { float: 0 } }),
  kernels: ["float32", "float16"],
  reference: (x) => (Number.isNaN(x) ? x : Number(x > 0)),
  gradient: () => null,
});

/** max(x, 0); the gradient at 0 is 0. */
export const relu = unary({
  name: "relu",
  nonDecreasing: true,
  onnx: "Relu",
  accepts: "number",
  kernels: ["float32", "float64", "float16", "int32", "int8"],
  reference: (x) => (Number.isNaN(x) ? x : Math.max(x, 0)),
  gradient: (dy, _, y) => mul(dy, heaviside(y)),
});

const siluOperation = unaryOperation({
  name: "silu",
  kernels: ["float32", "float16"],
  onnx: (graph, x) =>
    graph.contributed
      ? graph.nodes("QuickGelu", [x], { outputs: 1, domain: "com.microsoft", attributes: { alpha: { float: 1 } } })[0]
      : graph.node("Mul", [x, graph.node("Sigmoid", [x])]),
  reference: (x) => x / (1 + Math.exp(-x)),
  gradient: (dy, x, y) => {
    const s = sigmoid(x);
    return mul(dy, add(s, mul(y, sub(1, s))));
  },
  flops: 5,
});

/** x · sigmoid(x), also called swish. */
export const silu = (x: TensorLike): Tensor => applyOne(siluOperation, [asTensor(x)], {});

const geluReference = (x: number, form: "erf" | "tanh"): number =>
  form === "erf"
    ? 0.5 * x * (1 + erfReference(x / Math.SQRT2))
    : 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

const geluOperation = unaryOperation<{ form: "erf" | "tanh" }>({
  name: "gelu",
  kernels: ["float32", "float16"],
  onnx: (graph, x, _, { form }) => graph.node("Gelu", [x], { approximate: form === "tanh" ? "tanh" : "none" }),
  reference: (x, { form }) => geluReference(x, form),
  gradient: (dy, x, _, { form }) => mul(dy, form === "tanh" ? tanhGeluDerivative(x) : erfGeluDerivative(x)),
  simplifications: {
    // As fast as the fused kernel alone, and the gradient finds the gate already computed.
    "gelu-to-gate": ({ inputs: [x], attributes: { form } }) =>
      form === "tanh" ? [mul(x, tanhGeluGate(x))] : undefined,
  },
  flops: 8,
});

/** Φ(x) + x φ(x). */
function erfGeluDerivative(x: Tensor): Tensor {
  const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return add(add(mul(erf(mul(x, Math.SQRT1_2)), 0.5), 0.5), mul(x, density));
}

// ½(1 + tanh u) = sigmoid(2u), with 2u = linear·x + cubic·x³.
const linear = 2 * Math.sqrt(2 / Math.PI);
const cubic = linear * 0.044715;

/** What the tanh form multiplies x with. */
const tanhGeluGate = (x: Tensor): Tensor => sigmoid(mul(x, add(mul(square(x), cubic), linear)));

/** s + x·s·(1 − s)·(2u)' with s the gate: five passes more than the gate itself. */
function tanhGeluDerivative(x: Tensor): Tensor {
  const gate = tanhGeluGate(x);
  const slope = mul(mul(x, gate), add(mul(square(x), 3 * cubic), linear));
  return add(gate, mul(sub(1, gate), slope));
}

/**
 * The Gaussian error linear unit x · Φ(x).
 *
 * @param form  "erf" is exact; "tanh" is the approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))). Default "erf"
 * @source      Hendrycks & Gimpel 2016, arXiv:1606.08415
 */
export const gelu = (x: TensorLike, { form = "erf" }: { form?: "erf" | "tanh" } = {}): Tensor =>
  applyOne(geluOperation, [asTensor(x)], { form });
