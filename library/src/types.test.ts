import { expectTypeOf, test } from "vitest";
import {
  type Concrete,
  compile,
  evaluate,
  grad,
  type Program,
  type Tensor,
  Value,
  value,
  valueAndGrad,
  vmap,
} from "./index.ts";

interface Params {
  weight: Tensor;
  layers: { bias: Tensor }[];
}

const loss = (params: Params, x: Tensor): Tensor => params.weight && x;

test("a program takes values where its function takes tensors, and returns values", () => {
  const program = compile((params: Params, mode: "train" | "test") => ({ loss: params.weight, mode }));
  expectTypeOf(program).toExtend<Program<[Params, "train" | "test"], { loss: Tensor; mode: "train" | "test" }>>();
  expectTypeOf<Parameters<typeof program>[1]>().toEqualTypeOf<"train" | "test">();
  expectTypeOf<Awaited<ReturnType<typeof program>>["loss"]>().toEqualTypeOf<Value>();
  expectTypeOf<Concrete<Params>>().toEqualTypeOf<{ weight: Value; layers: { bias: Value }[] }>();
});

test("what a program must not be given fails to compile", () => {
  const program = compile((params: Params, mode: "train" | "test") => [params.weight, mode]);
  const params = { weight: value(1), layers: [] };
  // @ts-expect-error no such mode
  expectTypeOf(program).toBeCallableWith(params, "sleep");
  // @ts-expect-error the weight is missing
  expectTypeOf(program).toBeCallableWith({ layers: [] }, "train");
  expectTypeOf(program).toBeCallableWith(params, "train");
});

test("gradients have the type of the parameters", () => {
  expectTypeOf(grad(loss)).returns.toEqualTypeOf<Params>();
  expectTypeOf(valueAndGrad(loss)).returns.toEqualTypeOf<[Tensor, Params]>();
  expectTypeOf(vmap(loss)).parameters.toEqualTypeOf<[Params, Tensor]>();
});

test("evaluate keeps the structure", () => {
  expectTypeOf(evaluate({ a: value(1), n: [value(2)] })).resolves.toEqualTypeOf<{ a: Value; n: Value[] }>();
  expectTypeOf(new Value(new Float32Array(1)).item()).toBeNumber();
});
