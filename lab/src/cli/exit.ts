import { CommanderError } from "commander";
import type { JudgedClaim } from "../claims/judge.ts";
import { DataError } from "../data/errors.ts";
import { UnknownPaperError } from "../run/catalogue.ts";
import { ChoiceError } from "../run/plan.ts";
import type { RunResult } from "../run/result.ts";
import { StoreError } from "../store/errors.ts";

/** How the command ends: all claims held, some did not, it was called wrongly, something failed to run. */
export const exitCodes = { held: 0, notHeld: 1, usage: 2, failed: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A command was given something that it cannot take. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The exit code of a run: failed trials weigh more than claims that do not hold. */
export function exitCodeOf(
  result: Pick<RunResult, "status"> & { readonly claims: readonly Pick<JudgedClaim, "verdict">[] },
): ExitCode {
  if (result.status !== "complete") return exitCodes.failed;
  const held = result.claims.every(({ verdict }) => verdict === "reproduced" || verdict === "not judged");
  return held ? exitCodes.held : exitCodes.notHeld;
}

/** The exit code that an error deserves. */
export function exitCodeOfError(error: unknown): ExitCode {
  const usage =
    error instanceof CommanderError ||
    error instanceof UsageError ||
    error instanceof UnknownPaperError ||
    error instanceof ChoiceError ||
    (error instanceof StoreError && error.code === "unknown-run") ||
    (error instanceof DataError && error.code === "unknown-testbed");
  return usage ? exitCodes.usage : exitCodes.failed;
}
