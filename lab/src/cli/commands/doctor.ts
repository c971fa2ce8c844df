import { cpus, freemem, totalmem } from "node:os";
import type { Command } from "commander";
import { defaultBinding } from "sluice";
import { quickState, testbeds } from "../../data/registry.ts";
import { packageVersion, provenance } from "../../run/provenance.ts";
import { sluiceHome } from "../../store/home.ts";
import { migrations } from "../../store/migrations.ts";
import { checkHome, freeBytes, Store } from "../../store/store.ts";
import { exitCodes } from "../exit.ts";
import { example, type Session } from "../session.ts";
import { table } from "../table.ts";

/** One thing that was looked at. */
interface Finding {
  readonly what: string;
  readonly found: string;
  readonly fine: boolean;
}

export function addDoctor(program: Command, session: Session): void {
  const { terminal } = session;
  const command = program
    .command("doctor")
    .description("look at what a run needs: versions, cores, memory, execution providers, store, disk")
    .option("--json", "print the findings as an array")
    .action(async ({ json }) => {
      const findings = await examine();
      if (findings.some((finding) => !finding.fine)) session.exit = exitCodes.failed;
      if (json) return terminal.out(JSON.stringify(findings, null, 2));
      const rows = table(terminal, ["", "what", "found"], [4, 24, 70]);
      for (const { what, found, fine } of findings) rows.push([fine ? "✓" : "✗", what, found]);
      terminal.out(rows.toString());
    });
  example(
    command,
    "npx sluice doctor",
    `
✓ │ Node      │ 26.1.0
✓ │ cores     │ 2 × AMD EPYC
✓ │ providers │ cpu, webgpu

Ends with 0 when all is fine, 3 when something is amiss.`,
  );
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Runs a check; what it throws is the finding. */
async function look(what: string, check: () => string | Promise<string>): Promise<Finding> {
  try {
    return { what, found: await check(), fine: true };
  } catch (error) {
    return { what, found: error instanceof Error ? error.message : String(error), fine: false };
  }
}

async function examine(): Promise<Finding[]> {
  const home = sluiceHome();
  const { commit, dirty, machine } = provenance();
  return Promise.all([
    look("sluice", () => packageVersion("sluice-lab")),
    look("commit", () => (commit ? `${commit}${dirty ? ", with changes" : ""}` : "not in a repository")),
    look("Node", () => process.versions.node),
    look("cores", () => `${machine.cores} × ${cpus()[0]?.model ?? "unknown"}`),
    look("memory", () => `${gibibytes(totalmem())}, ${gibibytes(freemem())} free`),
    look("ONNX Runtime", () => packageVersion("onnxruntime-node")),
    look("execution providers", async () => {
      const { listSupportedBackends } = await import("onnxruntime-node");
      return listSupportedBackends()
        .map((backend) => backend.name)
        .join(", ");
    }),
    look("binding to ONNX Runtime", async () => {
      const { binding, problem } = await defaultBinding();
      if (problem === undefined) return binding === "c" ? "its C interface" : "its JavaScript package";
      return `its JavaScript package, which is slower: ${problem}`;
    }),
    look("store", () => {
      checkHome(home);
      const store = Store.open(home);
      try {
        const runs = store.get("SELECT count(*) AS n FROM runs")!.n;
        return `${home}, schema ${migrations.length}, ${runs} runs`;
      } finally {
        store.close();
      }
    }),
    look("data", async () => {
      const states = await Promise.all(testbeds.map(async (each) => `${each.name} ${await quickState(each)}`));
      return `${states.join(", ")}; \`sluice data fetch\` prepares what is missing`;
    }),
    look("disk", () => `${gibibytes(freeBytes(home))} free`),
  ]);
}
