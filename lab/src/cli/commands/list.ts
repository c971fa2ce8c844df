import type { Command } from "commander";
import { families } from "../../paper.ts";
import { formatDuration } from "../../report/format.ts";
import { overview, type Standing, summary } from "../../report/overview.ts";
import { UsageError } from "../exit.ts";
import { entriesFor, example, papersOption, type Session, withStore } from "../session.ts";
import { table } from "../table.ts";

export function addList(program: Command, { terminal }: Session): void {
  const command = program
    .command("list")
    .description("show the papers: family, cost, and how they stand")
    .option("--family <name>", `papers of one family: ${families.join(", ")}`)
    .option("--json", "print an array with id, row, family, claims and last status of every paper")
    .action(async ({ family, json, papers: folder }) => {
      if (family && !families.includes(family)) {
        throw new UsageError(`no family ${family}; there are ${families.join(", ")}`);
      }
      const entries = (await entriesFor([], folder)).filter(({ paper }) => !family || paper.family === family);
      await withStore((store) => {
        const standings = overview(
          store,
          entries.map(({ paper }) => paper),
        );
        if (json) return terminal.out(JSON.stringify(standings.map(asJson), null, 2));
        const rows = table(terminal, ["row", "paper", "family", "cost", "title", "claims"], [6, 22, 14, 9, 40, 24]);
        for (const standing of standings) {
          const { row, id, family, title, minutes } = standing.paper;
          rows.push([row, id, family, formatDuration(minutes * 60), title, statusOf(standing)]);
        }
        terminal.out(rows.toString());
      });
    });
  papersOption(command);
  example(
    command,
    "npx sluice list --family normalizers",
    `
row │ paper      │ family      │ cost   │ title                                  │ claims
28  │ sparsemax  │ normalizers │ 4m     │ From Softmax to Sparsemax: …           │ 3 of 3 reproduced (full)`,
  );
}

function statusOf(standing: Standing): string {
  return standing.run ? `${summary(standing)} (${standing.run.budget})` : summary(standing);
}

function asJson({ paper, run, claims }: Standing) {
  const { id, row, family, title, year, arxiv, minutes } = paper;
  const verdicts = new Map(claims.map((claim) => [claim.id, claim.verdict]));
  return {
    ...{ id, row, family, title, year, arxiv: arxiv ?? null, minutes },
    claims: Object.entries(paper.claims).map(([claim, { paper, holds }]) => ({
      ...{ id: claim, paper, holds },
      verdict: verdicts.get(claim) ?? null,
    })),
    last: run
      ? {
          ...{ run: run.id, budget: run.budget, seeds: run.seeds.length, status: run.status, verdict: run.verdict },
          ended: run.ended === null ? null : new Date(run.ended).toISOString(),
        }
      : null,
  };
}
