import { ShapeError } from "../errors.ts";
import { range, sizeOf } from "../shape.ts";
import { harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { mul } from "./arithmetic.ts";
import { type Contraction, cheapestOrder } from "./einsum-order.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { slice } from "./slice.ts";
import { moveAxis, transpose } from "./transpose.ts";

/** An index of the notation: a letter, or an axis that an ellipsis stands for, counted from the right ("…0"). */
type Label = string;

/** A tensor with a label for each axis, each label once. */
interface Term {
  readonly tensor: Tensor;
  readonly labels: readonly Label[];
}

/**
 * Sums of products by Einstein's notation: each operand's axes are named by letters; letters that the result does not
 * name are summed over.
 *
 * It becomes diagonals, sums, transposes and matrix products: letters shared by both operands and the result are batches
 * of a product, letters that are summed are its inner size. More than two operands are contracted in the order that needs
 * the fewest multiplications.
 *
 * @param subscripts  "ij,jk->ik"; a letter twice in an operand takes the diagonal; "..." stands for any axes, which
 *                    broadcast; without "->" the result names every letter that occurs once, in alphabetical order
 * @param operands    one for each part before the arrow, of one dtype
 * @throws            ShapeError `einsum/subscripts`, `einsum/count`, `einsum/rank`, `einsum/size`; DTypeError `einsum/dtype`
 * @example
 * einsum("bqhd,bkhd->bhqk", queries, keys)   // scores of attention
 * einsum("ii->", matrix)                     // trace
 * einsum("...i,ij,...j->...", x, form, y)    // bilinear form
 */
export function einsum(subscripts: string, ...operands: TensorLike[]): Tensor {
  const tensors = harmonise("einsum", ...operands);
  const { inputs, output, sizes } = parse(subscripts, tensors);
  const terms = tensors.map((tensor, i) => prepare({ tensor, labels: inputs[i] }, sizes));
  return align(contract(terms, output, sizes), output);
}

/** Labels of the operands and of the result, and the size of each label. */
function parse(subscripts: string, tensors: readonly Tensor[]) {
  const refuse = (code: string, problem: string, operand?: Tensor, fix?: string): never => {
    throw new ShapeError(`einsum/${code}`, problem, {
      operands: operand === undefined ? undefined : { operand },
      given: subscripts,
      fix,
    });
  };
  const [left, right, ...more] = subscripts.replace(/\s/g, "").split("->");
  const parts = left.split(",");
  if (more.length > 0 || ![...parts, right ?? ""].every((part) => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(part)))
    refuse(
      "subscripts",
      "subscripts are letters and at most one ellipsis for each operand",
      undefined,
      `write "ij,jk->ik"`,
    );
  if (parts.length !== tensors.length)
    refuse("count", `the subscripts name ${parts.length} operands, ${tensors.length} are given`);
  const sizes = new Map<Label, number>();
  const inputs = parts.map((part, i) => {
    const { shape, rank } = tensors[i];
    const hidden = rank - part.replace("...", "").length;
    if (hidden < 0 || (hidden > 0 && !part.includes("...")))
      refuse("rank", `operand ${i} has ${rank} axes, its subscripts "${part}" name another number`, tensors[i]);
    const labels = spell(part, hidden);
    labels.forEach((label, axis) => {
      const known = sizes.get(label) ?? shape[axis];
      const stretches = label.startsWith("…") && (known === 1 || shape[axis] === 1);
      if (known !== shape[axis] && !stretches)
        refuse("size", `"${label}" has size ${known} before and ${shape[axis]} in operand ${i}`, tensors[i]);
      sizes.set(label, Math.max(known, shape[axis]) * Math.min(1, known, shape[axis]));
    });
    return labels;
  });
  const all = inputs.flat();
  const hidden = [...sizes.keys()].filter((label) => label.startsWith("…")).length;
  const once = [...new Set(all)].filter(
    (label) => !label.startsWith("…") && all.indexOf(label) === all.lastIndexOf(label),
  );
  const output = spell(right ?? `...${once.sort().join("")}`, hidden);
  const unknown = output.find((label, i) => !sizes.has(label) || output.indexOf(label) !== i);
  if (unknown !== undefined) refuse("subscripts", `the result names "${unknown}" twice, or no operand has it`);
  return { inputs, output, sizes };
}

/** The labels of one part; an ellipsis stands for `hidden` axes. */
const spell = (part: string, hidden: number): Label[] => {
  const [before, after] = part.split("...");
  return after === undefined
    ? [...before]
    : [
        ...before,
        ...range(hidden)
          .reverse()
          .map((k) => `…${k}`),
        ...after,
      ];
};

/** Takes diagonals of labels that stand twice, and drops axes that broadcast. */
function prepare({ tensor, labels }: Term, sizes: ReadonlyMap<Label, number>): Term {
  const twice = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (twice >= 0) {
    const first = labels.indexOf(labels[twice]);
    const rest = labels.filter((_, i) => i !== first && i !== twice);
    return prepare({ tensor: diagonal(tensor, first, twice), labels: [...rest, labels[twice]] }, sizes);
  }
  const real = range(labels.length).filter((i) => tensor.shape[i] === sizes.get(labels[i]));
  return {
    tensor: reshape(
      tensor,
      real.map((i) => tensor.shape[i]),
    ),
    labels: real.map((i) => labels[i]),
  };
}

/** The diagonal of two axes of one size, as the last axis: every (n + 1)-th element of the n² of both. */
function diagonal(x: Tensor, first: number, second: number): Tensor {
  const last = moveAxis(moveAxis(x, second, -1), first, -1);
  const [outer, length] = [last.shape.slice(0, -2), last.shape.at(-1)!];
  return slice(reshape(last, [...outer, length * length]), [...outer.map(() => null), [null, null, length + 1]]);
}

/** One term of several, by pairs in the cheapest order; its labels are those of the output, in any order. */
function contract(terms: readonly Term[], output: readonly Label[], sizes: ReadonlyMap<Label, number>): Term {
  const build = (plan: Contraction, keep: ReadonlySet<Label>): Term => {
    if (typeof plan === "number") return sumOut(terms[plan], (label) => keep.has(label));
    const [left, right] = plan;
    const leftKeeps = new Set([...keep, ...labelsOf(right)]);
    const rightKeeps = new Set([...keep, ...labelsOf(left)]);
    return multiply(build(left, leftKeeps), build(right, rightKeeps), keep, output);
  };
  const labelsOf = (plan: Contraction): readonly Label[] =>
    typeof plan === "number" ? terms[plan].labels : plan.flatMap(labelsOf);
  const order = cheapestOrder(
    terms.map(({ labels }) => labels),
    output,
    sizes,
  );
  return build(order, new Set(output));
}

/** Sums over the labels that nobody needs. */
function sumOut({ tensor, labels }: Term, needed: (label: Label) => boolean): Term {
  const axis = range(labels.length).filter((i) => !needed(labels[i]));
  return axis.length === 0 ? { tensor, labels } : { tensor: sum(tensor, { axis }), labels: labels.filter(needed) };
}

/** The product of two terms, summed over shared labels that are not kept. Labels of one side alone are all kept. */
function multiply(a: Term, b: Term, keep: ReadonlySet<Label>, output: readonly Label[]): Term {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const inner = shared.filter((label) => !keep.has(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  // Without a sum, or with nothing beside it, a matrix product would have an inner size or both outer sizes of 1.
  if (inner.length === 0 || (rows.length === 0 && columns.length === 0)) {
    const labels = byPlace([...rows, ...shared, ...columns], output);
    const product = { tensor: mul(align(a, labels), align(b, labels)), labels };
    return sumOut(product, (label) => !inner.includes(label));
  }
  return matrixProduct(a, b, { shared: shared.filter((label) => keep.has(label)), inner, rows, columns }, output);
}

/** Labels in the order of the output, further ones behind. */
const byPlace = (labels: readonly Label[], output: readonly Label[]): Label[] => [
  ...output.filter((label) => labels.includes(label)),
  ...labels.filter((label) => !output.includes(label)),
];

/** A term's tensor with its axes in the order of `labels`, size 1 where it has no such label. */
function align({ tensor, labels }: Term, target: readonly Label[]): Tensor {
  const present = target.filter((label) => labels.includes(label));
  const turned = transpose(
    tensor,
    present.map((label) => labels.indexOf(label)),
  );
  let next = 0;
  return reshape(
    turned,
    target.map((label) => (labels.includes(label) ? turned.shape[next++] : 1)),
  );
}

interface Groups {
  readonly shared: readonly Label[];
  readonly inner: readonly Label[];
  readonly rows: readonly Label[];
  readonly columns: readonly Label[];
}

/** A pair as one (batched) matrix product, with the orders of labels that copy the fewest elements. */
function matrixProduct(a: Term, b: Term, { shared, inner, rows, columns }: Groups, output: readonly Label[]): Term {
  const like = (term: Term, labels: readonly Label[]): Label[] => term.labels.filter((label) => labels.includes(label));
  const wanted = byPlace([...shared, ...rows, ...columns], output);
  let best: { copied: number; make: () => Term } | undefined;
  for (const batch of [wanted.filter((label) => shared.includes(label)), like(a, shared), like(b, shared)])
    for (const sums of [like(a, inner), like(b, inner)])
      for (const [left, right, before, after] of [
        [a, b, rows, columns],
        [b, a, columns, rows],
      ] as const) {
        const labels = [...batch, ...before, ...after];
        const [first, second] = [factor(left, batch, before, sums), factor(right, batch, sums, after)];
        const resultSize = sizeOf(wanted.map((label) => sizeIn(label, a, b)));
        const copied = first.copied + second.copied + (sameLabels(labels, wanted) ? 0 : resultSize);
        if (best !== undefined && best.copied <= copied) continue;
        best = {
          copied,
          make: () => {
            const product = matmul(first.make(), second.make(), {
              transposeA: first.transposed,
              transposeB: second.transposed,
            });
            return {
              tensor: reshape(
                product,
                labels.map((label) => sizeIn(label, a, b)),
              ),
              labels,
            };
          },
        };
      }
  return best!.make();
}

const sameLabels = (a: readonly Label[], b: readonly Label[]): boolean =>
  a.length === b.length && a.every((label, i) => label === b[i]);

const sizeIn = (label: Label, ...terms: readonly Term[]): number => {
  const term = terms.find(({ labels }) => labels.includes(label))!;
  return term.tensor.shape[term.labels.indexOf(label)];
};

/** A side of a matrix product, [batch, first, second] or transposed where it already lies so. */
function factor(term: Term, batch: readonly Label[], first: readonly Label[], second: readonly Label[]) {
  const straight = [...batch, ...first, ...second];
  const transposed = !sameLabels(term.labels, straight) && sameLabels(term.labels, [...batch, ...second, ...first]);
  const order = transposed ? [...batch, ...second, ...first] : straight;
  const group = (labels: readonly Label[]): number => sizeOf(labels.map((label) => sizeIn(label, term)));
  const matrix = transposed ? [group(second), group(first)] : [group(first), group(second)];
  return {
    transposed,
    copied: sameLabels(term.labels, order) ? 0 : term.tensor.size,
    make: () => reshape(align(term, order), [...(batch.length > 0 ? [group(batch)] : []), ...matrix]),
  };
}
