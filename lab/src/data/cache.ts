import { createHash, randomBytes } from "node:crypto";
import { access, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { noteData } from "../run/used-data.ts";
import { asStoreError } from "../store/errors.ts";
import { sluiceHome } from "../store/home.ts";
import { type Container, decodeContainer, encodeContainer } from "./container.ts";
import { DataError } from "./errors.ts";
import type { Part } from "./testbed.ts";

export interface CacheOptions {
  /** Where prepared files lie. Default: `data` in the lab's store */
  readonly folder?: string;
  /** Told what takes time or was mended. Default: a line on the error stream */
  readonly notice?: (message: string) => void;
}

export const dataFolder = (): string => join(sluiceHome(), "data");

export const partFile = (part: Part, folder = dataFolder()): string =>
  join(folder, `${part.name}-v${part.version}.safetensors`);

export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/**
 * The content of a part: read from the store, or prepared and stored where it is missing or damaged.
 *
 * @throws DataError `not-as-recorded` where the package gives other data than the lab was built with; StoreError
 *         `unwritable` or `disk-full` where the result cannot be stored
 */
export async function loadPart(part: Part, options: CacheOptions = {}): Promise<Container> {
  const { folder = dataFolder(), notice = (message) => process.stderr.write(`${message}\n`) } = options;
  const file = partFile(part, folder);
  noteData(part.name, part.sha256);
  const stored = await readIfThere(file);
  if (stored !== undefined) {
    if (hashOf(stored) === part.sha256) return decodeContainer(stored);
    notice(`${file} is damaged (its hash is not the recorded one); preparing it again`);
  } else notice(`preparing ${part.name} (once${part.seconds ? `, about ${part.seconds} s` : ""})`);
  const bytes = await preparedBytes(part);
  await writeWhole(file, folder, bytes);
  return decodeContainer(bytes);
}

/** The bytes that `prepare` makes, checked against the recorded hash. */
export async function preparedBytes(part: Part): Promise<Uint8Array> {
  const bytes = encodeContainer(await part.prepare());
  const actual = hashOf(bytes);
  if (actual !== part.sha256)
    throw new DataError(
      "not-as-recorded",
      part.name,
      `what was prepared has sha256 ${actual}, recorded is ${part.sha256}; install the locked package versions with \`npm ci\``,
    );
  return bytes;
}

/** How a part stands in the store; reads and hashes the file. */
export async function partState(part: Part, folder = dataFolder()): Promise<"prepared" | "missing" | "damaged"> {
  const stored = await readIfThere(partFile(part, folder));
  if (stored === undefined) return "missing";
  return hashOf(stored) === part.sha256 ? "prepared" : "damaged";
}

/** Whether a part's file is there, without reading it. */
export const partExists = (part: Part, folder = dataFolder()): Promise<boolean> =>
  access(partFile(part, folder)).then(
    () => true,
    () => false,
  );

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw asStoreError(error, file);
  }
}

/** Either the whole file appears under its name or nothing does, whatever is killed when. */
async function writeWhole(file: string, folder: string, bytes: Uint8Array): Promise<void> {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString("hex")}.part`;
  try {
    await mkdir(folder, { recursive: true });
    const handle = await open(draft, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw asStoreError(error, file);
  }
}
