/// <reference lib="webworker" />
import type { Reply, Request, TaskContext } from "./protocol.ts";
import { tasks } from "./tasks.ts";

const running = new Map<number, AbortController>();
const post = (reply: Reply): void => self.postMessage(reply);

/** A turn of the event loop, without the delay that timers have. */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  const { id } = data;
  if (data.kind === "cancel") return running.get(id)?.abort();
  const controller = new AbortController();
  running.set(id, controller);
  const context: TaskContext = {
    signal: controller.signal,
    report: (progress) => post({ kind: "progress", id, progress }),
    pause,
  };
  try {
    const run = tasks[data.task] as (input: unknown, context: TaskContext) => Promise<unknown>;
    post({ kind: "done", id, output: await run(data.input, context) });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    post({ kind: "failed", id, failure: { name, message } });
  } finally {
    running.delete(id);
  }
};
