import type { FileHandle } from "node:fs/promises";
import { ModelFileError } from "../../runtime/onnx/protobuf/index.ts";

/** Most bytes that one system call is asked to move; operating systems refuse 2 GiB and more. */
const pieceBytes = 2 ** 30;

/**
 * Reads a run of bytes of a file into memory of its own.
 *
 * @throws ModelFileError `truncated` where the file ends before
 */
export async function readPieces(
  handle: FileHandle,
  offset: number,
  length: number,
  path: string,
  piece = pieceBytes,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, piece), offset + done);
    if (bytesRead === 0)
      throw new ModelFileError("truncated", `"${path}" ended while it was read`, {
        fix: "read it again",
        offset: done,
      });
    done += bytesRead;
  }
  return bytes;
}

/** Writes bytes to their place in a file. */
export async function writePieces(
  handle: FileHandle,
  offset: number,
  bytes: Uint8Array,
  piece = pieceBytes,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, piece), offset + done);
    done += bytesWritten;
  }
}
