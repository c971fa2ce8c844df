import { dependents, nodesOf } from "../graph.ts";
import type { GradientContext } from "../operation.ts";
import { add } from "../operations/arithmetic.ts";
import { isBroadcast } from "../operations/broadcast.ts";
import { apply, type Node, type Tensor } from "../tensor.ts";
import { zerosLike } from "../transforms/vjp.ts";
import { Residuals } from "./residuals.ts";
import { type ScanAttributes, scanOperation } from "./scan.ts";
import { type Flow, stepGradient } from "./step-gradient.ts";
import { closeOver, placeholder, substitute } from "./subgraph.ts";
import { planSum, type SumPlan } from "./sum-over-steps.ts";

const present = <T>(list: readonly (T | null)[]): T[] => list.filter((item): item is T => item !== null);

/**
 * The gradient of a scan: a scan in the other direction over the gradient of its body.
 *
 * With saved residuals the loop does only what must be done step by step, the way of the cotangents from carry to carry.
 * What comes before (derivatives that the forward pass fixes) is computed for all steps at once from what that pass
 * stacked; what comes after (gradients of elements and captures) likewise from what the backward loop stacked. A weight
 * gradient is then one long matrix product instead of a short product and an addition at every step.
 *
 * With recomputed residuals, and around barriers (`checkpoint`), all of it stays in the loop: slower, and small.
 */
export function scanGradient(
  cotangents: readonly (Tensor | null)[],
  node: Node<ScanAttributes>,
  { needs }: GradientContext,
): (Tensor | null)[] {
  const { carries, scanned, length, residuals: mode, body } = node.attributes;
  const ends = carries + scanned;
  const step = stepGradient(cotangents, node, needs);
  const flows = present(step.flows);
  const ofElements = step.cotangents.slice(carries, ends);
  const ofCaptures = step.cotangents.slice(ends);
  const nodes = nodesOf([...flows.map((flow) => flow.outgoing), ...present(ofElements), ...present(ofCaptures)]);
  const incoming = flows.map((flow) => flow.incoming);
  const residuals = new Residuals(node, step.given, nodes, incoming);
  const split = mode === "save" && !nodes.some((one) => one.operation.opaque);
  const onFlow = dependents(nodes, new Set(incoming));
  const carriedBack = new Set(nodesOf(flows.map((flow) => flow.outgoing)));

  const limit = [...body.inputs.slice(0, ends), ...body.outputs].reduce((size, x) => size + x.size, 0);
  const plans = ofCaptures.map((root): SumPlan | null => {
    if (root === null) return null;
    if (!split) return { stacked: [], accumulated: [root], build: ({ total }) => total(root) };
    const atomic = (x: Tensor): boolean => onFlow.has(x.node) && carriedBack.has(x.node);
    return planSum(root, { length, limit, varies: (x) => residuals.varies(x), atomic });
  });
  const totals = new Map<Tensor, Flow>();
  for (const x of present(plans).flatMap((plan) => plan.accumulated)) {
    const before = placeholder(x, "sum over steps");
    totals.set(x, { initial: zerosLike(x), incoming: before, outgoing: add(before, x) });
  }

  // What the loop stacks: all that is wanted of it, or what the rest can be computed from afterwards.
  const wanted = [...present(ofElements), ...present(plans).flatMap((plan) => plan.stacked)];
  const looped = new Set([...incoming.map((x) => x.node), ...carriedBack, ...nodesOf([...totals.keys()])]);
  const emitted = new Set<Tensor>();
  const seen = new Set<Node>();
  const takeFromLoop = (x: Tensor): void => {
    if (!residuals.varies(x)) return;
    if (!split || (onFlow.has(x.node) && looped.has(x.node))) emitted.add(x);
    else if (!onFlow.has(x.node)) residuals.settle(x);
    else if (!seen.has(x.node)) {
      seen.add(x.node);
      x.node.inputs.forEach(takeFromLoop);
    }
  };
  wanted.forEach(takeFromLoop);

  // What the loop takes: what does not wait for a cotangent from the step before, as early as it is known for all steps.
  const elements = new Set<Tensor>();
  const visited = new Set<Node>();
  const giveToLoop = (x: Tensor): void => {
    if (!residuals.varies(x) || incoming.includes(x)) return;
    // A tensor that is only stretched is better stretched inside.
    if (!onFlow.has(x.node) && (residuals.isStacked(x) || (split && !isBroadcast(x)))) {
      residuals.settle(x);
      elements.add(x);
    } else if (!visited.has(x.node)) {
      visited.add(x.node);
      x.node.inputs.forEach(giveToLoop);
    }
  };
  [...flows.map((flow) => flow.outgoing), ...totals.keys(), ...emitted].forEach(giveToLoop);

  const loop = runBackwards(node, [...flows, ...totals.values()], [...emitted], [...elements], residuals);
  loop.stacks.forEach((stack, i) => {
    residuals.add([...emitted][i], stack);
  });
  const stacks = residuals.outside(wanted);
  const known = {
    stack: (x: Tensor) => stacks[wanted.indexOf(x)],
    total: (x: Tensor) => loop.finals[flows.length + [...totals.keys()].indexOf(x)],
    constant: (x: Tensor) => residuals.withCaptures([x])[0],
  };
  const results = [
    ...step.flows.map((flow) => (flow === null ? null : loop.finals[flows.indexOf(flow)])),
    ...ofElements.map((root) => root && known.stack(root)),
    ...plans.map((plan) => plan?.build(known) ?? null),
  ];
  return results.map((result, i) => (needs[i] ? result : null));
}

/** Runs the backward loop: what it carries at the end, and what it stacks. */
function runBackwards(
  { attributes }: Node<ScanAttributes>,
  carried: readonly Flow[],
  emitted: readonly Tensor[],
  elements: readonly Tensor[],
  residuals: Residuals,
): { finals: Tensor[]; stacks: Tensor[] } {
  if (carried.length + emitted.length === 0) return { finals: [], stacks: [] };
  const inner = elements.map((x) => placeholder(x, x.origin));
  const outputs = substitute(
    [...carried.map((flow) => flow.outgoing), ...emitted],
    new Map(elements.map((x, i) => [x, inner[i]])),
  );
  const formal = [...carried.map((flow) => flow.incoming), ...inner];
  const { body, captures } = closeOver(formal, residuals.withCaptures(outputs));
  const results = apply(
    scanOperation,
    [...carried.map((flow) => flow.initial), ...residuals.outside(elements), ...captures],
    {
      carries: carried.length,
      scanned: elements.length,
      length: attributes.length,
      reverse: !attributes.reverse,
      residuals: attributes.residuals,
      body,
    },
  );
  return { finals: results.slice(0, carried.length), stacks: results.slice(carried.length) };
}
