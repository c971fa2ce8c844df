import { isFloat } from "../dtype.ts";
import { dependents, nodesOf } from "../graph.ts";
import type { Subgraph } from "../operation.ts";
import type { Node, Tensor } from "../tensor.ts";
import { pullBack, zerosLike } from "../transforms/vjp.ts";
import type { ScanAttributes } from "./scan.ts";
import { placeholder } from "./subgraph.ts";

/** A tensor that the backward loop carries from step to step, against the direction of the scan. */
export interface Flow {
  readonly initial: Tensor;
  /** Stands in the body for what comes in. */
  readonly incoming: Tensor;
  /** What goes on to the next step. */
  readonly outgoing: Tensor;
}

/** How the cotangents of one step's results become those of the body's inputs. */
export interface StepGradient {
  /** For each carry the cotangent that is carried back, or null where none ever arrives. */
  readonly flows: readonly (Flow | null)[];
  /** Cotangents of one step's stacked results, with the stacks [length, …] that they are taken from. */
  readonly given: ReadonlyMap<Tensor, Tensor>;
  /** For each input of the body its cotangent in terms of the body; null where there is none. */
  readonly cotangents: readonly (Tensor | null)[];
}

/** Differentiates the body of a scan. Which carries pass cotangents on is found by trial. */
export function stepGradient(
  cotangents: readonly (Tensor | null)[],
  { inputs, outputs, attributes: { carries, body } }: Node<ScanAttributes>,
  needs: readonly boolean[],
): StepGradient {
  const active = activeInputs(body, carries, needs);
  const given = new Map<Tensor, Tensor>();
  const ofResults = body.outputs.slice(carries).map((output, k) => {
    const stacked = cotangents[carries + k] ?? null;
    if (stacked === null || !isFloat(output.dtype)) return null;
    const element = placeholder(output, `cotangent of result ${k}`);
    given.set(element, stacked);
    return element;
  });
  const incoming = body.inputs.slice(0, carries).map((carry, i) => placeholder(carry, `cotangent of carry ${i}`));
  const wanted = body.inputs.map((_, i) => i).filter((i) => active[i]);
  let reached = incoming.map((_, i) => active[i] && cotangents[i] !== null);
  for (;;) {
    const pulled = pullBack(
      body.outputs,
      [...incoming.map((tensor, i) => (reached[i] ? tensor : null)), ...ofResults],
      wanted.map((i) => body.inputs[i]),
    );
    const found = body.inputs.map((_, i) => pulled[wanted.indexOf(i)] ?? null);
    const more = reached.map((already, i) => already || found[i] !== null);
    if (more.every((now, i) => now === reached[i])) {
      const flows = incoming.map((tensor, i) =>
        reached[i]
          ? {
              initial: cotangents[i] ?? zerosLike(outputs[i]),
              incoming: tensor,
              outgoing: found[i] ?? zerosLike(inputs[i]),
            }
          : null,
      );
      return { flows, given, cotangents: found };
    }
    reached = more;
  }
}

/** Which inputs of a body take part: those that need a gradient, and float carries that such inputs reach. */
function activeInputs(body: Subgraph, carries: number, needs: readonly boolean[]): boolean[] {
  const nodes = nodesOf(body.outputs);
  let active = [...needs];
  for (;;) {
    const reached = dependents(nodes, new Set(body.inputs.filter((_, i) => active[i])));
    const more = active.map(
      (already, i) => already || (i < carries && isFloat(body.inputs[i].dtype) && reached.has(body.outputs[i].node)),
    );
    if (more.every((now, i) => now === active[i])) return active;
    active = more;
  }
}
