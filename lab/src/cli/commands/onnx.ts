import type { Command } from "commander";
import { onnxCommands } from "sluice/onnx";
import { example, type Session } from "../session.ts";

/** `sluice onnx inspect|diff|quantize|finetune …`: what the library offers on ONNX models. */
export function addOnnx(program: Command, { terminal }: Session): void {
  const onnx = program.command("onnx").description("inspect, compare, quantize and fine-tune ONNX models");
  example(
    onnx,
    "npx sluice onnx inspect model.onnx",
    "its interface, operators, largest tensors, and what can be trained",
  );
  for (const { name, summary, arguments: operands, options, example: shown, run } of onnxCommands) {
    const command = onnx.command(name).description(summary);
    for (const operand of operands) command.argument(`<${operand.name}>`, operand.summary);
    for (const option of options) {
      const flag = `--${option.name} <${option.value}>`;
      if (option.required) command.requiredOption(flag, option.summary);
      else command.option(flag, option.summary);
    }
    command.action(async (...given: unknown[]) => {
      // Commander names `--learning-rate` learningRate; the library keeps what was typed.
      const values = given[operands.length] as Record<string, string | undefined>;
      const typed = Object.fromEntries(options.map((option) => [option.name, values[camelCase(option.name)]]));
      terminal.out(await run(given.slice(0, operands.length) as string[], typed));
    });
    example(command, `npx sluice ${shown.typed}`, shown.comes);
  }
}

const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
