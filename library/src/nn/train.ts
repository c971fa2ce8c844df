import { allocate, isFloat } from "../core/dtype.ts";
import { NumericError } from "../core/errors.ts";
import {
  type Concrete,
  key as makeKey,
  split,
  type Tensor,
  type TensorLike,
  Value,
  valueAndGrad,
} from "../core/index.ts";
import { leavesOf, mapTree } from "../core/tree.ts";
import { findNonFinite } from "../runtime/find-non-finite.ts";
import { type CompileOptions, compile, evaluate } from "../runtime/program.ts";
import { loadTree, saveTree } from "./checkpoint.ts";
import { clipByGlobalNorm, movingAverage, type Optimizer, type OptimizerState } from "./optimizers/index.ts";

/** What a loss is told besides parameters and batch. */
export interface LossContext<S> {
  /** A key of this step's own, for dropout and noise. */
  readonly key: Tensor;
  /** State that is carried, not trained (running statistics). */
  readonly state: S;
}

/** What a loss may return instead of one scalar. */
export interface LossResult<S> {
  /** A float scalar, made small. */
  readonly loss: Tensor;
  /** The state for the next step. Default: unchanged. */
  readonly state?: S;
  /** Further scalars to report. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** Everything that training carries from step to step, and that a checkpoint holds. */
export interface TrainState<P, S> {
  readonly params: P;
  readonly optimizer: OptimizerState<P>;
  readonly state: S;
  /** The average of the parameters, where one is kept; else null. */
  readonly average: P | null;
  readonly key: Tensor;
}

/** What is known after a step. */
export interface Progress {
  /** Steps done, from 1. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Norm of the gradient before clipping, where it is clipped. */
  readonly gradientNorm: number | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  /** Seconds since training began (or was resumed). */
  readonly seconds: number;
}

export interface TrainOptions<P, B, S> {
  /** (params, batch, context) => scalar loss, or `LossResult`. Traced once a signature. */
  readonly loss: (params: P, batch: B, context: LossContext<S>) => Tensor | LossResult<S>;
  /** First parameters. They are copied: yours stay as they are. */
  readonly params: Concrete<P>;
  readonly optimizer: Optimizer;
  /** The batch of a step, from 0. For exact resumption it must depend on the number alone. */
  readonly batches: (step: number) => Concrete<B> | Promise<Concrete<B>>;
  /** Number of steps in all. */
  readonly steps: number;
  /** First state that is carried, not trained. Default null. */
  readonly state?: Concrete<S>;
  /** For the keys that losses get. Default 0. */
  readonly seed?: number;
  /** Largest norm of the gradient. Default: no limit. */
  readonly clip?: number;
  /** Share of the old average of parameters that is kept at each step. Default: no average. */
  readonly averageDecay?: number;
  /** Called after every step; returning "stop" ends the training there. */
  readonly onStep?: (progress: Progress) => unknown;
  /** Ends the training after the step that runs. */
  readonly signal?: AbortSignal;
  /**
   * A file that the whole state is saved to every so many steps and at the end, and taken from if it exists. Resumed
   * training is what uninterrupted training would have been, bit for bit on one thread.
   */
  readonly checkpoint?: { readonly file: string; readonly every?: number };
  readonly compile?: Omit<CompileOptions, "donate" | "names">;
}

export interface TrainResult<P, S> {
  readonly params: Concrete<P>;
  readonly average: Concrete<P> | null;
  readonly state: Concrete<S>;
  /** Steps done, those before a resumption included. */
  readonly step: number;
  /** The loss of each step of this call. */
  readonly losses: readonly number[];
}

/**
 * Trains parameters by a loss: each step one program, forward, backward and optimizer together, with its state written
 * over in place.
 *
 * @throws NumericError `train/not-finite` when the loss or a parameter is NaN or infinite, naming the operation that began it;
 *         SafetensorsError where the checkpoint is another model's
 * @example
 * const { params } = await train({ params, loss, optimizer: adamW({ lr: 1e-3 }), batches, steps: 500 });
 */
export async function train<P, B, S = null>(options: TrainOptions<P, B, S>): Promise<TrainResult<P, S>> {
  const { batches, steps, onStep, signal, checkpoint } = options;
  const step = trainStep(options);
  // The third argument is the state before the last: its memory takes the next one. The last itself stays as it is, so
  // that a step that went wrong can be run again and explained.
  const program = compile((state: TrainState<P, S>, batch: B, _spent: TrainState<P, S>) => step(state, batch), {
    ...options.compile,
    names: ["state", "batch", "spent"],
    donate: [2],
  }) as unknown as (...args: unknown[]) => Promise<Concrete<ReturnType<typeof step>>>;
  let state = await firstState(options);
  let done = 0;
  if (checkpoint !== undefined && (await exists(checkpoint.file))) {
    const { tree, metadata } = await loadTree(checkpoint.file, state);
    state = tree as typeof state;
    done = Number(metadata.step);
  }
  let spent: unknown = mapTree(
    state,
    ({ dtype, shape, size }: Value) => new Value(allocate(dtype, size), shape, dtype),
  );
  const save = async () => {
    if (checkpoint !== undefined) await saveTree(checkpoint.file, state, { step: String(done) });
  };
  const losses: number[] = [];
  const began = performance.now();
  let saved = done;
  while (done < steps && signal?.aborted !== true) {
    const batch = await batches(done);
    const { state: next, report } = await program(state, batch, spent);
    const loss = (report.loss as Value).item();
    if (!Number.isFinite(loss) || !looksFinite(next.params))
      throw await notFinite(step, [state, batch], loss, done, options.compile);
    [spent, state] = [state, next as typeof state];
    done++;
    losses.push(loss);
    const asked = onStep?.({
      step: done,
      steps,
      loss,
      gradientNorm: (report.norm as Value | null)?.item(),
      metrics: mapTree(report.metrics, (metric: Value) => metric.item()),
      seconds: (performance.now() - began) / 1000,
    });
    if (checkpoint?.every !== undefined && done % checkpoint.every === 0) {
      await save();
      saved = done;
    }
    if (asked === "stop") break;
  }
  if (saved !== done) await save();
  const { params, average, state: carried } = state;
  return { params, average, state: carried, step: done, losses } as TrainResult<P, S>;
}

/** One step as a function of tensors. */
function trainStep<P, B, S>({ loss, optimizer, clip, averageDecay }: TrainOptions<P, B, S>) {
  return (state: TrainState<P, S>, batch: B) => {
    const [nextKey, ownKey] = split(state.key);
    const [[value, rest], gradient] = valueAndGrad(
      (params: P): [Tensor, { state: S; metrics: Readonly<Record<string, Tensor>> }] => {
        const result = loss(params, batch, { key: ownKey, state: state.state });
        if (!isResult(result)) return [result, { state: state.state, metrics: {} }];
        return [result.loss, { state: result.state ?? state.state, metrics: result.metrics ?? {} }];
      },
      { auxiliary: true },
    )(state.params);
    const { tree: clipped, norm } =
      clip === undefined ? { tree: gradient, norm: null } : clipByGlobalNorm(gradient, clip);
    const updated = optimizer.update(state.params, clipped, state.optimizer);
    const next: TrainState<P, S> = {
      params: updated.params,
      optimizer: updated.state,
      state: rest.state,
      average: state.average === null ? null : movingAverage(state.average, updated.params, averageDecay as TensorLike),
      key: nextKey,
    };
    return { state: next, report: { loss: value, norm, metrics: rest.metrics } };
  };
}

const isResult = <S>(result: Tensor | LossResult<S>): result is LossResult<S> => "loss" in result;

async function firstState<P, B, S>(options: TrainOptions<P, B, S>): Promise<Concrete<TrainState<P, S>>> {
  const { params, state = null, seed = 0, averageDecay, optimizer } = options;
  // Copies: the state's memory is written over, and that is not the caller's.
  const copy = <T>(tree: T): T => mapTree(tree, (leaf: Value) => new Value(leaf.data.slice(), leaf.shape, leaf.dtype));
  return copy({
    params,
    optimizer: await evaluate(optimizer.init(params), options.compile),
    state,
    average: averageDecay === undefined ? null : params,
    key: makeKey(seed),
  }) as unknown as Concrete<TrainState<P, S>>;
}

async function exists(file: string): Promise<boolean> {
  const { access } = await import("node:fs/promises");
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * Whether a few elements of every leaf are finite: nearly free, and what spoils a parameter spoils nearly all of it. A
 * step whose loss was still good is caught so, while its own batch and state are there to explain it.
 */
const looksFinite = (tree: unknown): boolean =>
  (leavesOf(tree) as Value[]).every(({ data, size, dtype }) =>
    size === 0 || !isFloat(dtype) ? true : [0, size >> 1, size - 1].every((i) => Number.isFinite(data[i])),
  );

async function notFinite(
  step: (...args: any[]) => unknown,
  args: readonly unknown[],
  loss: number,
  done: number,
  options: CompileOptions | undefined,
): Promise<NumericError> {
  const found = await findNonFinite(step, args, { ...options, names: ["state", "batch"] });
  const place = found?.line === undefined ? "" : ` at ${found.line}`;
  const cause = found === undefined ? "no operation could be named" : `first ${found.kind}: ${found.origin}${place}`;
  const what = Number.isFinite(loss) ? "a parameter is not finite after" : `the loss is ${loss} at`;
  return new NumericError("train/not-finite", `${what} step ${done + 1}; ${cause}`, {
    given: found,
    fix: "a lower learning rate, clipping, or a stable form of that operation (logSoftmax, crossEntropy, an epsilon)",
  });
}
