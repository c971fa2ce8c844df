import { SettingError } from "../core/index.ts";
import { readExamples } from "./examples.ts";
import { saveOnnx } from "./export/export-onnx.ts";
import { fineTune, type TaskLoss } from "./fine-tune.ts";
import { diffModels, formatDiff } from "./graph/diff.ts";
import { formatInspection, inspectModel } from "./graph/inspect.ts";
import { alignTable } from "./graph/table.ts";
import { freeze, importModel, importOnnx } from "./import/import-onnx.ts";
import { readModel } from "./model/read.ts";
import { writeModel } from "./model/write.ts";
import { formatQuantization, quantize } from "./rewrite/quantize.ts";

/** What was typed behind an option, by its name; absent where it was not. */
export type CommandOptions = Readonly<Record<string, string | undefined>>;

/** A command on ONNX models, for a command line to offer: `sluice onnx <name> …`. */
export interface OnnxCommand {
  readonly name: string;
  /** One line that says what it does. */
  readonly summary: string;
  /** What must follow the name, in order. */
  readonly arguments: readonly { readonly name: string; readonly summary: string }[];
  /** Every option takes a value; `value` is what help calls it. */
  readonly options: readonly {
    readonly name: string;
    readonly value: string;
    readonly summary: string;
    readonly required?: boolean;
  }[];
  /** What to type behind `sluice`, and what comes of it. */
  readonly example: { readonly typed: string; readonly comes: string };
  /** Carries it out and returns what to print. Mistakes of the user are SluiceErrors. */
  run(args: readonly string[], options: CommandOptions): Promise<string>;
}

const model = { name: "model", summary: "path of an .onnx file" };
const out = { name: "out", value: "path", summary: "where to write the new model", required: true };

const number = (text: string | undefined, name: string, fallback: number): number => {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new SettingError("onnx/option", `--${name} is a number of at least 0`, { given: text });
  return value;
};

const needed = (text: string | undefined, name: string): string => {
  if (text === undefined) throw new SettingError("onnx/option", `--${name} is missing`, { fix: `give --${name} <…>` });
  return text;
};

const oneOf = <T extends string>(text: string | undefined, name: string, choices: readonly T[]): T => {
  const found = text === undefined ? choices[0] : choices.find((choice) => choice === text);
  if (found === undefined)
    throw new SettingError("onnx/option", `--${name} is one of ${choices.join(", ")}`, { given: text });
  return found;
};

const pattern = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new SettingError("onnx/option", `"${text}" is no regular expression`, { cause });
  }
};

/** Commands on ONNX models. */
export const onnxCommands: readonly OnnxCommand[] = [
  {
    name: "inspect",
    summary: "show a model's interface, operators, largest tensors, and what can be trained",
    arguments: [model],
    options: [],
    example: { typed: "onnx inspect model.onnx", comes: "operator  nodes\n--------  -----\nConv         53" },
    run: async ([path]) => {
      const read = await readModel(path);
      const { params, frozen } = importModel(read);
      const count = (values: typeof params) => Object.values(values).reduce((total, { size }) => total + size, 0);
      const rows = [
        ["trained", Object.keys(params).length, count(params)],
        ["frozen", Object.keys(frozen).length, count(frozen)],
      ];
      return `${formatInspection(inspectModel(read))}\n\n${alignTable(["parameters", "tensors", "elements"], rows)}`;
    },
  },
  {
    name: "diff",
    summary: "show what changed from one model to another",
    arguments: [
      { name: "before", summary: "path of an .onnx file" },
      { name: "after", summary: "path of another" },
    ],
    options: [],
    example: {
      typed: "onnx diff before.onnx after.onnx",
      comes:
        "   part    name  before         after\n~  tensor  fc.w  float32[200,2]  400 of 400 elements differ, at most by 0.012",
    },
    run: async ([before, after]) => formatDiff(diffModels(await readModel(before), await readModel(after))),
  },
  {
    name: "quantize",
    summary: "make a model of 8-bit weights, measured on examples",
    arguments: [model],
    options: [
      { name: "data", value: "folder", summary: "examples: test_data_set_<k>/input_<i>.pb", required: true },
      out,
      { name: "mode", value: "static|dynamic", summary: "ranges of activations: stored, or measured at each run" },
      { name: "max-loss", value: "number", summary: "keep the worst nodes in float until the loss is at most this" },
      { name: "keep", value: "expression", summary: "names of nodes that stay in float" },
    ],
    example: {
      typed: "onnx quantize model.onnx --data examples --out small.onnx",
      comes:
        "tensor  kind    low     high   snr/dB  saturated/%\n------  ------  ------  -----  ------  -----------\nfc.w    weight  -0.412  0.398  38.1    0.00",
    },
    run: async ([path], options) => {
      const target = needed(options.out, "out");
      const read = await readModel(path);
      const examples = await readExamples(needed(options.data, "data"), importModel(read), { targets: false });
      const result = await quantize(
        read,
        examples.map(({ inputs }) => inputs),
        {
          mode: oneOf<"static" | "dynamic">(options.mode, "mode", ["static", "dynamic"]),
          ...(options["max-loss"] !== undefined && { maxLoss: number(options["max-loss"], "max-loss", 0) }),
          ...(options.keep !== undefined && { keep: pattern(options.keep) }),
        },
      );
      const paths = await writeModel(result.model, target);
      return `${formatQuantization(result)}\nwritten            ${paths.join(", ")}`;
    },
  },
  {
    name: "finetune",
    summary: "train a model on examples and write it back",
    arguments: [model],
    options: [
      {
        name: "data",
        value: "folder",
        summary: "examples: test_data_set_<k>/input_<i>.pb and output_<i>.pb",
        required: true,
      },
      out,
      { name: "loss", value: "squared|logits|probabilities", summary: "how far an output is from its target" },
      { name: "epochs", value: "number", summary: "times that every example is seen; default 1" },
      { name: "lr", value: "number", summary: "learning rate of Adam; default 0.001" },
      { name: "train", value: "expression", summary: "names of the parameters to train; default all weights" },
    ],
    example: {
      typed: "onnx finetune model.onnx --data examples --loss probabilities --epochs 5 --out mine.onnx",
      comes: "epoch    loss\n-----  ------\n    1  0.7121\n    2  0.1803",
    },
    run: async ([path], options) => {
      const target = needed(options.out, "out");
      const whole = await importOnnx(path);
      const wanted = options.train === undefined ? undefined : pattern(options.train);
      const imported = wanted ? freeze(whole, (name) => !wanted.test(name)) : whole;
      const examples = await readExamples(needed(options.data, "data"), imported, { targets: true });
      const rows: [number, string][] = [];
      const params = await fineTune(imported, examples, {
        loss: oneOf<TaskLoss & string>(options.loss, "loss", ["squared", "logits", "probabilities"]),
        epochs: number(options.epochs, "epochs", 1),
        lr: number(options.lr, "lr", 1e-3),
        onEpoch: (epoch, loss) => rows.push([epoch, loss.toPrecision(4)]),
      });
      const paths = await saveOnnx(imported, target, { params });
      return `${alignTable(["epoch", "loss"], rows)}\n\nwritten  ${paths.join(", ")}`;
    },
  },
];
