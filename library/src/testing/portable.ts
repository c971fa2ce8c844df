import { allocate } from "../core/dtype.ts";
import { evaluateReference } from "../core/oracle.ts";
import { simplify } from "../core/simplify.ts";
import { asTensor, input, type Tensor } from "../core/tensor.ts";
import { leavesOf } from "../core/tree.ts";
import { Value } from "../core/value.ts";
import { emitModel } from "../runtime/onnx/emit.ts";
import { Session } from "../runtime/onnx/session.ts";
import { type CheckOptions, expectClose } from "./check.ts";

/** What a file in standard ONNX, without contributed operators, gives is what the oracle gives. */
export async function checkPortable(
  fn: (...inputs: Tensor[]) => unknown,
  values: readonly Value[],
  tolerance: Pick<CheckOptions, "rtol" | "atol"> = {},
): Promise<void> {
  const inputs = values.map((one, i) => input(one.shape, one.dtype, `input ${i}`));
  const outputs = simplify(leavesOf(fn(...inputs)).map((leaf) => asTensor(leaf)));
  const session = await Session.open(emitModel(inputs, outputs, { portable: true }));
  const results = outputs.map(({ dtype, size, shape }) => new Value(allocate(dtype, size), shape, dtype));
  await session.run(values, results);
  await session.release();
  const data = new Map(inputs.map((tensor, i) => [tensor, values[i].toFloat64()]));
  evaluateReference(outputs, data).forEach((expected, i) => {
    expectClose(results[i].toFloat64(), expected, tolerance, `output ${i} of the portable model`);
  });
}
