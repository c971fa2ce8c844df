export type StoreErrorCode = "unwritable" | "disk-full" | "newer-schema" | "damaged" | "unknown-run" | "trial-taken";

/** What keeps the store from doing its work. `code` is stable; the message says the way out. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  /** The file, folder or identifier that it is about. */
  readonly subject: string;

  constructor(code: StoreErrorCode, subject: string, detail: string, options?: ErrorOptions) {
    super(`StoreError [store/${code}]: ${detail}`, options);
    this.code = code;
    this.subject = subject;
  }
}

const fullCodes = new Set(["ENOSPC", "EDQUOT"]);
const unwritableCodes = new Set(["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "EISDIR", "ENOENT"]);

/** Turns what the file system or SQLite threw while writing `subject` into a `StoreError`; leaves other errors alone. */
export function asStoreError(error: unknown, subject: string): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error;
  const { code, errcode } = error as { code?: string; errcode?: number };
  const primary = errcode === undefined ? undefined : errcode & 0xff;
  const SQLITE_READONLY = 8;
  const SQLITE_CORRUPT = 11;
  const SQLITE_FULL = 13;
  const SQLITE_CANTOPEN = 14;
  const SQLITE_NOTADB = 26;
  if ((code && fullCodes.has(code)) || primary === SQLITE_FULL) {
    return new StoreError(
      "disk-full",
      subject,
      `no space left for ${subject}; free some, or give another folder with SLUICE_HOME=<folder>`,
      { cause: error },
    );
  }
  if (primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB) {
    return new StoreError(
      "damaged",
      subject,
      `${subject} is not a readable SQLite database (${error.message}); move it away, or restore a copy`,
      { cause: error },
    );
  }
  if ((code && unwritableCodes.has(code)) || primary === SQLITE_READONLY || primary === SQLITE_CANTOPEN) {
    return new StoreError(
      "unwritable",
      subject,
      `cannot write to ${subject} (${error.message}); change its permissions, or give another folder with SLUICE_HOME=<folder>`,
      { cause: error },
    );
  }
  return error;
}
