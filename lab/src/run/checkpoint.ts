import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { asStoreError } from "../store/errors.ts";
import { decodeState, encodeState } from "./state.ts";

/** A named place for the state of a trial. */
export interface Checkpoint<State> {
  /** The state that was saved last, or nothing. A file that cannot be read counts as nothing. */
  load(): State | undefined;
  /** Replaces what was saved; when killed meanwhile, the older state stays. @throws StoreError */
  save(state: State): void;
}

/** Where the checkpoints of a trial lie. */
export function checkpointFolder(home: string, trial: string): string {
  return join(home, "checkpoints", trial);
}

export function openCheckpoint<State>(home: string, trial: string, name: string): Checkpoint<State> {
  const folder = checkpointFolder(home, trial);
  // Encoding alone could give a name that leaves the folder: "..".
  const file = join(folder, `${encodeURIComponent(name)}.safetensors`);
  return {
    load() {
      let bytes: Uint8Array;
      try {
        bytes = readFileSync(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw asStoreError(error, file);
      }
      try {
        return decodeState(bytes) as State;
      } catch {
        process.stderr.write(`${file} cannot be read; this part of the trial starts again\n`);
        return undefined;
      }
    },
    save(state) {
      const draft = `${file}.${process.pid}.part`;
      try {
        mkdirSync(folder, { recursive: true });
        const handle = openSync(draft, "w");
        try {
          writeSync(handle, encodeState(state));
          fsyncSync(handle);
        } finally {
          closeSync(handle);
        }
        renameSync(draft, file);
      } catch (error) {
        rmSync(draft, { force: true });
        throw asStoreError(error, file);
      }
    },
  };
}

/** Removes all checkpoints of a trial. */
export function dropCheckpoints(home: string, trial: string): void {
  rmSync(checkpointFolder(home, trial), { recursive: true, force: true });
}
