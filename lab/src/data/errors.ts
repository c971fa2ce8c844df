export type DataErrorCode =
  | "unknown-testbed"
  | "package-missing"
  | "package-changed"
  | "not-as-recorded"
  | "bad-option";

/** What keeps a testbed from being made, read or batched. `code` is stable; the message says the way out. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly code: DataErrorCode;
  /** The testbed, file or option that it is about. */
  readonly subject: string;

  constructor(code: DataErrorCode, subject: string, detail: string, options?: ErrorOptions) {
    super(`DataError [data/${code}]: ${subject}: ${detail}`, options);
    this.code = code;
    this.subject = subject;
  }
}

/** Throws `data/bad-option` unless `holds`: for the ranges of a generator's options. */
export function requireOption(holds: boolean, subject: string, detail: string): asserts holds {
  if (!holds) throw new DataError("bad-option", subject, detail);
}
