import type { DType } from "../../core/dtype.ts";
import { evaluateReference } from "../../core/oracle.ts";
import { broadcastShapes, range, type Shape, sizeOf } from "../../core/shape.ts";
import { input, type Tensor } from "../../core/tensor.ts";
import { convert, Value } from "../../core/value.ts";

/** Random numbers for choosing graphs (mulberry32): small, seeded and the same everywhere. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  chance(probability = 0.5): boolean {
    return this.fraction() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)];
  }

  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    return list.map(() => rest.splice(this.between(0, rest.length - 1), 1)[0]);
  }
}

/** A tensor of a growing graph: its place, what it is, and the data it has for the graph's inputs. */
export interface Grown {
  readonly place: number;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: Float64Array;
}

/** What one step adds: tensors made of earlier ones. */
export interface Step {
  readonly of: readonly Grown[];
  readonly make: (...tensors: Tensor[]) => Tensor | readonly Tensor[];
  /** Settings worth seeing when the graph fails. */
  readonly settings?: unknown;
  /** False where the gradient is meant to differ from the derivative. Default true. */
  readonly smooth?: boolean;
}

/** Chooses the next step of a kind, or gives up where nothing suits it. */
export type Maker = (graph: GrowingGraph) => Step | undefined;

const largestSize = 64;
const largestNumber = 50;

/**
 * A graph that grows step by step. The data of every tensor is known while it grows, so that steps are chosen that stay
 * finite and away from jumps and kinks, where 32 and 64 bits, or two sides of a difference, would rightly disagree.
 */
export class GrowingGraph {
  readonly dice: Dice;
  readonly seed: number;
  readonly tensors: Grown[] = [];
  readonly inputs: { readonly place: number; readonly value: Value }[] = [];
  readonly steps: { readonly name: string; readonly step: Step; readonly places: readonly number[] }[] = [];
  readonly #symbols: Tensor[] = [];
  readonly #known = new Map<Tensor, Float64Array>();
  readonly #used = new Set<number>();

  constructor(seed: number) {
    this.seed = seed;
    this.dice = new Dice(seed);
    this.leaf(this.shape(2));
  }

  /** A random small shape. */
  shape(lowestRank = 0, highestRank = 3): number[] {
    return range(this.dice.between(lowestRank, highestRank)).map(() => this.dice.between(1, 4));
  }

  #keep(symbol: Tensor, data: Float64Array): Grown {
    const grown: Grown = { place: this.tensors.length, shape: symbol.shape, dtype: symbol.dtype, data };
    this.tensors.push(grown);
    this.#symbols.push(symbol);
    this.#known.set(symbol, data);
    return grown;
  }

  #input(value: Value): Grown {
    const grown = this.#keep(input(value.shape, value.dtype, `input ${this.inputs.length}`), value.toFloat64());
    this.inputs.push({ place: grown.place, value });
    return grown;
  }

  /** A new input of the graph, floats in (−2, 2). */
  leaf(shape: Shape): Grown {
    const data = Float32Array.from({ length: sizeOf(shape) }, () => 4 * this.dice.fraction() - 2);
    return this.#input(new Value(data, shape));
  }

  /** A new input of the graph: indices into an axis of `size`, some of them counted from the end. */
  indices(shape: Shape, size: number): Grown {
    const dtype = this.dice.chance(0.3) ? "int32" : "int64";
    const list = range(sizeOf(shape)).map(() => this.dice.between(-size, size - 1));
    return this.#input(new Value(convert(list, dtype), shape, dtype));
  }

  /** An earlier tensor of booleans, or a new input of them. */
  booleans(lowestRank = 0): Grown {
    const earlier = this.#find(({ dtype, shape }) => dtype === "bool" && shape.length >= lowestRank);
    if (earlier !== undefined) return earlier;
    const shape = this.shape(lowestRank);
    const data = Uint8Array.from({ length: sizeOf(shape) }, () => this.dice.between(0, 1));
    return this.#input(new Value(data, shape, "bool"));
  }

  /** An earlier float32 tensor of at least some rank that is not empty, later ones more likely; or a new input. */
  float(lowestRank = 0, highestRank = 4): Grown {
    return (
      this.#find(
        ({ dtype, shape }) => dtype === "float32" && shape.length >= lowestRank && shape.length <= highestRank,
      ) ?? this.leaf(this.shape(lowestRank, Math.max(lowestRank, Math.min(3, highestRank))))
    );
  }

  /** An earlier tensor of a dtype, where there is one. */
  any(...dtypes: readonly DType[]): Grown | undefined {
    return this.#find(({ dtype }) => dtypes.includes(dtype));
  }

  /** A float32 tensor of exactly this shape: an earlier one, or a new input. */
  like(shape: Shape): Grown {
    return (
      this.#find((one) => one.dtype === "float32" && `${one.shape}` === `${shape}` && this.dice.chance(0.6)) ??
      this.leaf(shape)
    );
  }

  /** A float32 tensor that broadcasts with this shape. */
  broadcastable(shape: Shape): Grown {
    const fits = (other: Shape): boolean => {
      const joint = broadcastShapes(shape, other);
      return joint !== undefined && sizeOf(joint) <= largestSize;
    };
    if (this.dice.chance(0.5)) {
      const earlier = this.#find((one) => one.dtype === "float32" && fits(one.shape));
      if (earlier !== undefined) return earlier;
    }
    const narrow = shape.map((size) => (this.dice.chance(0.3) ? 1 : size)).slice(this.dice.between(0, shape.length));
    return this.leaf(narrow);
  }

  axis(x: Grown): number {
    return this.dice.between(-x.shape.length, x.shape.length - 1);
  }

  /** Some axes, at least one where there is one. */
  axes(x: Grown): number[] {
    const all = range(x.shape.length);
    return this.dice
      .shuffled(all)
      .slice(0, this.dice.between(Math.min(1, all.length), all.length))
      .sort();
  }

  #find(suits: (one: Grown) => boolean): Grown | undefined {
    const found = this.tensors.filter(suits);
    if (found.length === 0) return undefined;
    return found[Math.max(this.dice.between(0, found.length - 1), this.dice.between(0, found.length - 1))];
  }

  /** Tries a step; false where the maker gave up, or the result is too large or not finite. */
  grow(name: string, maker: Maker): boolean {
    const before = this.tensors.length;
    const step = maker(this);
    const results = step === undefined ? [] : [step.make(...step.of.map(({ place }) => this.#symbols[place]))].flat();
    const data = evaluateReference(results, this.#known);
    const fine =
      step !== undefined &&
      results.every(({ size, rank }) => size <= largestSize && rank <= 4) &&
      data.every((list) => list.every((number) => Math.abs(number) <= largestNumber));
    if (!fine) {
      // Inputs made for a step that was not taken would only be in the way.
      this.tensors.length = this.#symbols.length = before;
      while ((this.inputs.at(-1)?.place ?? -1) >= before) this.inputs.pop();
      return false;
    }
    for (const { place } of step.of) this.#used.add(place);
    const places = results.map((symbol, i) => this.#keep(symbol, data[i]).place);
    this.steps.push({ name, step, places });
    return true;
  }

  /** The graph as a function of its inputs: the tensors that no later step used. */
  apply(inputs: readonly Tensor[]): Tensor[] {
    const tensors = new Map(this.inputs.map(({ place }, i) => [place, inputs[i]]));
    for (const { step, places } of this.steps) {
      const results = [step.make(...step.of.map(({ place }) => tensors.get(place)!))].flat();
      places.forEach((place, i) => {
        tensors.set(place, results[i]);
      });
    }
    return this.outputs.map(({ place }) => tensors.get(place)!);
  }

  get outputs(): Grown[] {
    return this.tensors.filter(({ place }) => !this.#used.has(place));
  }

  /** Whether central differences judge its gradients. */
  get smooth(): boolean {
    return this.steps.every(({ step }) => step.smooth ?? true) && this.outputs.some(({ dtype }) => dtype === "float32");
  }

  /** The graph as one reads it, and how to grow it again. */
  toString(): string {
    const name = (place: number): string => `t${place}`;
    const typed = ({ dtype, shape }: Grown | Value): string => `${dtype}[${shape}]`;
    return [
      ...this.inputs.map(
        ({ place, value }) => `${name(place)} = input ${typed(value)} ${JSON.stringify(value.toArray())}`,
      ),
      ...this.steps.map(
        ({ name: operation, step, places }) =>
          `${places.map(name).join(", ")} = ${operation}(${step.of.map(({ place }) => name(place)).join(", ")}${
            step.settings === undefined ? "" : `, ${JSON.stringify(step.settings)}`
          })   ${places.map((place) => typed(this.tensors[place])).join(", ")}`,
      ),
    ].join("\n");
  }
}

/** Whether no number lies within 3e−4 of one of `points`: not at a jump or a kink. */
export const awayFrom = (data: ArrayLike<number>, ...points: readonly number[]): boolean =>
  Array.from(data).every((x) => points.every((point) => Math.abs(x - point) > 3e-4));

/** Whether no two numbers lie within 3e−4: their order is the same in 32 and 64 bits. */
export function distinct(...lists: readonly ArrayLike<number>[]): boolean {
  const sorted = lists.flatMap((list) => Array.from(list)).sort((a, b) => a - b);
  return sorted.every((x, i) => i === 0 || x - sorted[i - 1] > 3e-4);
}
