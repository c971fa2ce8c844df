import {
  argMax,
  cast,
  compile,
  crossEntropy,
  equal,
  evaluate,
  key,
  mean,
  slice,
  softmax,
  type Tensor,
  Value,
} from "sluice";
import { adam, cosineSchedule, initLenet, type Lenet, lenet, train } from "sluice/nn";
import { exportOnnx } from "sluice/onnx";
import { distort, templates } from "../../train/digit-strokes.ts";
import { renderStrokes, type Stroke, side } from "../../train/render-strokes.ts";
import { uniformFrom } from "../../train/uniform.ts";
import type { TaskContext } from "../protocol.ts";
import { describeProvider, type PageProvider, runtimeReady } from "../runtime.ts";
import type { TrainProgress } from "./text.ts";

/** Lines of a drawing, in units of its frame: 0 to 1 from left to right and from top to bottom. */
export type Drawing = readonly Stroke[];

export interface DigitsInput {
  /** What the visitor drew, and which digit it is. */
  readonly drawn: readonly { readonly digit: number; readonly strokes: Drawing }[];
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  readonly provider: PageProvider;
}

export interface DigitsResult {
  readonly losses: readonly number[];
  /** Share of fresh drawings that are read right. */
  readonly accuracy: number;
  readonly provider: string;
}

const config = { image: [side, side], filters: [8, 16], hidden: [64], classes: 10 } as const;
let trained: Lenet<Value> | undefined;

/** A batch of pictures and their digits: templates and the visitor's own drawings, each distorted anew. */
export function digitBatch(seed: number, size: number, drawn: DigitsInput["drawn"] = []): [Value, Value] {
  const random = uniformFrom(seed);
  const images = new Float32Array(size * side * side);
  const labels = Int32Array.from({ length: size }, (_, i) => {
    // Every second picture is one of the visitor's, where there are any.
    const own = drawn.length > 0 && random() < 0.5;
    const example = own
      ? drawn[Math.floor(random() * drawn.length)]
      : templates[Math.floor(random() * templates.length)];
    images.set(renderStrokes(distort(example.strokes, random), 0.8 + 0.9 * random()), i * side * side);
    return example.digit;
  });
  return [new Value(images, [size, 1, side, side]), new Value(labels)];
}

/** Trains a small convolutional network. Cancelled, it ends with what it has. */
export async function trainDigits(input: DigitsInput, { signal, report, pause }: TaskContext): Promise<DigitsResult> {
  const { drawn, steps, batch, lr, provider } = input;
  await runtimeReady();
  let first = 0;
  const { params, losses } = await train({
    params: await evaluate(initLenet(key(1), config), { executor: "reference" }),
    loss: (p: Lenet, [x, y]: Tensor[]) => crossEntropy(lenet(p, x), y),
    optimizer: adam({ lr: cosineSchedule(lr, steps) }),
    batches: async (step) => {
      await pause();
      return digitBatch(step, batch, drawn);
    },
    steps,
    signal,
    compile: { provider },
    onStep: ({ step, loss, seconds }) => {
      if (step === 1) first = seconds;
      report({ step, steps, loss, speed: step > 1 ? (step - 1) / (seconds - first) : 0 } satisfies TrainProgress);
    },
  });
  trained = params as Lenet<Value>;
  const right = compile(
    (p: Lenet, x: Tensor, y: Tensor) =>
      mean(cast(equal(cast(argMax(lenet(p, x), { axis: -1 }), "int32"), y), "float32")),
    { provider },
  );
  const accuracy = (await right(trained, ...digitBatch(1_000_003, 256, drawn))).item();
  return { losses, accuracy, provider: describeProvider(provider) };
}

function theNetwork(): Lenet<Value> {
  if (trained === undefined) throw new Error("Nothing is trained yet.");
  return trained;
}

const read = compile((params: Lenet, x: Tensor) => slice(softmax(lenet(params, x)), [0]));

/** Probabilities of the digits 0 to 9. */
export async function readDigit(drawing: Drawing): Promise<number[]> {
  const image = new Value(renderStrokes(drawing), [1, 1, side, side]);
  return [...(await read(theNetwork(), image)).toFloat64()];
}

/** The network as an ONNX file: a picture float32[1,1,28,28] of 0 to 1 in, scores of the digits out. */
export async function exportDigits(): Promise<Uint8Array<ArrayBuffer>> {
  const params = theNetwork();
  const program = compile((image: Tensor) => ({ scores: lenet(params, image) }), { names: ["image"] });
  return exportOnnx(program, [new Value(new Float32Array(side * side), [1, 1, side, side])]);
}
