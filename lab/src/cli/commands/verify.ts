import { existsSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { formatMeasured } from "../../report/format.ts";
import { findPaper } from "../../run/catalogue.ts";
import { planRun } from "../../run/plan.ts";
import { provenance } from "../../run/provenance.ts";
import { type RunResult, resultOf } from "../../run/result.ts";
import { runPaper } from "../../run/runner.ts";
import { parseResult, verifyClaims } from "../../run/verify.ts";
import { sluiceHome } from "../../store/home.ts";
import { readRun } from "../../store/runs.ts";
import { checkHome, type Store } from "../../store/store.ts";
import { exitCodes } from "../exit.ts";
import { progressView } from "../progress.ts";
import { example, papersOption, type Session, withStore } from "../session.ts";
import { table } from "../table.ts";

export function addVerify(program: Command, session: Session): void {
  const { terminal } = session;
  const command = program
    .command("verify")
    .description("run a stored result again from nothing, and say whether its verdicts and figures come out the same")
    .argument("<result>", "name of a run, or a file with a line of `sluice run --json`")
    .option("--json", "print both results and how they agree as JSON")
    .action(async (name: string, { json, papers: folder }) => {
      checkHome(sluiceHome());
      await withStore(async (store) => {
        const before = await resultFrom(store, name, folder);
        const entry = await findPaper(before.paper, folder);
        const choices = { budget: before.budget, seeds: before.seeds.length, settings: before.settings };
        const context = { command: before.command, provenance: provenance() };
        const view = progressView(terminal);
        const plan = planRun(entry.paper, entry.module, choices, context);
        const now = await runPaper(store, entry, plan, { force: true, onEvent: view.onEvent }).finally(() =>
          view.close(),
        );
        const claims = verifyClaims(before.claims, now.claims);
        const same = claims.every((claim) => claim.before === claim.now);
        if (now.status !== "complete") session.exit = exitCodes.failed;
        else session.exit = same ? exitCodes.held : exitCodes.notHeld;
        if (json) return terminal.out(JSON.stringify({ same, claims, before, now }));
        const rows = table(terminal, ["claim", "figure", "before", "now", "agreement"], [12, 30, 20, 20, 18]);
        for (const { id, before, now, figures } of claims) {
          rows.push([id, "verdict", before, now, before === now ? "the same" : "DIFFERS"]);
          for (const { label, before, now, agreement } of figures) {
            rows.push(["", label, formatMeasured(before), formatMeasured(now), agreement]);
          }
        }
        terminal.out(rows.toString());
        terminal.out(
          same ? "Verified: every verdict came out the same." : "Not verified: a verdict came out otherwise.",
        );
      });
    });
  papersOption(command);
  example(
    command,
    "npx sluice verify softpick-1",
    `
claim │ figure                │ before            │ now               │ agreement
sinks │ verdict               │ reproduced        │ reproduced        │ the same
      │ softpick: sink rate   │ 0 ± 0 (n = 3)     │ 0 ± 0 (n = 3)     │ equal

Ends with 0 when every verdict came out the same, 1 when one did not, 3 when a trial failed.`,
  );
}

async function resultFrom(store: Store, name: string, folder?: string): Promise<RunResult> {
  if (existsSync(name)) return parseResult(readFileSync(name, "utf8"));
  const run = readRun(store, name);
  return resultOf(store, (await findPaper(run.paper, folder)).paper, run);
}
