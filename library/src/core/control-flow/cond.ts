import { DTypeError } from "../errors.ts";
import { nodesOf } from "../graph.ts";
import type { Operation, Subgraph } from "../operation.ts";
import { ensureBatched } from "../operations/define.ts";
import { reshape } from "../operations/reshape.ts";
import { where } from "../operations/where.ts";
import { evaluateSubgraph } from "../oracle.ts";
import { apply, asTensor, constantValue, scalar, type Tensor, type TensorLike } from "../tensor.ts";
import { pullBack, zerosLike } from "../transforms/vjp.ts";
import { batchGraph } from "../transforms/vmap.ts";
import { leavesOf, type Symbolic } from "../tree.ts";
import { expectSameTree, tensorTree, withLeaves } from "./same-tree.ts";
import { bodyFlops, type ClosedBody, closeAround, inline, narrowBody, neededInputs, placeholder } from "./subgraph.ts";

/** Inputs: the predicate, then the operands of both branches. The branches have one input for each operand. */
interface CondAttributes {
  readonly onTrue: Subgraph;
  readonly onFalse: Subgraph;
}

const condOperation: Operation<CondAttributes> = {
  name: "cond",
  infer: ([predicate], { onTrue }) => {
    if (predicate.dtype !== "bool" || predicate.size !== 1)
      throw new DTypeError("cond/predicate", `the predicate must be a single bool, it is ${predicate}`, {
        operands: { predicate },
        fix: "compare, and reduce with any or all; where picks element by element",
      });
    return onTrue.outputs.map(({ shape, dtype }) => ({ shape, dtype }));
  },
  emit: (graph, [predicate, ...operands], { attributes: { onTrue, onFalse } }) => {
    const branch = ({ inputs, outputs }: Subgraph) => ({
      graph: { formal: [], bound: new Map(inputs.map((formal, i) => [formal, operands[i]])), outputs },
    });
    return graph.nodes("If", [predicate], {
      outputs: onTrue.outputs.length,
      attributes: { then_branch: branch(onTrue), else_branch: branch(onFalse) },
    });
  },
  reference: ([predicate, ...operands], { attributes: { onTrue, onFalse } }) =>
    evaluateSubgraph(predicate[0] !== 0 ? onTrue : onFalse, operands),
  gradient: (cotangents, { inputs: [predicate, ...operands], attributes: { onTrue, onFalse } }, { needs }) => {
    const wanted = operands.map((_, i) => i).filter((i) => needs[i + 1]);
    const given = cotangents.flatMap((cotangent, i) => (cotangent === null ? [] : [{ cotangent, i }]));
    const pulled = [onTrue, onFalse].map((branch): Subgraph => {
      const incoming = given.map(({ cotangent }, k) => placeholder(cotangent, `cotangent ${k}`));
      const gradients = pullBack(
        given.map(({ i }) => branch.outputs[i]),
        incoming,
        wanted.map((i) => branch.inputs[i]),
      );
      return {
        inputs: [...branch.inputs, ...incoming],
        outputs: gradients.map((gradient, k) => gradient ?? zerosLike(operands[wanted[k]])),
      };
    });
    const results = apply(condOperation, [predicate, ...operands, ...given.map(({ cotangent }) => cotangent)], {
      onTrue: pulled[0],
      onFalse: pulled[1],
    });
    return [null, ...operands.map((_, i) => (wanted.includes(i) ? results[wanted.indexOf(i)] : null))];
  },
  batch: ([predicate, ...operands], [chosen, ...batched], { onTrue, onFalse }, size) => {
    if (chosen) {
      // Examples differ in their branch: both are computed.
      const [a, b] = [onTrue, onFalse].map((branch) => {
        const replacements = new Map(
          branch.inputs.flatMap((formal, i) => (batched[i] ? [[formal, operands[i]] as const] : [])),
        );
        const results = batchGraph(branch.outputs, replacements, size);
        const given = operands.map((operand, i) => (batched[i] ? branch.inputs[i] : operand));
        const outputs = results.map(({ tensor, batched: has }) => ensureBatched(tensor, has, size));
        return inline({ inputs: branch.inputs, outputs }, given);
      });
      return a.map((x, i) => where(reshape(predicate, [size, ...new Array<number>(x.rank - 1).fill(1)]), x, b[i]));
    }
    const branches = [onTrue, onFalse].map((branch): Subgraph => {
      const inputs = branch.inputs.map((formal, i) =>
        batched[i] ? placeholder({ shape: [size, ...formal.shape], dtype: formal.dtype }, formal.origin) : formal,
      );
      const replacements = new Map(
        branch.inputs.flatMap((formal, i) => (batched[i] ? [[formal, inputs[i]] as const] : [])),
      );
      const results = batchGraph(branch.outputs, replacements, size);
      return { inputs, outputs: results.map(({ tensor, batched: has }) => ensureBatched(tensor, has, size)) };
    });
    return apply(condOperation, [predicate, ...operands], { onTrue: branches[0], onFalse: branches[1] });
  },
  simplifications: {
    "known-branch": ({ inputs: [predicate, ...operands], attributes: { onTrue, onFalse } }) => {
      const known = constantValue(predicate);
      return known && inline(Number(known.data[0]) !== 0 ? onTrue : onFalse, operands);
    },
  },
  mapSubgraphs: ({ onTrue, onFalse }, replace) => ({ onTrue: replace(onTrue), onFalse: replace(onFalse) }),
  dropUnused: ({ inputs: [predicate, ...operands], outputs, attributes: { onTrue, onFalse } }, used) => {
    const branches = [onTrue, onFalse].map(({ inputs, outputs: all }) => ({
      inputs,
      outputs: all.filter((_, i) => used[i]),
    }));
    const [a, b] = branches.map(neededInputs);
    const needed = operands.map((_, i) => a[i] || b[i]);
    if (needed.every(Boolean) && used.every(Boolean)) return undefined;
    const results = apply(condOperation, [predicate, ...operands.filter((_, i) => needed[i])], {
      onTrue: narrowBody(onTrue, needed, used),
      onFalse: narrowBody(onFalse, needed, used),
    });
    let next = 0;
    return outputs.map((_, i) => (used[i] ? results[next++] : undefined));
  },
  flops: ({ attributes: { onTrue, onFalse } }) => Math.max(bodyFlops(onTrue), bodyFlops(onFalse)),
};

/**
 * One of two functions, chosen while the program runs; only the chosen one is computed, but for random numbers. The
 * gradient is that of the chosen one, computing its result again. Under `vmap` with a predicate for each example both are
 * computed, and picked from with `where`.
 *
 * @param predicate  a single bool
 * @param onTrue     (...operands) => tree; may also use tensors from outside
 * @param onFalse    the same for false: a tree of the same structure, shapes and dtypes
 * @param operands   trees handed to the chosen function
 * @throws           DTypeError `cond/predicate`; ShapeError or DTypeError `cond/branches`
 * @example
 * cond(greater(norm(g), 1), (x) => div(x, norm(x)), (x) => x, g)
 */
export function cond<A extends unknown[], Y>(
  predicate: TensorLike,
  onTrue: (...operands: { [K in keyof A]: Symbolic<NoInfer<A[K]>> }) => Y,
  onFalse: (...operands: { [K in keyof A]: Symbolic<NoInfer<A[K]>> }) => NoInfer<Y>,
  ...operands: A
): Y {
  const given = tensorTree(operands) as Parameters<typeof onTrue>;
  const [first, second] = [traceBranch(() => onTrue(...given)), traceBranch(() => onFalse(...given))];
  expectSameTree("cond/branches", first.result, second.result, {
    names: ["on true", "on false"],
    fix: "return trees of the same structure, shapes and dtypes from both branches",
  });
  const shared = [...new Set([...first.captures, ...second.captures])];
  const [a, b] = [first, second].map(({ body, captures }): Subgraph => {
    const own = new Map(captures.map((x, i) => [x, body.inputs[i]]));
    return { inputs: shared.map((x) => own.get(x) ?? placeholder(x, x.origin)), outputs: body.outputs };
  });
  return withLeaves(first.result, apply(condOperation, [asTensor(predicate), ...shared], { onTrue: a, onFalse: b }));
}

/** A branch is what was made while its function ran, less the random numbers, which the host makes in any case. */
function traceBranch<Y>(branch: () => Y): ClosedBody & { result: Y } {
  const before = scalar(0).node.id;
  const result = branch();
  const outputs = (leavesOf(result) as Tensor[]).map((leaf) => asTensor(leaf));
  const nodes = nodesOf(outputs);
  const drawn = new Set(nodesOf(nodes.flatMap((node) => (node.operation.host === undefined ? [] : node.outputs))));
  const inside = new Set(nodes.filter((node) => node.id > before && node.inputs.length > 0 && !drawn.has(node)));
  return { ...closeAround([], outputs, inside), result };
}
