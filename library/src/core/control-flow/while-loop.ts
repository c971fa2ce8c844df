import { SettingError, ShapeError } from "../errors.ts";
import { dependents, nodesOf } from "../graph.ts";
import type { Operation, Subgraph } from "../operation.ts";
import { and } from "../operations/comparison.ts";
import { ensureBatched } from "../operations/define.ts";
import { any } from "../operations/reduce.ts";
import { reshape } from "../operations/reshape.ts";
import { where } from "../operations/where.ts";
import { evaluateSubgraph } from "../oracle.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { batchGraph } from "../transforms/vmap.ts";
import { leavesOf, type Symbolic } from "../tree.ts";
import { expectSameTree, tensorTree, withLeaves } from "./same-tree.ts";
import { bodyFlops, closeOver, narrowBody, neededInputs, placeholder, substitute } from "./subgraph.ts";

/**
 * Inputs: whether to begin, the first state, captures. The body takes state and captures, and gives whether to go on and
 * the next state.
 */
interface WhileAttributes {
  readonly states: number;
  readonly maximum: number;
  readonly body: Subgraph;
}

const whileOperation: Operation<WhileAttributes> = {
  name: "whileLoop",
  infer: (_, { body }) => body.outputs.slice(1).map(({ shape, dtype }) => ({ shape, dtype })),
  emit: (graph, [begin, ...inputs], { attributes: { states, maximum, body } }) => {
    const step = placeholder({ shape: [], dtype: "int64" }, "step");
    const goOn = placeholder({ shape: [], dtype: "bool" }, "go on");
    const limit = Number.isFinite(maximum) ? graph.scalar(maximum, "int64") : "";
    return graph.nodes("Loop", [limit, begin, ...inputs.slice(0, states)], {
      outputs: states,
      attributes: {
        body: {
          graph: {
            formal: [step, goOn, ...body.inputs.slice(0, states)],
            bound: new Map(body.inputs.slice(states).map((capture, i) => [capture, inputs[states + i]])),
            outputs: body.outputs,
          },
        },
      },
    });
  },
  reference: ([begin, ...inputs], { attributes: { states, maximum, body } }) => {
    let [goOn, ...state] = [begin, ...inputs.slice(0, states)];
    const captures = inputs.slice(states);
    for (let i = 0; i < maximum && goOn[0] !== 0; i++)
      [goOn, ...state] = evaluateSubgraph(body, [...state, ...captures]);
    return state;
  },
  gradient: "whileLoop has no gradient: how many steps it takes, and so what to keep, is not known before it runs",
  batch: batchWhile,
  mapSubgraphs: (attributes, replace) => ({ ...attributes, body: replace(attributes.body) }),
  dropUnused: ({ inputs, outputs, attributes }, used) => {
    const { states, body } = attributes;
    // What decides about going on is needed always; a state that neither this nor a result depends on is not.
    let keep = [true, ...used];
    const neededBy = (results: readonly boolean[]) =>
      neededInputs({ inputs: body.inputs, outputs: body.outputs.filter((_, i) => results[i]) });
    let needed = neededBy(keep);
    while (needed.some((now, i) => now && i < states && !keep[i + 1])) {
      keep = keep.map((already, i) => already || needed[i - 1]);
      needed = neededBy(keep);
    }
    const kept = body.inputs.map((_, i) => (i < states ? keep[i + 1] : needed[i]));
    if (kept.every(Boolean)) return undefined;
    const results = apply(whileOperation, [inputs[0], ...inputs.slice(1).filter((_, i) => kept[i])], {
      ...attributes,
      states: keep.filter(Boolean).length - 1,
      body: narrowBody(body, kept, keep),
    });
    let next = 0;
    return outputs.map((_, i) => (keep[i + 1] ? results[next++] : undefined));
  },
  // Nobody knows how often: one step is counted.
  flops: ({ attributes: { body } }) => bodyFlops(body),
};

/** With a condition for each example the loop runs until all are done; those that are done keep their state. */
function batchWhile(
  [begin, ...inputs]: readonly Tensor[],
  [beginBatched, ...batched]: readonly boolean[],
  { states, maximum, body }: WhileAttributes,
  size: number,
): Tensor[] {
  const wide = body.inputs.map((formal) =>
    placeholder({ shape: [size, ...formal.shape], dtype: formal.dtype }, formal.origin),
  );
  let flags = [...batched];
  const step = () =>
    batchGraph(
      body.outputs,
      new Map(body.inputs.flatMap((formal, i) => (flags[i] ? [[formal, wide[i]] as const] : []))),
      size,
    );
  let results = step();
  for (;;) {
    const own = beginBatched || results[0].batched;
    const more = flags.map((already, i) => already || (i < states && (own || results[i + 1].batched)));
    if (more.every((now, i) => now === flags[i])) break;
    flags = more;
    results = step();
  }
  const formal = body.inputs.map((one, i) => (flags[i] ? wide[i] : one));
  const first = inputs.map((x, i) => (flags[i] ? ensureBatched(x, batched[i], size) : x));
  const [goOn, ...next] = results.map(({ tensor, batched: has }, i) =>
    i > 0 && flags[i - 1] ? ensureBatched(tensor, has, size) : tensor,
  );
  if (!beginBatched && !results[0].batched) {
    const outputs = apply(whileOperation, [begin, ...first], {
      states,
      maximum,
      body: { inputs: formal, outputs: [goOn, ...next] },
    });
    return outputs.map((output, i) => ensureBatched(output, flags[i], size));
  }
  const active = placeholder({ shape: [size], dtype: "bool" }, "active");
  const held = next.map((x, i) =>
    where(reshape(active, [size, ...new Array<number>(x.rank - 1).fill(1)]), x, formal[i]),
  );
  const stillActive = and(active, ensureBatched(goOn, results[0].batched, size));
  const started = ensureBatched(begin, beginBatched, size);
  return apply(whileOperation, [any(started), ...first.slice(0, states), started, ...first.slice(states)], {
    states: states + 1,
    maximum,
    body: {
      inputs: [...formal.slice(0, states), active, ...formal.slice(states)],
      outputs: [any(stillActive), ...held, stillActive],
    },
  }).slice(0, states);
}

/**
 * Repeats `body` while `condition` holds, as often as it takes while the program runs. It has no gradient; `repeat` and
 * `scan` have one. Under `vmap` it runs until all examples are done, and those that are done keep their state.
 *
 * @param condition  state => a single bool
 * @param body       state => next state, a tree of the same structure, shapes and dtypes
 * @param init       tree of the first state
 * @param maximum    steps after which it ends in any case. Default: none
 * @returns          the last state
 * @throws           ShapeError or DTypeError `whileLoop/state`; ShapeError `whileLoop/condition`; SettingError
 *                   `whileLoop/random`, `whileLoop/maximum`; GradientError when differentiated
 * @example
 * whileLoop((x) => greater(x, 1), (x) => div(x, 2), 10)   // 0.625
 */
export function whileLoop<S>(
  condition: (state: Symbolic<NoInfer<S>>) => TensorLike,
  body: (state: Symbolic<NoInfer<S>>) => Symbolic<NoInfer<S>>,
  init: S,
  { maximum = Infinity }: { maximum?: number } = {},
): Symbolic<S> {
  if (maximum !== Infinity && (!Number.isInteger(maximum) || maximum < 0))
    throw new SettingError("whileLoop/maximum", "the greatest number of steps is a whole number of at least 0", {
      given: maximum,
    });
  const start = tensorTree(init);
  const first = leavesOf(start) as Tensor[];
  const formal = first.map((leaf, i) => placeholder(leaf, `state ${i}`));
  const next = expectSameTree("whileLoop/state", start, body(withLeaves(start, formal)), {
    names: ["first state", "next state"],
    fix: "start with a state of the structure, shapes and dtypes that the body returns",
  });
  const begin = checkedCondition(condition(start));
  const [goOn] = substitute(
    [checkedCondition(condition(withLeaves(start, formal)))],
    new Map(formal.map((x, i) => [x, next[i]])),
  );
  refuseRandom([goOn, ...next], formal);
  const closed = closeOver(formal, [goOn, ...next]);
  const outputs = apply(whileOperation, [begin, ...first, ...closed.captures], {
    states: first.length,
    maximum,
    body: closed.body,
  });
  return withLeaves(start, outputs);
}

function checkedCondition(source: TensorLike): Tensor {
  const condition = asTensor(source);
  if (condition.dtype !== "bool" || condition.size !== 1)
    throw new ShapeError("whileLoop/condition", `the condition must be a single bool, it is ${condition}`, {
      operands: { condition },
      fix: "compare, and reduce with any or all",
    });
  return reshape(condition, []);
}

function refuseRandom(outputs: readonly Tensor[], formal: readonly Tensor[]): void {
  const nodes = nodesOf(outputs);
  const inside = dependents(nodes, new Set(formal));
  const drawing = nodes.find((node) => node.operation.host !== undefined && inside.has(node));
  if (drawing !== undefined)
    throw new SettingError("whileLoop/random", `${drawing.operation.name} draws from a key of the loop's state`, {
      operands: { key: drawing.inputs[0], drawn: drawing.outputs[0] },
      fix: "random numbers are made before the loop, which has no known length: use repeat or scan with splitStacked",
    });
}
