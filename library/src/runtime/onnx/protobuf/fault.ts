import { SluiceError } from "../../../core/errors.ts";

/** Codes of {@link ModelFileError}; stable. */
export type ModelFileCode =
  | "truncated"
  | "length-beyond-end"
  | "invalid-tag"
  | "invalid-varint"
  | "wire-type"
  | "group"
  | "invalid-text"
  | "too-large"
  | "too-deep"
  | "too-many-parts"
  | "missing-graph"
  | "tensor-size"
  | "tensor-type"
  | "tensor-data"
  | "external-path"
  | "external-range"
  | "external-missing"
  | "unreadable";

/** A model file that cannot be read as one. `offset` is the byte at which the fault lies, where there is one. */
export class ModelFileError extends SluiceError {
  declare readonly code: ModelFileCode;
  readonly offset: number | undefined;

  constructor(
    code: ModelFileCode,
    problem: string,
    details: { offset?: number; fix: string; given?: unknown; cause?: unknown },
  ) {
    super(code, details.offset === undefined ? problem : `${problem} (at byte ${details.offset})`, details);
    this.offset = details.offset;
  }
}
