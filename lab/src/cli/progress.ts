import { MultiBar, type SingleBar } from "cli-progress";
import { formatDuration, formatNumber, formatPlace } from "../report/format.ts";
import type { RunEvent, TrialMessage } from "../run/events.ts";
import type { TrialRecord } from "../store/trials.ts";
import type { Terminal } from "./terminal.ts";

/** Milliseconds between two plain lines about one trial. */
const lineInterval = 5000;

/** What is known of a trial that is at work. */
export interface Pace {
  readonly loop: string;
  readonly step: number;
  readonly steps: number;
  /** The last value of its loss, or of what it logs first. */
  readonly metric: string;
  readonly perSecond: number;
  /** Seconds to the end of this loop; NaN while nobody knows. */
  readonly left: number;
}

/** Puts the messages of one trial together to how fast it is and how long it takes. */
export class PaceMeter {
  #loop = "";
  #first = { step: 0, time: 0 };
  #metric = "";
  #pace: Pace = { loop: "", step: 0, steps: 0, metric: "", perSecond: Number.NaN, left: Number.NaN };

  /** @param time  of the message, in milliseconds */
  hear(message: TrialMessage, time: number): Pace {
    if (message.type === "metrics") {
      const names = Object.keys(message.metrics);
      const name = names.find((each) => /\bloss\b/.test(each)) ?? names[0];
      if (name) this.#metric = `${name.split("/")[0]} ${formatNumber(message.metrics[name])}`;
      this.#pace = { ...this.#pace, metric: this.#metric };
    } else if (message.type === "progress") {
      const { loop, step, steps } = message;
      // A loop that resumes begins in the middle: only what was seen counts.
      if (loop !== this.#loop) {
        this.#first = { step, time };
        this.#loop = loop;
      }
      const perSecond = ((step - this.#first.step) / (time - this.#first.time)) * 1000;
      this.#pace = { loop, step, steps, metric: this.#metric, perSecond, left: (steps - step) / perSecond };
    } else {
      this.#pace = { ...this.#pace, loop: message.text };
    }
    return this.#pace;
  }
}

/** "descend 120/400, loss 0.31, 41 steps/s, 7s left". */
export function formatPace({ loop, step, steps, metric, perSecond, left }: Pace): string {
  const known = Number.isFinite(perSecond) && perSecond > 0;
  return [
    steps > 0 ? `${loop} ${step}/${steps}` : loop,
    metric,
    known ? `${formatNumber(perSecond)} steps/s` : "",
    known && left > 0 ? `${formatDuration(left)} left` : "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}

/** Shows a run while it goes on: bars where somebody watches, plain lines elsewhere. */
export function progressView(terminal: Terminal): { onEvent(event: RunEvent): void; close(): void } {
  return terminal.live ? bars() : lines(terminal);
}

function endOf({ status, seconds, error }: TrialRecord): string {
  return status === "done" ? `done in ${formatDuration(seconds)}` : `${status}: ${error?.message ?? "no result"}`;
}

function lines(terminal: Terminal) {
  const meters = new Map<string, { readonly meter: PaceMeter; told: number }>();
  return {
    onEvent(event: RunEvent) {
      if (event.type === "run-started") {
        const done = event.trials.filter((trial) => trial.status === "done").length;
        terminal.err(`${event.run.id}: ${event.trials.length} trials${done > 0 ? `, ${done} already done` : ""}`);
      } else if (event.type === "trial-waiting") {
        terminal.err(`${formatPlace(event.trial)}: process ${event.pid} is at work on it; waiting`);
      } else if (event.type === "trial-started") {
        meters.set(event.trial.id, { meter: new PaceMeter(), told: Date.now() });
        terminal.err(`${formatPlace(event.trial)}: ${event.trial.attempt > 0 ? "goes on" : "starts"}`);
      } else if (event.type === "trial-message") {
        const entry = meters.get(event.trial.id)!;
        const now = Date.now();
        const pace = entry.meter.hear(event.message, now);
        if (now - entry.told < lineInterval) return;
        entry.told = now;
        terminal.err(`${formatPlace(event.trial)}: ${formatPace(pace)}`);
      } else if (event.type === "trial-ended") {
        terminal.err(`${formatPlace(event.trial)}: ${endOf(event.trial)}`);
      }
    },
    close() {},
  };
}

function bars() {
  const all = new MultiBar({
    format: "{place} {bar} {pace}",
    stream: process.stderr,
    hideCursor: true,
    barsize: 20,
    autopadding: true,
    linewrap: false,
    gracefulExit: false,
  });
  let whole: SingleBar | undefined;
  let [ended, planned] = [0, 0];
  const count = () => ({ pace: `${ended}/${planned} trials` });
  const running = new Map<string, { readonly bar: SingleBar; readonly meter: PaceMeter }>();
  return {
    onEvent(event: RunEvent) {
      if (event.type === "run-started") {
        planned = event.trials.length;
        ended = event.trials.filter((trial) => trial.status === "done").length;
        whole = all.create(planned, ended, { place: event.run.id, ...count() });
      } else if (event.type === "trial-waiting") {
        all.log(`${formatPlace(event.trial)}: process ${event.pid} is at work on it; waiting\n`);
      } else if (event.type === "trial-started") {
        const bar = all.create(1, 0, { place: formatPlace(event.trial), pace: "starts" });
        running.set(event.trial.id, { bar, meter: new PaceMeter() });
      } else if (event.type === "trial-message") {
        const { bar, meter } = running.get(event.trial.id)!;
        const pace = meter.hear(event.message, Date.now());
        bar.setTotal(Math.max(1, pace.steps));
        bar.update(pace.step, { pace: formatPace(pace) });
      } else if (event.type === "trial-ended") {
        const { bar } = running.get(event.trial.id)!;
        bar.stop();
        all.remove(bar);
        all.log(`${formatPlace(event.trial)}: ${endOf(event.trial)}\n`);
        ended++;
        whole?.update(ended, count());
      } else if (whole) {
        whole.stop();
        all.remove(whole);
      }
    },
    close() {
      all.stop();
    },
  };
}
