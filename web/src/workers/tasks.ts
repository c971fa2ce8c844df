import type { TaskContext } from "./protocol.ts";
import type { DigitsInput, Drawing } from "./tasks/digits.ts";
import type { RunInput } from "./tasks/model.ts";
import type { NormalizeInput } from "./tasks/normalize.ts";
import type { RouteInput } from "./tasks/route.ts";
import type { TextInput } from "./tasks/text.ts";
import type { ViewInput } from "./tasks/view.ts";

/** What the worker can do. Each task's code is loaded when it is first asked for. */
export const tasks = {
  /** Weights and Jacobians of all normalizers on one row of scores. */
  normalize: async (input: NormalizeInput) => (await import("./tasks/normalize.ts")).normalize(input),
  /** Where routers send tokens. */
  route: async (input: RouteInput) => (await import("./tasks/route.ts")).route(input),
  /** Attention of the character model on a text. */
  view: async (input: ViewInput) => (await import("./tasks/view.ts")).view(input),
  /** Reads an ONNX file and keeps it for the tasks below. */
  openModel: async (bytes: Uint8Array) => (await import("./tasks/model.ts")).openModel(bytes),
  /** Opens the viewer's model as an ONNX file. */
  openExample: async (_: null) => (await import("./tasks/model.ts")).openExample(),
  /** Runs the opened model, and once more with another normalizer. */
  runModel: async (input: RunInput) => (await import("./tasks/model.ts")).runModel(input),
  /** The opened model with another normalizer as a file. */
  exportSwapped: async (input: RunInput) => (await import("./tasks/model.ts")).exportSwapped(input),
  /** Trains a GPT on a text. */
  trainText: async (input: TextInput, context: TaskContext) =>
    (await import("./tasks/text.ts")).trainText(input, context),
  /** The trained GPT as an ONNX file. */
  exportText: async (_: null) => (await import("./tasks/text.ts")).exportText(),
  /** Trains a small convolutional network on drawn digits. */
  trainDigits: async (input: DigitsInput, context: TaskContext) =>
    (await import("./tasks/digits.ts")).trainDigits(input, context),
  /** Probabilities of the ten digits for a drawing. */
  readDigit: async (drawing: Drawing) => (await import("./tasks/digits.ts")).readDigit(drawing),
  /** The trained network as an ONNX file. */
  exportDigits: async (_: null) => (await import("./tasks/digits.ts")).exportDigits(),
};
