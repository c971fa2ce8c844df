import { join } from "node:path";
import { type Command, Option } from "commander";
import { formatDuration, formatPlace, plural } from "../../report/format.ts";
import { writeReport } from "../../report/site.ts";
import { allPapers, type Entry } from "../../run/catalogue.ts";
import { commandFor } from "../../run/command.ts";
import { planRun, type RunChoices } from "../../run/plan.ts";
import { provenance } from "../../run/provenance.ts";
import type { RunResult } from "../../run/result.ts";
import { logFile, runPaper } from "../../run/runner.ts";
import { sluiceHome } from "../../store/home.ts";
import { latestRun } from "../../store/runs.ts";
import { checkHome, type Store } from "../../store/store.ts";
import type { Budget, Setting, Settings } from "../../store/trials.ts";
import { type ExitCode, exitCodeOf, exitCodes, UsageError } from "../exit.ts";
import { progressView } from "../progress.ts";
import { entriesFor, example, papersOption, positive, type Session, withStore } from "../session.ts";
import { claimsTable } from "../table.ts";

interface RunFlags {
  readonly all?: boolean;
  readonly budget?: Budget;
  readonly seeds?: number;
  readonly set?: Settings;
  readonly resume?: boolean;
  readonly force?: boolean;
  readonly jobs: number;
  readonly json?: boolean;
  readonly report: boolean;
  readonly papers?: string;
}

export function addRun(program: Command, session: Session): void {
  const command = program
    .command("run")
    .description("run papers and judge their claims; what is done already is not done again")
    .argument("[papers...]", "ids as in `sluice list`, or paths of papers' files")
    .option("--all", "run every paper")
    .addOption(
      new Option("--budget <size>", "smoke: seconds, exercises everything; full: minutes, judges every claim")
        .choices(["smoke", "full"])
        .default(undefined, "full"),
    )
    .option("--seeds <n>", "run with seeds 1 … n (default: what the paper asks for)", positive)
    .option("--set <key=value>", "change a setting; may be repeated", setting)
    .addOption(
      new Option(
        "--resume",
        "go on with the last unfinished run of the paper, with its budget, seeds and settings",
      ).conflicts(["force", "budget", "seeds", "set"]),
    )
    .option("--force", "run everything afresh; older results are kept")
    .option("--jobs <n>", "trials at once; a trial uses all cores by itself", positive, 1)
    .option("--json", "print each result as one line of JSON")
    .option("--no-report", "do not write the report's pages")
    .action(async (names: string[], flags: RunFlags) => {
      if (names.length === 0 && !flags.all)
        throw new UsageError("which paper? Give its id, or --all; `sluice list` shows them");
      const entries = await entriesFor(names, flags.papers);
      checkHome(sluiceHome());
      session.exit = await withStore((store) => runAll(store, entries, flags, session));
    });
  papersOption(command);
  example(
    command,
    "npx sluice run softpick --budget smoke --set steps=100",
    `
softpick-1: 4 trials
softmax, seed 1: train 63/100, loss 2.4, 38 steps/s, 1.0s left
…
claim │ the paper │ measured here │ threshold │ verdict

Ends with 0 when all claims held, 1 when some did not, 2 when called wrongly, 3 when a trial failed.`,
  );
}

/** "lr=0.01" into the settings: what reads as JSON is taken as that, everything else as text. */
function setting(text: string, before: Settings = {}): Settings {
  const [, key, given] = text.match(/^([^=]+)=(.*)$/s) ?? [];
  if (key === undefined) throw new UsageError(`--set takes key=value; given was ${text}`);
  let value: Setting = given;
  try {
    value = JSON.parse(given);
  } catch {}
  return { ...before, [key]: value };
}

async function runAll(store: Store, entries: readonly Entry[], flags: RunFlags, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const stopping = new AbortController();
  const stop = () => {
    if (stopping.signal.aborted) process.exit(130);
    terminal.err("stopping: trials save their state; once more to leave at once");
    stopping.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  let exit: ExitCode = exitCodes.held;
  try {
    const origin = provenance();
    for (const entry of entries) {
      const choices = flags.resume ? lastChoices(store, entry) : { ...flags, settings: flags.set };
      const plan = planRun(entry.paper, entry.module, choices, {
        command: commandFor(entry.paper, choices),
        provenance: origin,
      });
      const view = progressView(terminal);
      const options = { ...flags, signal: stopping.signal, onEvent: view.onEvent };
      const result = await runPaper(store, entry, plan, options).finally(() => view.close());
      const report = flags.report ? await reportOn(store, entry, flags.papers) : null;
      if (flags.json) terminal.out(JSON.stringify({ ...result, report }));
      else show(store, result, report, session);
      exit = Math.max(exit, exitCodeOf(result)) as ExitCode;
      if (stopping.signal.aborted) return exitCodes.failed;
    }
    return exit;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

function lastChoices(store: Store, { paper }: Entry): RunChoices {
  const last = latestRun(store, paper.id);
  if (!last || last.status === "complete") {
    throw new UsageError(`no unfinished run of ${paper.id}; without --resume a new one starts`);
  }
  return { budget: last.budget, seeds: last.seeds.length, settings: last.settings };
}

/** Writes the paper's page, and the catalogue around it. */
async function reportOn(store: Store, entry: Entry, folder?: string): Promise<string> {
  const papers = (await allPapers(folder)).map(({ paper }) => paper);
  const known = papers.some((paper) => paper.id === entry.paper.id) ? papers : [...papers, entry.paper];
  const out = join(store.home, "report");
  await writeReport(store, known, out, [entry.paper.id]);
  return join(out, "papers", `${entry.paper.id}.html`);
}

function show(store: Store, result: RunResult, report: string | null, { terminal }: Session): void {
  const { bold, dim, red } = terminal.colors;
  terminal.out(`\n${bold(result.title)}`);
  terminal.out(
    dim(
      `${result.run}, ${result.budget} budget, ${plural(result.seeds.length, "seed")}, ${formatDuration(result.seconds)} of work`,
    ),
  );
  terminal.out(claimsTable(terminal, result.claims));
  for (const claim of result.claims) for (const note of claim.notes) terminal.out(`${claim.id}: ${note}`);
  for (const trial of result.trials) {
    if (trial.error === null) continue;
    terminal.out(red(`${formatPlace(trial)} ${trial.status}, ${trial.error.kind}: ${trial.error.message}`));
    terminal.out(dim(`  its output: ${logFile(store.home, trial.id)}`));
  }
  if (report) terminal.out(`Report: ${report}`);
}
