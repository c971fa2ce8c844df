import { readFileSync } from "node:fs";
import os from "node:os";
import { processTree } from "./process.ts";

/** Processor time in milliseconds, of all processors since they started. */
function processorTime(): { busy: number; total: number } {
  let busy = 0;
  let total = 0;
  for (const { times } of os.cpus()) {
    const all = times.user + times.nice + times.sys + times.irq + times.idle;
    busy += all - times.idle;
    total += all;
  }
  return { busy, total };
}

/** Processor time of a process and its children in milliseconds; the kernel counts it in hundredths of a second. */
function ownTime(pid: number): number {
  let ticks = 0;
  for (const member of processTree(pid)) {
    try {
      // User and system time are the 12th and 13th field after the name, which stands in brackets.
      const fields = readFileSync(`/proc/${member}/stat`, "utf8").split(") ").at(-1)!.split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // ended meanwhile
    }
  }
  return 10 * ticks;
}

/** Share of all processor time that was free while waiting `ms` milliseconds, 0 to 1. */
export async function idleShare(ms: number): Promise<number> {
  const before = processorTime();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const after = processorTime();
  return 1 - (after.busy - before.busy) / (after.total - before.total);
}

/** Share of all processor time that others may use, and the uncertainty of the kernel's counts in milliseconds. */
const tolerated = 0.1;
const uncertainty = 20;

/**
 * Watches what processes other than `pid` and its children use of the processors.
 *
 * @returns  a function that says whether it was more than a tenth since the watch began; false where the system does not
 *           tell
 */
export function watchOthers(pid: number): () => boolean {
  if (processTree(pid).length === 0) return () => false;
  const before = { ...processorTime(), own: ownTime(pid) };
  return () => {
    const after = { ...processorTime(), own: ownTime(pid) };
    const others = after.busy - before.busy - (after.own - before.own);
    return others > tolerated * (after.total - before.total) + uncertainty;
  };
}
