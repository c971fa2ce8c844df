import { StoreError } from "../store/errors.ts";
import type { Failure, FailureKind } from "../store/trials.ts";
import { NonFiniteError, StoppedError } from "./lab.ts";

/** How engines say that they could not get memory. */
const memoryWords =
  /heap out of memory|array buffer allocation failed|bad_?alloc|failed to allocate memory|out of memory/i;

function kindOf(error: unknown): FailureKind {
  if (error instanceof NonFiniteError) return "non-finite";
  if (error instanceof StoppedError) return "stopped";
  if (error instanceof StoreError) return "store";
  return memoryWords.test(String(error)) ? "out-of-memory" : "threw";
}

/** What a thrown error says of a trial. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const detail = error instanceof Error ? error.stack : undefined;
  return { kind: kindOf(error), message, ...(detail && { detail }) };
}

/**
 * What the manner of its death says of a trial whose process left no word.
 *
 * @param tail  the last lines that it printed
 */
export function failureOfDeath(code: number | null, signal: NodeJS.Signals | null, tail: string): Failure {
  if (memoryWords.test(tail)) {
    return {
      kind: "out-of-memory",
      message: "ran out of memory; a smaller batch or model would fit, or --jobs 1",
      detail: tail,
    };
  }
  const how = signal ? `killed by ${signal}` : `ended with exit code ${code} without a result`;
  const hint = signal === "SIGKILL" ? " (the system does this when memory runs out)" : "";
  return { kind: "killed", message: `${how}${hint}; running again goes on from its last checkpoint`, detail: tail };
}
