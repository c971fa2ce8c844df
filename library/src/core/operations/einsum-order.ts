import { range } from "../shape.ts";

/** An operand by number, or two contractions whose results are contracted. */
export type Contraction = number | readonly [Contraction, Contraction];

/** Up to so many operands every order is considered: 3ⁿ splits of sets of operands. */
const exhaustive = 10;

/**
 * The order of pairwise contractions that needs the fewest multiplications.
 *
 * @param operands  labels of each operand
 * @param output    labels of the result
 * @param sizes     size of each label
 */
export function cheapestOrder(
  operands: readonly (readonly string[])[],
  output: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Contraction {
  if (operands.length <= exhaustive) return bestOf(operands, output, sizes);
  // Too many to try all: the first ones are contracted among themselves.
  const numbers = range(operands.length);
  const [head, tail] = [numbers.slice(0, exhaustive), numbers.slice(exhaustive)];
  const needed = [...output, ...tail.flatMap((i) => operands[i])];
  const inner = cheapestOrder(
    head.map((i) => operands[i]),
    needed,
    sizes,
  );
  const left = [...new Set(head.flatMap((i) => operands[i]))].filter((label) => needed.includes(label));
  const outer = cheapestOrder([left, ...tail.map((i) => operands[i])], output, sizes);
  const renumber = (plan: Contraction): Contraction =>
    typeof plan !== "number" ? [renumber(plan[0]), renumber(plan[1])] : plan === 0 ? inner : tail[plan - 1];
  return renumber(outer);
}

/** Dynamic programming over sets of operands, written as bits. */
function bestOf(
  operands: readonly (readonly string[])[],
  output: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Contraction {
  const full = 2 ** operands.length - 1;
  const members = (set: number): number[] => range(operands.length).filter((i) => set & (1 << i));
  /** Labels that a set's result still has: those that the output or an operand outside needs. */
  const remaining = (set: number): Set<string> => {
    const needed = new Set([...output, ...members(full & ~set).flatMap((i) => operands[i])]);
    return new Set(members(set).flatMap((i) => operands[i].filter((label) => needed.has(label))));
  };
  const left = Array.from({ length: full + 1 }, (_, set) => remaining(set));
  const best: { cost: number; plan: Contraction }[] = [];
  for (let set = 1; set <= full; set++) {
    const first = 31 - Math.clz32(set);
    if (set === 1 << first) {
      best[set] = { cost: 0, plan: first };
      continue;
    }
    best[set] = { cost: Infinity, plan: first };
    for (let part = (set - 1) & set; part > 0; part = (part - 1) & set) {
      const rest = set & ~part;
      if (part > rest) continue;
      const labels = left[part].union(left[rest]);
      const work = [...labels].reduce((product, label) => product * sizes.get(label)!, 1);
      const cost = best[part].cost + best[rest].cost + work;
      if (cost < best[set].cost) best[set] = { cost, plan: [best[part].plan, best[rest].plan] };
    }
  }
  return best[full].plan;
}
