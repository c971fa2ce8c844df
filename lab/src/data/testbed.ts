import type { Container } from "./container.ts";

/** A file of a testbed: made once from its package, kept in the store, checked by its hash whenever it is read. */
export interface Part {
  /** Stem of the file's name. */
  readonly name: string;
  /** Raised when `prepare` makes something else; old files are then left unread. */
  readonly version: number;
  /** Of the prepared file, in hexadecimal. */
  readonly sha256: string;
  /** What preparing takes on two cores, where it is long. */
  readonly seconds?: number;
  prepare(): Container | Promise<Container>;
}

/** What the lab knows of a testbed, beside the functions that its file exports. */
export interface Testbed {
  readonly name: string;
  readonly summary: string;
  /** The npm packages with the data, or what generates it. */
  readonly source: string;
  readonly licence: string;
  readonly sizes: string;
  readonly split: string;
  /** Empty for a testbed that is generated when it is used. */
  readonly parts: readonly Part[];
  /** A small sample from a fixed seed, with its hash: shows that this machine generates what others do. */
  readonly sample?: { readonly sha256: string; make(): Container };
}
