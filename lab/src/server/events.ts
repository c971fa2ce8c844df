import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { isLive } from "./api.ts";
import type { LiveRun, NumberedUpdate } from "./live-run.ts";

/** Milliseconds between two signs of life: without them nobody would notice that a page has gone. */
const beat = 15_000;
/** Distinguishes the updates of this server from those of the one before it. */
const epoch = Date.now().toString(36);

/**
 * What happens in a run as Server-Sent Events: `snapshot` with the whole state, then `update` by update, `end` when the run
 * is over. A page that comes back says with `Last-Event-ID`, or `?after=`, what it has seen, and gets the rest.
 */
export function streamRun(context: Context, run: LiveRun): Response {
  const seen = context.req.header("last-event-id") ?? context.req.query("after") ?? "";
  return streamSSE(context, async (stream) => {
    const queue: NumberedUpdate[] = [];
    let wake = () => {};
    const stopListening = run.listen((update) => {
      queue.push(update);
      wake();
    });
    stream.onAbort(() => wake());
    const send = (event: string, number: number, data: unknown) =>
      stream.writeSSE({ event, id: `${epoch}-${number}`, data: JSON.stringify(data) });
    const [theirEpoch, number] = seen.split("-");
    const missed = theirEpoch === epoch ? run.since(Number(number)) : undefined;
    const beating = setInterval(() => stream.writeSSE({ event: "beat", data: "" }), beat);
    try {
      if (missed) queue.unshift(...missed);
      else await send("snapshot", run.number, run.state);
      for (;;) {
        for (let next = queue.shift(); next; next = queue.shift()) await send("update", next.number, next.update);
        if (stream.aborted) return;
        if (!isLive(run.state.state)) return void (await stream.writeSSE({ event: "end", data: run.state.state }));
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (queue.length > 0 || stream.aborted) resolve();
        });
      }
    } finally {
      clearInterval(beating);
      stopListening();
    }
  });
}
