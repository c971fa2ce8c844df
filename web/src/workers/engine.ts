import { useEffect, useRef, useState } from "preact/hooks";
import type { Failure, InputOf, OutputOf, Reply, Request, TaskName } from "./protocol.ts";

/** A task that went wrong in the worker, in the library's own words. */
export class TaskError extends Error {
  constructor({ name, message }: Failure) {
    super(message);
    this.name = name;
  }
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  onProgress?(progress: any): void;
}

interface Pending {
  resolve(output: any): void;
  reject(error: Error): void;
  onProgress?(progress: unknown): void;
}

/** Sluice in a worker of its own: tasks in, results out. It starts with its first task. */
export class Engine {
  #worker: Worker | undefined;
  #next = 0;
  readonly #pending = new Map<number, Pending>();

  /** Runs a task. @throws TaskError with the library's message */
  run<Name extends TaskName>(
    task: Name,
    input: InputOf<Name>,
    { signal, onProgress }: RunOptions = {},
  ): Promise<OutputOf<Name>> {
    const worker = (this.#worker ??= this.#start());
    const id = this.#next++;
    signal?.addEventListener("abort", () => worker.postMessage({ kind: "cancel", id } satisfies Request));
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress });
      worker.postMessage({ kind: "run", id, task, input } satisfies Request);
    });
  }

  /** Ends the worker and with it whatever it was doing. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#pending.clear();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./engine.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const pending = this.#pending.get(data.id);
      if (pending === undefined) return;
      if (data.kind === "progress") return pending.onProgress?.(data.progress);
      this.#pending.delete(data.id);
      if (data.kind === "done") pending.resolve(data.output);
      else pending.reject(new TaskError(data.failure));
    };
    worker.onerror = (event) => {
      const error = new TaskError({ name: "Error", message: event.message || "the worker could not be started" });
      for (const { reject } of this.#pending.values()) reject(error);
      this.close();
    };
    return worker;
  }
}

/** An engine that lives as long as the view. */
export function useEngine(): Engine {
  const [engine] = useState(() => new Engine());
  useEffect(() => () => engine.close(), [engine]);
  return engine;
}

export interface TaskState<Output> {
  /** The newest result; an older one stays until the next is there. */
  readonly output?: Output;
  readonly error?: Error;
  readonly running: boolean;
}

/**
 * The result of a task for the newest input. One task runs at a time, and of the inputs that come meanwhile only the last
 * is taken: a dragged slider never makes a queue.
 */
export function useTask<Name extends TaskName>(
  engine: Engine,
  task: Name,
  input: InputOf<Name>,
): TaskState<OutputOf<Name>> {
  const [state, setState] = useState<TaskState<OutputOf<Name>>>({ running: true });
  const wanted = useRef<InputOf<Name>>(input);
  const busy = useRef(false);
  const key = JSON.stringify(input);
  useEffect(() => {
    wanted.current = input;
    if (busy.current) return;
    busy.current = true;
    (async () => {
      let done: InputOf<Name> | undefined;
      while (done !== wanted.current) {
        done = wanted.current;
        setState((before) => ({ ...before, running: true }));
        try {
          const output = await engine.run(task, done);
          setState({ output, running: false });
        } catch (error) {
          setState({ error: error as Error, running: false });
        }
      }
      busy.current = false;
    })();
  }, [engine, task, key]);
  return state;
}
