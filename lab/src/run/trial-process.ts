import { writeFileSync } from "node:fs";
import { Store } from "../store/store.ts";
import { readTrial, TrialLease } from "../store/trials.ts";
import { loadModule } from "./catalogue.ts";
import { dropCheckpoints } from "./checkpoint.ts";
import type { TrialMessage } from "./events.ts";
import { failureOf } from "./failure.ts";
import { trialLab } from "./trial-lab.ts";
import { usedData } from "./used-data.ts";

/** What the runner hands to a trial's process, as JSON in its first argument. */
export interface TrialOrder {
  readonly home: string;
  readonly trial: string;
  /** URL of the paper's file. */
  readonly module: string;
  readonly seeds: readonly number[];
}

/** Milliseconds between two signs of life. */
const beatInterval = 2000;

const order: TrialOrder = JSON.parse(process.argv[2]);

// When memory runs out, the kernel is to end this process and not the runner.
try {
  writeFileSync("/proc/self/oom_score_adj", "1000");
} catch {
  // Only Linux has it.
}

const stopping = new AbortController();
process.on("SIGTERM", () => stopping.abort());
// From the terminal both processes get it; the runner says what is to be done.
process.on("SIGINT", () => {});
// The runner is gone: whoever starts next is to find this trial free.
process.on("disconnect", () => process.exit(1));

const store = Store.open(order.home);
const lease = TrialLease.take(store, order.trial);
if (!lease) process.exit(0);
const beating = setInterval(() => lease.beat(), beatInterval);
try {
  const trial = readTrial(store, order.trial);
  const paper = await loadModule(order.module);
  const lab = trialLab(paper, trial, lease, {
    seeds: order.seeds,
    stopping: stopping.signal,
    tell: (message: TrialMessage) => {
      if (process.connected) process.send?.(message);
    },
  });
  await paper.run(lab);
  lease.done(usedData());
  dropCheckpoints(order.home, order.trial);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
  lease.fail(failureOf(error));
} finally {
  clearInterval(beating);
  store.close();
}
// Whatever a paper left open, the trial is over.
process.exit();
