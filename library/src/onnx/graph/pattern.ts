import { SluiceError } from "../../core/errors.ts";
import type { NodeProto } from "../../runtime/onnx/protobuf/index.ts";

/** A pattern that is not written as patterns are. */
export class PatternError extends SluiceError {}

/**
 * What a pattern looks for: an operator applied to patterns, a value to be remembered by name, or anything.
 * `operators` is empty where any operator will do.
 */
export type Pattern =
  | { kind: "node"; operators: string[]; inputs: Pattern[]; rest: boolean; label?: string }
  | { kind: "value"; name: string }
  | { kind: "any" };

/**
 * Reads a pattern from text.
 *
 *     Mul(x, Sigmoid(x))              the operator Mul on a value and the sigmoid of the same value
 *     Add|Sub(MatMul(_, w), ...)      either operator; `_` is anything; `...` is any further inputs
 *     out=Softmax(*(scores))          `*` is any operator; `out` remembers the Softmax node
 *
 * Names before a parenthesis are operators, other names remember values: a name that occurs twice must be one value.
 *
 * @throws PatternError `pattern/syntax`
 */
export function parsePattern(text: string): Pattern {
  const tokens = text.match(/\.\.\.|[A-Za-z_][\w.]*|[(),|*=]|\S/g) ?? [];
  let at = 0;
  const fail = (expected: string): never => {
    throw new PatternError(
      "pattern/syntax",
      `expected ${expected} ${tokens[at] ? `before "${tokens[at]}"` : "at the end"}`,
      {
        given: text,
        fix: 'write a pattern such as "Mul(x, Sigmoid(x))"',
      },
    );
  };
  const take = (token: string): boolean => tokens[at] === token && ++at > 0;
  const word = (): string => (/^[A-Za-z_*]/.test(tokens[at] ?? "") ? tokens[at++] : fail("a name"));

  const parse = (): Pattern => {
    let name = word();
    let label: string | undefined;
    if (take("=")) {
      label = name;
      name = word();
    }
    const operators = [name];
    while (take("|")) operators.push(word());
    if (!take("(")) {
      if (label !== undefined || operators.length > 1 || name === "*") fail("(");
      return name === "_" ? { kind: "any" } : { kind: "value", name };
    }
    const inputs: Pattern[] = [];
    let rest = false;
    while (!take(")")) {
      if (take("...")) rest = true;
      else inputs.push(parse());
      if (tokens[at] !== ")" && (rest || !take(","))) fail(rest ? ")" : ", or )");
    }
    return { kind: "node", operators: operators.includes("*") ? [] : operators, inputs, rest, label };
  };
  const pattern = parse();
  if (at < tokens.length) fail("the end");
  return pattern;
}

/** A place where a pattern fits. */
export interface Match {
  /** The node of the outermost operator. */
  node: NodeProto;
  /** All nodes of the pattern, outermost first. */
  nodes: NodeProto[];
  /** Names of the remembered values. */
  values: Record<string, string>;
  /** The nodes with labels. */
  labels: Record<string, NodeProto>;
}

const commutative = new Set(["Add", "Mul", "Max", "Min", "And", "Or", "Xor", "Equal", "Sum"]);

/**
 * Whether a pattern fits at a node.
 *
 * @param producer  the node that makes a value, or undefined for inputs and initializers
 */
export function matchPattern(
  pattern: Pattern,
  node: NodeProto,
  producer: (value: string) => NodeProto | undefined,
): Match | undefined {
  type State = { nodes: NodeProto[]; values: Record<string, string>; labels: Record<string, NodeProto> };
  const matchValue = (wanted: Pattern, value: string, state: State): State | undefined => {
    if (wanted.kind === "any") return state;
    if (wanted.kind === "value") {
      const known = state.values[wanted.name];
      if (known !== undefined) return known === value ? state : undefined;
      return value === "" ? undefined : { ...state, values: { ...state.values, [wanted.name]: value } };
    }
    const source = producer(value);
    return source && source.output[0] === value ? matchNode(wanted, source, state) : undefined;
  };
  const matchNode = (wanted: Pattern & { kind: "node" }, found: NodeProto, state: State): State | undefined => {
    if (wanted.operators.length > 0 && !wanted.operators.includes(found.opType)) return undefined;
    if (wanted.rest ? found.input.length < wanted.inputs.length : found.input.length !== wanted.inputs.length)
      return undefined;
    const labels = wanted.label ? { ...state.labels, [wanted.label]: found } : state.labels;
    const start: State = { ...state, nodes: [...state.nodes, found], labels };
    const inOrder = (inputs: readonly string[]) =>
      wanted.inputs.reduce<State | undefined>((so, part, i) => so && matchValue(part, inputs[i], so), start);
    const swapped = commutative.has(found.opType) && found.input.length === 2 && wanted.inputs.length === 2;
    return inOrder(found.input) ?? (swapped ? inOrder([found.input[1], found.input[0]]) : undefined);
  };
  if (pattern.kind !== "node") return undefined;
  const state = matchNode(pattern, node, { nodes: [], values: {}, labels: {} });
  return state && { node, ...state };
}
