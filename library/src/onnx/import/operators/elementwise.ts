import { isFloat } from "../../../core/dtype.ts";
import {
  abs,
  acos,
  acosh,
  add,
  and,
  asin,
  asinh,
  atan,
  atanh,
  cast,
  ceil,
  cos,
  cosh,
  type DType,
  div,
  equal,
  erf,
  exp,
  floor,
  gelu,
  greater,
  greaterEqual,
  isNaN,
  less,
  lessEqual,
  log,
  maximum,
  minimum,
  mod,
  mul,
  neg,
  not,
  or,
  pow,
  reciprocal,
  relu,
  reshape,
  round,
  sigmoid,
  sign,
  sin,
  sinh,
  softplus,
  sqrt,
  sub,
  type Tensor,
  tan,
  tanh,
  where,
  xor,
} from "../../../core/index.ts";
import type { Converter, Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";

const unary =
  (operation: (x: Tensor) => Tensor): Converter =>
  (node) =>
    operation(node.tensor(0));

const binary =
  (operation: (a: Tensor, b: Tensor) => Tensor): Converter =>
  (node) =>
    operation(...legacyBroadcast(node));

/** Before operator set 7, the second operand was placed by `axis` instead of from the right. */
function legacyBroadcast(node: NodeContext): [Tensor, Tensor] {
  const [a, b] = [node.tensor(0), node.tensor(1)];
  const axis = node.attributes.int("axis");
  if (node.version >= 7 || axis === undefined) return [a, b];
  const start = axis < 0 ? axis + a.rank : axis;
  const shape = a.shape.map((_, i) => b.shape[i - start] ?? 1);
  return [a, reshape(b, shape)];
}

/** All inputs combined two by two. */
const variadic =
  (operation: (a: Tensor, b: Tensor) => Tensor): Converter =>
  (node) =>
    node.tensors().reduce((a, b) => operation(a, b));

/** An activation with numbers as attributes; `defaults` are the format's. */
const activation =
  <N extends string>(
    defaults: Readonly<Record<N, number>>,
    operation: (x: Tensor, settings: Record<N, number>) => Tensor,
  ): Converter =>
  (node) => {
    const names = Object.keys(defaults) as N[];
    const settings = names.map((name) => [name, node.attributes.float(name, defaults[name])]);
    return operation(node.tensor(0), Object.fromEntries(settings) as Record<N, number>);
  };

const truncated = (x: Tensor): Tensor => mul(sign(x), floor(abs(x)));

/** Integer arithmetic wide enough for powers of integers. */
const widened = (x: Tensor, dtype: DType): Tensor => cast(x, isFloat(dtype) ? dtype : "float64");

export const elementwiseOperators: Converters = {
  Abs: unary(abs),
  Acos: unary(acos),
  Acosh: unary(acosh),
  Add: binary(add),
  And: binary(and),
  Asin: unary(asin),
  Asinh: unary(asinh),
  Atan: unary(atan),
  Atanh: unary(atanh),
  Ceil: unary(ceil),
  Celu: activation({ alpha: 1 }, (x, { alpha }) =>
    add(maximum(x, 0), minimum(0, mul(sub(exp(div(minimum(x, 0), alpha)), 1), alpha))),
  ),
  Clip: (node) => {
    const x = node.tensor(0);
    const low = node.attributes.float("min") ?? node.optional(1);
    const high = node.attributes.float("max") ?? node.optional(2);
    const raised = low === undefined ? x : maximum(x, low);
    return high === undefined ? raised : minimum(raised, high);
  },
  Cos: unary(cos),
  Cosh: unary(cosh),
  Div: binary(div),
  Elu: activation({ alpha: 1 }, (x, { alpha }) => where(less(x, 0), mul(sub(exp(minimum(x, 0)), 1), alpha), x)),
  Equal: (node) => {
    const [a, b] = [node.entry(0), node.entry(1)];
    if (a?.kind === "text" || b?.kind === "text") throw new Unsupported("it compares text");
    return binary(equal)(node);
  },
  Erf: unary(erf),
  Exp: unary(exp),
  Floor: unary(floor),
  Gelu: (node) =>
    gelu(node.tensor(0), { form: node.attributes.string("approximate", "none") === "tanh" ? "tanh" : "erf" }),
  Greater: binary(greater),
  GreaterOrEqual: binary(greaterEqual),
  HardSigmoid: activation({ alpha: 0.2, beta: 0.5 }, (x, { alpha, beta }) =>
    maximum(0, minimum(1, add(mul(x, alpha), beta))),
  ),
  HardSwish: unary((x) => mul(x, maximum(0, minimum(1, add(div(x, 6), 0.5))))),
  Identity: (node) => node.given(0),
  IsInf: (node) => {
    const x = node.tensor(0);
    const positive = node.attributes.int("detect_positive", 1) === 1;
    const negative = node.attributes.int("detect_negative", 1) === 1;
    if (positive && negative) return equal(abs(x), Number.POSITIVE_INFINITY);
    if (!positive && !negative) return less(abs(x), 0);
    return equal(x, positive ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  },
  IsNaN: unary(isNaN),
  LeakyRelu: activation({ alpha: 0.01 }, (x, { alpha }) => where(less(x, 0), mul(x, alpha), x)),
  Less: binary(less),
  LessOrEqual: binary(lessEqual),
  Log: unary(log),
  Max: variadic(maximum),
  Mean: (node) => div(variadic(add)(node) as Tensor, node.inputs),
  Min: variadic(minimum),
  Mish: unary((x) => mul(x, tanh(softplus(x)))),
  Mod: (node) => {
    const [a, b] = [node.tensor(0), node.tensor(1)];
    if (node.attributes.int("fmod", 0) === 0) return mod(a, b);
    // The remainder with the sign of the dividend; integer division already truncates.
    const quotient = div(a, b);
    return sub(a, mul(b, isFloat(a.dtype) ? truncated(quotient) : quotient));
  },
  Mul: binary(mul),
  Neg: unary(neg),
  Not: unary(not),
  Or: binary(or),
  PRelu: (node) => {
    const [x, slope] = [node.tensor(0), node.tensor(1)];
    return where(less(x, 0), mul(x, slope), x);
  },
  Pow: (node) => {
    const [base, exponent] = legacyBroadcast(node);
    if (base.dtype === exponent.dtype && isFloat(base.dtype)) return pow(base, exponent);
    const dtype = isFloat(base.dtype) ? base.dtype : "float64";
    return cast(pow(widened(base, dtype), cast(exponent, dtype)), base.dtype);
  },
  Reciprocal: unary(reciprocal),
  Relu: unary((x) => (isFloat(x.dtype) ? relu(x) : maximum(x, 0))),
  Round: unary(round),
  Selu: activation({ alpha: 1.6732631921768188, gamma: 1.0507010221481323 }, (x, { alpha, gamma }) =>
    mul(where(less(x, 0), mul(sub(exp(minimum(x, 0)), 1), alpha), x), gamma),
  ),
  Shrink: activation({ bias: 0, lambd: 0.5 }, (x, { bias, lambd }) =>
    where(less(x, -lambd), add(x, bias), where(greater(x, lambd), sub(x, bias), 0)),
  ),
  Sigmoid: unary(sigmoid),
  Sign: unary(sign),
  Sin: unary(sin),
  Sinh: unary(sinh),
  Softplus: unary(softplus),
  Softsign: unary((x) => div(x, add(abs(x), 1))),
  Sqrt: unary(sqrt),
  Sub: binary(sub),
  Sum: variadic(add),
  Swish: activation({ alpha: 1 }, (x, { alpha }) => mul(x, sigmoid(mul(x, alpha)))),
  Tan: unary(tan),
  Tanh: unary(tanh),
  ThresholdedRelu: activation({ alpha: 1 }, (x, { alpha }) => where(greater(x, alpha), x, 0)),
  Where: (node) => where(node.tensor(0), node.tensor(1), node.tensor(2)),
  Xor: binary(xor),
};
