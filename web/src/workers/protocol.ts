import type { tasks } from "./tasks.ts";

/** What a task has besides its input. */
export interface TaskContext {
  /** Aborted when the page no longer wants the result. */
  readonly signal: AbortSignal;
  /** Tells the page something before the result is there. */
  report(progress: unknown): void;
  /** Lets messages in (a cancellation, say): to be awaited between the steps of a long task. */
  pause(): Promise<void>;
}

type Tasks = typeof tasks;
export type TaskName = keyof Tasks;
export type InputOf<Name extends TaskName> = Parameters<Tasks[Name]>[0];
export type OutputOf<Name extends TaskName> = Awaited<ReturnType<Tasks[Name]>>;

/** An error as it crosses over: what the library wrote. */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

/** From the page to the worker. */
export type Request =
  | { readonly kind: "run"; readonly id: number; readonly task: TaskName; readonly input: unknown }
  | { readonly kind: "cancel"; readonly id: number };

/** From the worker to the page. A task ends with one `done` or `failed`. */
export type Reply =
  | { readonly kind: "progress"; readonly id: number; readonly progress: unknown }
  | { readonly kind: "done"; readonly id: number; readonly output: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly failure: Failure };
