import { loadModule } from "../run/catalogue.ts";
import type { RunEvent } from "../run/events.ts";
import { runPaper } from "../run/runner.ts";
import type { RunPlan } from "../store/runs.ts";
import { Store } from "../store/store.ts";

/** What the server hands to a run's process, as its first message; the second, "stop", asks it to end. */
export interface RunOrder {
  readonly home: string;
  /** URL of the paper's file. */
  readonly module: string;
  readonly plan: RunPlan;
}

const stopping = new AbortController();
process.on("SIGTERM", () => stopping.abort());
// From the terminal all processes get it; the server says what is to be done.
process.on("SIGINT", () => {});
// The server is gone: trials save their state and end, so that the run can be resumed.
process.on("disconnect", () => stopping.abort());

process.on("message", (message: RunOrder | "stop") => {
  // Not by a signal: one that came before this module was loaded would kill.
  if (message === "stop") stopping.abort();
  else carryOut(message);
});

async function carryOut(order: RunOrder): Promise<void> {
  const tell = (event: RunEvent) => {
    if (process.connected) process.send?.(event);
  };
  const store = Store.open(order.home);
  try {
    const entry = { paper: await loadModule(order.module), module: order.module };
    await runPaper(store, entry, order.plan, { signal: stopping.signal, onEvent: tell });
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    store.close();
    process.disconnect?.();
  }
}
