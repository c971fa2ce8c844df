import { describe, expect, test } from "vitest";
import { compile, gather, grad, key, mul, sum, type Tensor, type TensorLike, type Value, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { initLowRankGate, lowRankGate } from "../gates/low-rank-gate.ts";
import { type GatedLinearOptions, gatedLinearAttention, gatedLinearStep } from "./gated-linear.ts";
import { gatedLinear, initGatedLinear } from "./gated-linear-layer.ts";

const numbers = (shape: number[], from = 0, of = (x: number) => x): Value =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => of(Math.sin(3 * (i + from) + 1))),
    { shape },
  );
const decays = (shape: number[], from = 0) => numbers(shape, from, (x) => -(x * x) / 2);
const inputs = (time: number, width = 3, values = 2) => [
  numbers([2, 2, time, width]),
  numbers([2, 2, time, width], 41),
  numbers([2, 2, time, values], 87),
  decays([2, 2, time, width], 133),
];
const run = (arguments_: readonly Value[], options: GatedLinearOptions = {}, initial?: Value) =>
  oracle(
    (q, k, v, d, ...more) => {
      const { out, state } = gatedLinearAttention(q, k, v, d, { ...options, initial: more[0] });
      return [out, state];
    },
    [...arguments_, ...(initial ? [initial] : [])],
  );
const ones = (time: number) => numbers([1, 1, time, 1], 0, () => 1);

describe("by hand", () => {
  test.each(["recurrent", "parallel", "chunk", "factorised"] as const)("α = ½ and q = k = v = 1, %s", (form) => {
    const half = numbers([1, 1, 4, 1], 0, () => Math.log(0.5));
    const [out, state] = run([ones(4), ones(4), ones(4), half], { form, scale: 1, chunk: 2, block: 1 });
    // log ½ is rounded to 32 bits on its way in.
    expectClose(out, [1, 1.5, 1.75, 1.875], { rtol: 1e-7 });
    expectClose(state, [1.875], { rtol: 1e-7 });
  });

  test("without forgetting it is linear attention; with nothing kept a time sees itself alone", () => {
    const [q, k, v] = inputs(6);
    const [linear] = run([q, k, v, numbers([2], 0, () => 0)], { scale: 1, chunk: 4, block: 2 });
    const [itself] = run([q, k, v, numbers([2], 0, () => -Infinity)], { scale: 1, form: "recurrent" });
    const [nearly] = run([q, k, v, numbers([2, 2, 6, 3], 0, () => -1e4)], { scale: 1, chunk: 4, block: 2 });
    const dot = (row: number, query: number, key: number) =>
      [0, 1, 2].reduce((total, c) => total + at(q, row, query, c, 3) * at(k, row, key, c, 3), 0);
    const at = (x: Value, row: number, time: number, c: number, width: number) =>
      x.toFloat64()[(row * 6 + time) * width + c];
    for (let row = 0; row < 4; row++)
      for (let time = 0; time < 6; time++)
        for (let c = 0; c < 2; c++) {
          const place = (row * 6 + time) * 2 + c;
          let total = 0;
          for (let s = 0; s <= time; s++) total += dot(row, time, s) * at(v, row, s, c, 2);
          expect(linear[place]).toBeCloseTo(total, 12);
          for (const one of [itself, nearly])
            expect(one[place]).toBeCloseTo(dot(row, time, time) * at(v, row, time, c, 2), 12);
        }
  });
});

describe("all forms give the same", () => {
  const initial = numbers([2, 2, 3, 2], 200);
  const [q, k, v, d] = inputs(37);
  const wide = { vector: d, "one a time": decays([2, 2, 37, 1], 7), "one a head": decays([2], 3) };

  test.each(Object.entries(wide))("decays: %s", (_, decay) => {
    const expected = run([q, k, v, decay], { form: "recurrent" }, initial);
    const forms: GatedLinearOptions[] = [
      { form: "parallel" },
      { form: "factorised" },
      ...[[1, 1], [8, 8], [8, 4], [8, 2], [37, 37], [37, 1], [64, 16]].map(([chunk, block]) => ({ chunk, block })), // biome-ignore format: pairs
    ];
    for (const options of forms) {
      const [out, state] = run([q, k, v, decay], options, initial);
      expectClose(out, expected[0], { rtol: 1e-10, atol: 1e-10 });
      expectClose(state, expected[1], { rtol: 1e-10, atol: 1e-10 });
    }
  });

  test("a single time, and steps one by one", () => {
    const short = inputs(1);
    const [out] = run(short);
    expectClose(out, run(short, { form: "recurrent" })[0], { rtol: 1e-12 });
    const [whole] = run([q, k, v, d], {}, initial);
    const [steps] = oracle(
      (q, k, v, d, s) => {
        let state = s;
        let out = s;
        for (let time = 0; time < 3; time++) {
          const [a, b, c, decay] = [mul(q, 1 / Math.sqrt(3)), k, v, d].map((x) => gather(x, time, { axis: 2 }));
          ({ out, state } = gatedLinearStep(state, a, b, c, decay));
        }
        return out;
      },
      [q, k, v, d, initial],
    );
    for (let row = 0; row < 4; row++)
      expectClose(steps.slice(row * 2, row * 2 + 2), whole.slice((row * 37 + 2) * 2, (row * 37 + 3) * 2), {
        rtol: 1e-10,
      });
  });

  test("in 32 bits too, where the factorised form overflows", async () => {
    const [q, k, v] = inputs(64);
    const fast = numbers([2, 2, 64, 3], 0, () => -2);
    const program = (form: GatedLinearOptions["form"]) =>
      compile((...[q, k, v, d]: Tensor[]) => gatedLinearAttention(q, k, v, d, { form }).out)(
        q,
        k,
        v,
        fast,
      ) as Promise<Value>;
    const exact = run([q, k, v, fast], { form: "recurrent" })[0];
    for (const form of ["chunk", "recurrent", "parallel"] as const)
      expectClose((await program(form)).toFloat64(), exact, { rtol: 1e-5, atol: 1e-6 });
    expect((await program("factorised")).toFloat64().every(Number.isFinite)).toBe(false);
  });
});

test("what comes later changes nothing earlier", () => {
  const [q, k, v, d] = inputs(9);
  const edited = [q, k, v, d].map((x) => {
    const width = x.shape[3];
    return value(
      Float32Array.from(x.data as Float32Array, (number, i) => (Math.floor(i / width) % 9 >= 5 ? -0.3 : number)),
      { shape: x.shape },
    );
  });
  const [before] = run([q, k, v, d], { chunk: 4, block: 2 });
  const [after] = run(edited, { chunk: 4, block: 2 });
  for (let row = 0; row < 4; row++)
    expectClose(after.slice(row * 18, row * 18 + 10), before.slice(row * 18, row * 18 + 10), { rtol: 1e-12 });
});

test("the gate's gradient is the sum from behind of q⊙dq − k⊙dk", () => {
  const [q, k, v, d] = inputs(7);
  const [dq, dk, dd] = oracle(
    (q, k, v, d) => {
      const gradient = grad(({ q, k, d }: Record<"q" | "k" | "d", Tensor>) => {
        const { out } = gatedLinearAttention(q, k, v, d, { chunk: 4, block: 2 });
        return sum(mul(out, numbers([2, 2, 7, 2], 300)));
      })({ q, k, d });
      return [gradient.q, gradient.k, gradient.d];
    },
    [q, k, v, d],
  );
  const [queries, keys] = [q.toFloat64(), k.toFloat64()];
  for (let row = 0; row < 4; row++)
    for (let c = 0; c < 3; c++) {
      let total = 0;
      for (let time = 6; time >= 0; time--) {
        const at = (row * 7 + time) * 3 + c;
        total += queries[at] * dq[at] - keys[at] * dk[at];
        expect(dd[at]).toBeCloseTo(total, 9);
      }
    }
});

describe("executors, gradients and batching agree", () => {
  test.each([
    ["chunk", 3, 4],
    ["chunk", 1, 4],
    ["chunk", 3, 1],
    ["recurrent", 3, 1],
    ["parallel", 3, 1],
  ] as const)("%s, %i decays a time, chunks of %i", (form, width, chunk) =>
    check(
      (q, k, v, d, s) => {
        const { out, state } = gatedLinearAttention(q, k, v, d, { form, chunk, block: Math.min(2, chunk), initial: s });
        return [out, state];
      },
      [...inputs(5).slice(0, 3), decays([2, 2, 5, width], 9), numbers([2, 2, 3, 2], 5)],
    ),
  );
});

test("blocks must divide chunks, and decays must fit", () => {
  const [q, k, v, d] = inputs(5);
  const code = (expected: string) => expect.objectContaining({ code: expected });
  expect(() => run([q, k, v, d], { chunk: 8, block: 3 })).toThrowError(code("gatedLinear/block"));
  expect(() => run([q, k, v, numbers([2, 2, 5, 2])])).toThrowError(code("gatedLinear/decay"));
});

describe("the layer", () => {
  const x = numbers([2, 6, 8]);
  test.each(["vector", "scalar", "fixed", "none"] as const)("%s: executors agree", (forgetting) =>
    checkExecutors(
      (x) => gatedLinear(initGatedLinear(key(3), { width: 8, heads: 2, forgetting }), x, { heads: 2, forgetting }),
      [x],
    ),
  );

  test("a fixed rate is 1 − 2^(−5−h)", () => {
    const layer = (forgetting: "fixed" | "none") => (x: TensorLike) =>
      gatedLinear(initGatedLinear(key(3), { width: 8, heads: 2, forgetting }), x, { heads: 2, forgetting });
    const [fixed, none] = (["fixed", "none"] as const).map((kind) => oracle(layer(kind), [x])[0]);
    expectClose(fixed.slice(0, 8), none.slice(0, 8), { rtol: 1e-9 });
    expect(Math.abs(fixed[47] - none[47])).toBeGreaterThan(1e-6);
  });

  test("a gate starts near 0.96: σ(0)^(1/16), and the root is taken outside of σ", () => {
    const [logs] = oracle((x) => lowRankGate(initLowRankGate(key(1), { width: 8, channels: 5 }), mul(x, 0)), [x]);
    expectClose(logs, new Array(60).fill(Math.log(0.5) / 16), { rtol: 1e-9 });
    const [spread] = oracle((x) => lowRankGate(initLowRankGate(key(1), { width: 8, channels: 5 }), mul(x, 9)), [x]);
    expect(spread.every((each) => each <= 0)).toBe(true);
  });
});
