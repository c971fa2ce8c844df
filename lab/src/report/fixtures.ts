import { join } from "node:path";
import { allPapers } from "../run/catalogue.ts";
import { planRun } from "../run/plan.ts";
import { provenance } from "../run/provenance.ts";
import { runPaper } from "../run/runner.ts";
import type { Store } from "../store/store.ts";

/** For tests: runs every paper of the fixtures, and gives them. */
export async function runFixtures(store: Store) {
  const entries = await allPapers(join(import.meta.dirname, "..", "run", "fixtures"));
  const origin = provenance();
  for (const entry of entries) {
    if (entry.paper.id === "faulty") continue;
    const context = { command: `npx sluice run ${entry.paper.id}`, provenance: origin };
    await runPaper(store, entry, planRun(entry.paper, entry.module, {}, context));
  }
  return entries.map(({ paper }) => paper);
}
