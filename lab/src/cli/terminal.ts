import colors from "picocolors";

/** Where a command prints. Results go to `out`, everything else to `err`, so that results can be piped. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether somebody is watching `err`. */
  readonly live: boolean;
  /** Width in characters. */
  readonly columns: number;
  readonly colors: ReturnType<typeof colors.createColors>;
}

/** The process's own streams. */
export function processTerminal(): Terminal {
  return {
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
    live: process.stderr.isTTY === true && process.env.CI === undefined,
    // A terminal that does not know its width says 0.
    columns: Math.max(60, process.stdout.columns || 120),
    colors: colors.createColors(colors.isColorSupported && process.stdout.isTTY === true),
  };
}
