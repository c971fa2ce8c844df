import type { DType } from "../dtype.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { constant, type Tensor } from "../tensor.ts";
import { convert, Value } from "../value.ts";

/**
 * Constants made by rule, by the text of the rule: equal ones are one value as long as somebody uses it, so that they
 * are merged in the graph and stored once in the model.
 */
const known = new Map<string, WeakRef<Value>>();

/** A constant whose elements follow from its name, shape and dtype; `element(i)` is the i-th in row-major order. */
export function generated(name: string, shape: Shape, dtype: DType, element: (i: number) => number): Tensor {
  const key = `${name} ${dtype}[${shape}]`;
  let value = known.get(key)?.deref();
  if (value === undefined) {
    value = new Value(
      convert(
        Array.from({ length: sizeOf(shape) }, (_, i) => element(i)),
        dtype,
      ),
      shape,
      dtype,
    );
    known.set(key, new WeakRef(value));
  }
  return constant(value);
}
