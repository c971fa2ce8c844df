import type { Paper } from "../paper.ts";
import type { RunChoices } from "./plan.ts";

/** The command that repeats a run anywhere, however it was started this time. */
export function commandFor({ id }: Pick<Paper, "id">, { budget = "full", seeds, settings = {} }: RunChoices): string {
  const words = ["npx sluice run", id];
  if (budget !== "full") words.push(`--budget ${budget}`);
  if (seeds !== undefined) words.push(`--seeds ${seeds}`);
  for (const [key, value] of Object.entries(settings))
    words.push(`--set ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return words.join(" ");
}
