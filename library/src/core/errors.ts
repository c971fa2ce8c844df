/** What an error can say besides its problem. */
export interface ErrorDetails {
  /** The tensors or values concerned, by role ("left", "right", "input" …), already described. */
  readonly operands?: Readonly<Record<string, Described>>;
  /** What was given, where it is not a tensor. */
  readonly given?: unknown;
  /** The way out, where one is known. */
  readonly fix?: string;
  readonly cause?: unknown;
}

/** Anything that can name itself in an error: its type, what made it and the user's line. */
export interface Described {
  toString(): string;
  readonly origin?: string;
  readonly line?: string;
}

/** The base of all errors that Sluice throws on purpose. `code` is stable; the text is made from the fields. */
export class SluiceError extends Error {
  readonly code: string;
  readonly problem: string;
  readonly operands: Readonly<Record<string, Described>>;
  readonly given: unknown;
  readonly fix: string | undefined;

  constructor(code: string, problem: string, { operands = {}, given, fix, cause }: ErrorDetails = {}) {
    const rows = Object.entries(operands).map(([role, operand]) => [
      role,
      String(operand),
      operand.origin ?? "",
      operand.line ?? "",
    ]);
    if (given !== undefined) rows.push(["given", typeof given === "string" ? given : JSON.stringify(given), "", ""]);
    const widths = [0, 1, 2].map((column) => Math.max(6, ...rows.map((row) => row[column].length)));
    const lines = rows.map(
      (row) =>
        `\n  ${row
          .map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell))
          .join("   ")
          .trimEnd()}`,
    );
    if (fix !== undefined) lines.push(`\n  ${"fix".padEnd(widths[0])}   ${fix}`);
    super(problem + lines.join(""), cause === undefined ? undefined : { cause });
    this.code = code;
    this.problem = problem;
    this.operands = operands;
    this.given = given;
    this.fix = fix;
    this.name = `${new.target.name} [${code}]`;
  }
}

/** Sizes or axes that do not fit. */
export class ShapeError extends SluiceError {}
/** Element types that do not fit. */
export class DTypeError extends SluiceError {}
/** A gradient that does not exist, or a transformation that an operation does not allow. */
export class GradientError extends SluiceError {}
/** Numbers that went wrong: NaN where none may be, a matrix that is not positive definite. */
export class NumericError extends SluiceError {}
/** Something used after it was given away, or before it was ready. */
export class StateError extends SluiceError {}
/** A setting that no machine or executor here can follow. */
export class SettingError extends SluiceError {}
/** A runtime (ONNX Runtime, a browser) that failed at a graph we gave it. */
export class RuntimeError extends SluiceError {}
