import { execFileSync } from "node:child_process";
import os from "node:os";
import { idleShare } from "./interference.ts";

/** What a figure cannot be read without. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  os: string;
  node: string;
  revision: string;
  /** Share of the processors' time that was free in the second before the run, 0 to 1. */
  idle: number;
}

function revision(): string {
  try {
    const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8", stdio: "pipe" }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") ? " with changes" : "");
  } catch {
    return "unknown";
  }
}

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: os.cpus()[0].model,
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()}`,
    node: process.version,
    revision: revision(),
    idle: Number((await idleShare(1000)).toFixed(2)),
  };
}
