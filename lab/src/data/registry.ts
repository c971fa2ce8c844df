import { testbed as argmax } from "./argmax.ts";
import { testbed as backcopy } from "./backcopy.ts";
import { testbed as bandit } from "./bandit.ts";
import { testbed as brown } from "./brown.ts";
import { type CacheOptions, hashOf, loadPart, partExists, partFile, partState } from "./cache.ts";
import { testbed as charTasks } from "./char-tasks.ts";
import { testbed as clrs } from "./clrs.ts";
import { encodeContainer } from "./container.ts";
import { testbed as control } from "./control.ts";
import { testbed as copy } from "./copy.ts";
import { testbed as emoji } from "./emoji.ts";
import { DataError } from "./errors.ts";
import { testbed as fashion } from "./fashion.ts";
import { testbed as graphs } from "./graphs.ts";
import { testbed as iclRegression } from "./icl-regression.ts";
import { testbed as labelMix } from "./label-mix.ts";
import { testbed as mail } from "./mail.ts";
import { testbed as mdp } from "./mdp.ts";
import { testbed as mixture } from "./mixture.ts";
import { testbed as mnist } from "./mnist.ts";
import { testbed as moby } from "./moby.ts";
import { testbed as modular } from "./modular.ts";
import { testbed as mtlExperts } from "./mtl-experts.ts";
import { testbed as parity } from "./parity.ts";
import { testbed as recall } from "./recall.ts";
import { testbed as scenes } from "./scenes.ts";
import { testbed as sotu } from "./sotu.ts";
import { testbed as sphere } from "./sphere.ts";
import { testbed as tables } from "./tables.ts";
import type { Testbed } from "./testbed.ts";
import { testbed as toyChat } from "./toy-chat.ts";

/** Every testbed: first those from packages, then those that are generated. */
export const testbeds: readonly Testbed[] = [
  mnist,
  fashion,
  emoji,
  moby,
  sotu,
  brown,
  mail,
  tables,
  recall,
  copy,
  argmax,
  modular,
  parity,
  iclRegression,
  clrs,
  backcopy,
  labelMix,
  charTasks,
  mtlExperts,
  mixture,
  control,
  mdp,
  bandit,
  graphs,
  scenes,
  toyChat,
  sphere,
];

/** The testbed of that name; DataError `unknown-testbed` with the names that there are. */
export function findTestbed(name: string): Testbed {
  const found = testbeds.find((testbed) => testbed.name === name);
  if (found) return found;
  const names = testbeds.map((testbed) => testbed.name).join(", ");
  throw new DataError("unknown-testbed", name, `there is no such testbed; there are ${names}`);
}

/** `generated`: made when used. `stored`: its files are there; whether they are whole is not looked at. */
export type QuickState = "generated" | "stored" | "missing";

/** How a testbed stands, without reading its files. */
export async function quickState(testbed: Testbed, folder?: string): Promise<QuickState> {
  if (testbed.parts.length === 0) return "generated";
  const there = await Promise.all(testbed.parts.map((part) => partExists(part, folder)));
  return there.every(Boolean) ? "stored" : "missing";
}

/** What was found wrong, with the file or sample that it is about. */
export interface DataProblem {
  readonly subject: string;
  readonly problem: "missing" | "damaged" | "generates other numbers";
}

/** Reads and hashes all of a testbed; a generated one makes its sample. Nothing is written. */
export async function checkTestbed(testbed: Testbed, folder?: string): Promise<DataProblem[]> {
  const problems: DataProblem[] = [];
  for (const part of testbed.parts) {
    const state = await partState(part, folder);
    if (state !== "prepared") problems.push({ subject: partFile(part, folder), problem: state });
  }
  if (testbed.sample && hashOf(encodeContainer(testbed.sample.make())) !== testbed.sample.sha256)
    problems.push({ subject: testbed.name, problem: "generates other numbers" });
  return problems;
}

/** Prepares and checks all of a testbed, so that later runs only read it. */
export async function fetchTestbed(testbed: Testbed, options?: CacheOptions): Promise<void> {
  for (const part of testbed.parts) await loadPart(part, options);
  const [problem] = await checkTestbed(testbed, options?.folder);
  if (problem)
    throw new DataError("not-as-recorded", problem.subject, `${problem.problem}: this machine computes differently`);
}
