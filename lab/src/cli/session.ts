import { type Command, InvalidArgumentError } from "commander";
import { allPapers, type Entry, findPaper } from "../run/catalogue.ts";
import { sluiceHome } from "../store/home.ts";
import { Store } from "../store/store.ts";
import type { ExitCode } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/** One call of the command: where it prints, and how it ends. */
export interface Session {
  readonly terminal: Terminal;
  exit: ExitCode;
}

/** Adds a worked example to a command's help: what to type, and what comes of it. */
export function example(command: Command, typed: string, comes: string): Command {
  const indented = comes.trim().replaceAll(/^/gm, "  ");
  return command.addHelpText("after", `\nExample:\n  $ ${typed}\n${indented}`);
}

/** The option for papers that are not the lab's own. */
export function papersOption(command: Command): Command {
  return command.option("--papers <folder>", "take the papers of this folder instead of those that come with sluice");
}

/** Opens the store for as long as `work` takes. */
export async function withStore<T>(work: (store: Store) => T | Promise<T>): Promise<T> {
  const store = Store.open(sluiceHome());
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

/** The papers with these names, or all. */
export function entriesFor(names: readonly string[], folder?: string): Promise<Entry[]> {
  return names.length > 0 ? Promise.all(names.map((name) => findPaper(name, folder))) : allPapers(folder);
}

/** A whole number above zero, for options. */
export function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("a whole number above 0 is wanted.");
  return number;
}
