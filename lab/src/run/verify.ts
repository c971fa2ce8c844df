import type { Check } from "../claims/check.ts";
import type { JudgedClaim } from "../claims/judge.ts";
import { type RunResult, resultVersion } from "./result.ts";

/** How a repeated figure stands to the first one. */
export type Agreement = "equal" | "within the interval" | "differs";

export interface VerifiedClaim {
  readonly id: string;
  readonly before: JudgedClaim["verdict"];
  readonly now: JudgedClaim["verdict"];
  readonly figures: readonly {
    readonly label: string;
    readonly before: Check;
    readonly now: Check;
    readonly agreement: Agreement;
  }[];
}

/** A result cannot be read. */
export class ResultError extends Error {
  override readonly name = "ResultError";
}

/** Reads a result that `sluice run --json` printed. @throws ResultError */
export function parseResult(text: string): RunResult {
  let result: Partial<RunResult>;
  try {
    result = JSON.parse(text);
  } catch (cause) {
    throw new ResultError(
      "ResultError: not JSON; give a file with one line of `sluice run --json`, or the name of a run",
      { cause },
    );
  }
  if (result.version !== resultVersion) {
    throw new ResultError(`ResultError: format version ${result.version}; this sluice reads ${resultVersion}`);
  }
  for (const name of ["paper", "budget", "seeds", "settings", "claims"] as const) {
    if (result[name] === undefined) throw new ResultError(`ResultError: the result has no ${name}`);
  }
  return result as RunResult;
}

/** Holds the claims of a repeated run against those of the first. */
export function verifyClaims(before: readonly JudgedClaim[], now: readonly JudgedClaim[]): VerifiedClaim[] {
  return before.map((claim) => {
    const repeated = now.find((each) => each.id === claim.id);
    return {
      id: claim.id,
      before: claim.verdict,
      now: repeated?.verdict ?? "undecided",
      figures: claim.checks.flatMap((check) => {
        const again = repeated?.checks.find((each) => each.label === check.label);
        return again ? [{ label: check.label, before: check, now: again, agreement: agreementOf(check, again) }] : [];
      }),
    };
  });
}

/** Rounding of 32-bit floats that were added in another order. */
const tolerance = 1e-5;

function agreementOf(before: Check, now: Check): Agreement {
  if (before.mean === null || now.mean === null) return before.mean === now.mean ? "equal" : "differs";
  const [one, other] = [before.mean, now.mean];
  if (Math.abs(one - other) <= tolerance * Math.max(Math.abs(one), Math.abs(other))) return "equal";
  const inside = (value: number, { low, high }: Check) =>
    low !== null && high !== null && low <= value && value <= high;
  return inside(other, before) || inside(one, now) ? "within the interval" : "differs";
}
