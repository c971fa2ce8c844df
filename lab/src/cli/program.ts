import { Command, CommanderError } from "commander";
import { packageVersion } from "../run/provenance.ts";
import { addCompare } from "./commands/compare.ts";
import { addData } from "./commands/data.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addLab } from "./commands/lab.ts";
import { addList } from "./commands/list.ts";
import { addOnnx } from "./commands/onnx.ts";
import { addReport } from "./commands/report.ts";
import { addRun } from "./commands/run.ts";
import { addVerify } from "./commands/verify.ts";
import { type ExitCode, exitCodeOfError, exitCodes } from "./exit.ts";
import { example, type Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Carries out one call of `sluice`.
 *
 * @param words  what was typed after `sluice`
 * @returns      the exit code: 0 all claims held, 1 some did not, 2 usage, 3 failed to run
 */
export async function sluice(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const session: Session = { terminal, exit: exitCodes.held };
  const program = new Command("sluice")
    .description("Softmax, gates and attention: run published systems and see which of their claims hold.")
    .version(packageVersion("sluice-lab"))
    .configureHelp({ helpWidth: Math.min(terminal.columns, 110) })
    .configureOutput({
      writeOut: (text) => terminal.out(text.replace(/\n$/, "")),
      writeErr: (text) => terminal.err(text.replace(/\n$/, "")),
    })
    .showHelpAfterError("(`sluice --help` shows the commands, `sluice <command> --help` an example)")
    .exitOverride();
  example(program, "npx sluice run softpick", "trains the models of this paper, and says which of its claims hold");
  for (const add of [addList, addRun, addLab, addCompare, addReport, addVerify, addData, addDoctor, addOnnx])
    add(program, session);
  // Options are inherited only by commands that are made after them.
  const inherit = (parent: Command) => {
    for (const command of parent.commands) inherit(command.copyInheritedSettings(parent));
  };
  inherit(program);
  try {
    await program.parseAsync(words, { from: "user" });
    return session.exit;
  } catch (error) {
    // Commander has printed its own, and ends so after --help and --version too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.held : exitCodes.usage;
    terminal.err(error instanceof Error ? (process.env.SLUICE_DEBUG ? error.stack! : error.message) : String(error));
    return exitCodeOfError(error);
  }
}
