import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Block } from "./contestant.ts";
import type { Running } from "./runner.ts";

/** Milliseconds that one block may take, the first one (compilation, slow peers) included. */
const patience = 600_000;

/** Peak resident memory of a process in MB, from the kernel; null where there is no /proc. */
export function peakMemoryMb(pid: number): number | null {
  try {
    const kilobytes = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return kilobytes ? Math.round((Number(kilobytes[1]) * 1024) / 1e6) : null;
  } catch {
    return null;
  }
}

/** A process and all that descend from it; empty where there is no /proc. */
export function processTree(pid: number): number[] {
  let pids: number[];
  try {
    pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
  const children = new Map<number, number[]>();
  for (const candidate of pids) {
    try {
      // The name, in brackets, may hold spaces; the parent is the second field after it.
      const parent = Number(readFileSync(`/proc/${candidate}/stat`, "utf8").split(") ").at(-1)!.split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), candidate]);
    } catch {
      // ended meanwhile
    }
  }
  const family = (member: number): number[] => [member, ...(children.get(member) ?? []).flatMap(family)];
  return pids.includes(pid) ? family(pid) : [];
}

/** Starts a child that speaks the protocol of `child.ts` and waits until it is ready. */
export async function startChild(command: string, args: string[], env: Record<string, string>): Promise<Running> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(`ended with ${signal ?? `code ${code}`}`));
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr = (stderr + chunk).slice(-2000);
  });
  child.stdin.on("error", () => {}); // a child that has ended reports through `ended`
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  const reply = async (): Promise<any> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${patience / 1000} s`)), patience);
    });
    try {
      for (;;) {
        const line = await Promise.race([lines.next(), late]);
        if (line.done) throw new Error(`${await ended}\n${stderr.trim()}`);
        if (!line.value.startsWith("{")) continue;
        const answer = JSON.parse(line.value);
        if (answer.error) throw new Error(answer.error);
        return answer;
      }
    } finally {
      clearTimeout(timer);
    }
  };

  const close = async () => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  };
  try {
    const { ready } = await reply();
    return {
      about: ready,
      pid: child.pid!,
      peakMb: () => peakMemoryMb(child.pid!),
      close,
      run(steps): Promise<Block> {
        child.stdin.write(`${JSON.stringify({ steps })}\n`);
        return reply();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
