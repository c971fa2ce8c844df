import { add, leavesOf, mapTree, mul, sub, type Tensor, zerosLike } from "../../core/index.ts";
import { asTensor, scalar } from "../../core/tensor.ts";
import { groupSmall, pack, unpack } from "./pack.ts";
import { asRate, type Rate } from "./schedules.ts";

/** What an optimizer remembers between steps: how many there were, and trees like the parameters. */
export interface OptimizerState<P> {
  /** Steps done, float32 scalar. */
  readonly step: Tensor;
  /** Running averages and the like by name, each a tree like the parameters. */
  readonly moments: Readonly<Record<string, P>>;
}

/** A rule that improves parameters by their gradient. Its functions build graphs: they are used inside `compile`. */
export interface Optimizer {
  /** The state before the first step, all zeros. */
  init<P>(params: P): OptimizerState<P>;
  /** One step: new parameters and new state from the gradient, a tree like the parameters. */
  update<P>(params: P, gradient: P, state: OptimizerState<P>): { params: P; state: OptimizerState<P> };
}

/** Which parameters shrink under weight decay: told the path ("blocks.0.norm1.scale") and the parameter. */
export type DecayMask = (path: string, parameter: Tensor) => boolean;

/** Matrices and kernels shrink, biases and norms do not: the custom for transformers. */
export const matricesOnly: DecayMask = (_, parameter) => parameter.rank >= 2;

interface LeafContext {
  /** Learning rate of this step. */
  readonly lr: Tensor;
  /** Number of this step, from 1. */
  readonly step: Tensor;
  /** Scalars shared by all parameters, as `prepare` made them. */
  readonly shared: Readonly<Record<string, Tensor>>;
  /** Whether this parameter shrinks. */
  readonly decays: boolean;
}

interface Definition {
  readonly lr: Rate;
  /** Names of the moments. */
  readonly moments: readonly string[];
  readonly decay?: DecayMask;
  /** Scalars of the step, computed once for all parameters. */
  readonly prepare?: (lr: Tensor, step: Tensor) => Record<string, Tensor>;
  /**
   * New parameter and new moments (in the order of their names) of one parameter. Elementwise: small parameters come
   * several at a time, as one vector.
   */
  readonly update: (parameter: Tensor, gradient: Tensor, moments: readonly Tensor[], context: LeafContext) => Tensor[];
}

/** An optimizer from its rule for one parameter. */
export function defineOptimizer({ lr: rate, moments: names, decay, prepare, update }: Definition): Optimizer {
  return {
    init: (params) => ({
      step: scalar(0),
      moments: Object.fromEntries(names.map((name) => [name, mapTree(params, (leaf) => zerosLike(asTensor(leaf)))])),
    }),
    update: (params, gradient, state) => {
      const step = add(state.step, 1);
      const lr = asRate(rate)(state.step);
      const shared = prepare?.(lr, step) ?? {};
      const gradients = leavesOf(gradient) as Tensor[];
      const old = names.map((name) => leavesOf(state.moments[name]) as Tensor[]);
      const parameters: Tensor[] = [];
      const decays: boolean[] = [];
      mapTree(params, (leaf, path) => {
        const parameter = asTensor(leaf);
        parameters.push(parameter);
        decays.push(decay?.(path, parameter) ?? true);
      });
      const results: Tensor[][] = [];
      for (const group of groupSmall(parameters, (i) => decays[i])) {
        const together = (leaves: readonly unknown[]) => pack(group.map((i) => asTensor(leaves[i] as Tensor)));
        const context = { lr, step, shared, decays: decays[group[0]] };
        const updated = update(together(parameters), together(gradients), old.map(together), context);
        const like = group.map((i) => parameters[i]);
        const parts = updated.map((packed) => unpack(packed, like));
        group.forEach((i, k) => {
          results[i] = parts.map((part) => part[k]);
        });
      }
      const tree = (slot: number) => {
        let i = 0;
        return mapTree(params, () => results[i++][slot]);
      };
      return {
        params: tree(0),
        state: { step, moments: Object.fromEntries(names.map((name, slot) => [name, tree(slot + 1)])) },
      };
    },
  };
}

/** Decoupled weight decay: the parameter shrunk by lr · decay, or itself. */
export const shrink = (parameter: Tensor, weightDecay: number, { lr, decays }: LeafContext): Tensor =>
  decays && weightDecay !== 0 ? mul(parameter, sub(1, mul(lr, weightDecay))) : parameter;
