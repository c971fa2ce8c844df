import type { FileHandle } from "node:fs/promises";
import {
  type DecodeLimits,
  dataLocation,
  decodeModel,
  ModelFileError,
  type ModelProto,
  type TensorProto,
} from "../../runtime/onnx/protobuf/index.ts";
import { readPieces } from "./pieces.ts";
import { rawLength } from "./tensor-data.ts";
import { tensorsOf } from "./walk.ts";

/** How a model is read. */
export interface ReadOptions extends DecodeLimits {
  /** For a model given as bytes: the files that hold its external data, by the names that it uses. */
  externalData?: Readonly<Record<string, Uint8Array>>;
}

/**
 * Reads an ONNX model with all its tensors.
 *
 * External data is read tensor by tensor at its place in the file, so a model may be larger than any one buffer. It is
 * taken only from files within the model's folder: absolute paths, `..` and links are refused.
 *
 * @param source   a path (Node only) or the file's bytes, which the result refers to
 * @returns        the model; every tensor's data is in memory, none is external any more
 * @throws         ModelFileError, whose code and offset say what is wrong with the file
 * @example
 * const model = await readModel("model.onnx");
 * model.graph.node.map((node) => node.opType);
 */
export async function readModel(source: string | URL | Uint8Array, options: ReadOptions = {}): Promise<ModelProto> {
  if (source instanceof Uint8Array) {
    const model = decodeModel(source, options);
    await loadExternal(model, memoryFiles(options.externalData ?? {}));
    return model;
  }
  const { fileURLToPath } = await import("node:url");
  const path = source instanceof URL ? fileURLToPath(source) : source;
  const model = decodeModel(await readWhole(path, options.maxBytes), options);
  const files = await folderFiles(path);
  try {
    await loadExternal(model, files);
  } finally {
    await files.close();
  }
  return model;
}

/** A place where external data is found. */
interface Files {
  size(location: string): Promise<number>;
  read(location: string, offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

async function loadExternal(model: ModelProto, files: Files): Promise<void> {
  const loaded = new Map<string, Uint8Array>();
  const sizes = new Map<string, number>();
  let total = 0;
  for (const tensor of tensorsOf(model)) {
    if (tensor.dataLocation !== dataLocation.external) continue;
    const { location, offset, length } = externalRange(tensor);
    if (!sizes.has(location)) sizes.set(location, await files.size(location));
    const size = sizes.get(location)!;
    if (offset + length > size)
      throw new ModelFileError(
        "external-range",
        `tensor "${tensor.name ?? ""}" needs bytes ${offset} to ${offset + length} of ${location}, which has ${size}`,
        { fix: "the data file is cut short or belongs to another model" },
      );
    const key = `${offset}+${length} ${location}`;
    let bytes = loaded.get(key);
    if (!bytes) {
      // Tensors may share data, but a small file must not be made to fill the memory by overlapping ranges.
      total += length;
      if (total > 2 * [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0))
        throw new ModelFileError("external-range", "the tensors' ranges in the data files overlap many times over", {
          fix: "write the model again with one range for each tensor",
        });
      bytes = await files.read(location, offset, length);
      loaded.set(key, bytes);
    }
    tensor.rawData = bytes;
    delete tensor.externalData;
    delete tensor.dataLocation;
  }
}

/** Where an external tensor's bytes lie; the range is checked to be what its type and shape need. */
export function externalRange(tensor: TensorProto): { location: string; offset: number; length: number } {
  const entries = new Map((tensor.externalData ?? []).map(({ key, value }) => [key, value]));
  const name = tensor.name ?? "";
  const location = entries.get("location") ?? "";
  checkLocation(location, name);
  const expected = rawLength(tensor);
  const number = (key: string, absent: number): number => {
    const text = entries.get(key);
    if (text === undefined || text === "") return absent;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
      throw new ModelFileError("external-range", `tensor "${name}" has the ${key} "${text}" in its data file`, {
        fix: "write the model again",
      });
    return value;
  };
  const length = number("length", expected);
  if (length !== expected)
    throw new ModelFileError("external-range", `tensor "${name}" has ${length} external bytes instead of ${expected}`, {
      fix: "write the model again",
    });
  return { location, offset: number("offset", 0), length };
}

function checkLocation(location: string, name: string): void {
  const parts = location.split("/");
  const plain = parts.every((part, i) => part !== ".." && (part !== "" || (i > 0 && i < parts.length - 1)));
  // Backslashes and colons are separators and drives elsewhere; a file that relies on them is not portable.
  if (!plain || /[\\:\0]/.test(location))
    throw new ModelFileError("external-path", `tensor "${name}" lies at "${location}", outside the model's folder`, {
      fix: "external data must be a file within the model's folder: move it there and write the model again",
    });
}

function memoryFiles(files: Readonly<Record<string, Uint8Array>>): Files {
  const find = (location: string): Uint8Array => {
    if (Object.hasOwn(files, location)) return files[location];
    throw missing(location, "read the model from its path, or give the file's bytes in `externalData`");
  };
  return {
    size: async (location) => find(location).length,
    read: async (location, offset, length) => find(location).subarray(offset, offset + length),
    close: async () => {},
  };
}

async function folderFiles(modelPath: string): Promise<Files> {
  const { constants, promises } = await import("node:fs");
  const { dirname, join } = await import("node:path");
  const folder = await promises.realpath(dirname(modelPath));
  const handles = new Map<string, FileHandle>();
  const open = async (location: string): Promise<FileHandle> => {
    const known = handles.get(location);
    if (known) return known;
    const path = join(folder, location);
    const real = await promises.realpath(path).catch((cause) => {
      throw missing(location, "put the data file beside the model", cause);
    });
    if (real !== path)
      throw new ModelFileError("external-path", `external data "${location}" is reached through a link`, {
        fix: "copy the data file into the model's folder",
      });
    if (!(await promises.lstat(path)).isFile())
      throw new ModelFileError("external-path", `external data "${location}" is not a file`, {
        fix: "put the data file beside the model",
      });
    const handle = await promises.open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    handles.set(location, handle);
    return handle;
  };
  return {
    size: async (location) => (await (await open(location)).stat()).size,
    read: async (location, offset, length) => readPieces(await open(location), offset, length, location),
    close: async () => {
      for (const handle of handles.values()) await handle.close();
    },
  };
}

async function readWhole(path: string, maxBytes = 2 ** 31 - 1): Promise<Uint8Array> {
  const { open } = await import("node:fs/promises");
  const handle = await open(path).catch((cause) => {
    throw new ModelFileError("unreadable", `the model "${path}" cannot be opened`, { cause, fix: "check the path" });
  });
  try {
    const facts = await handle.stat();
    if (!facts.isFile())
      throw new ModelFileError("unreadable", `"${path}" is not a file`, { fix: "give the path of a .onnx file" });
    if (facts.size > maxBytes)
      throw new ModelFileError("too-large", `the model has ${facts.size} bytes; at most ${maxBytes} are read`, {
        fix: "protobuf messages end at 2 GiB: store large tensors as external data",
      });
    return await readPieces(handle, 0, facts.size, path);
  } finally {
    await handle.close();
  }
}

const missing = (location: string, fix: string, cause?: unknown): ModelFileError =>
  new ModelFileError("external-missing", `the data file "${location}" was not found`, { fix, cause });
