import { createInterface } from "node:readline";
import { type Contestant, measure } from "./contestant.ts";
import type { Fixture } from "./fixture.ts";
import { readFixture } from "./fixture-file.ts";

/**
 * The child's side of a benchmark: reads the fixture from the folder in `argv[2]`, prepares the contestant (in the
 * style named in `argv[3]`, if any), then answers each line `{ steps }` on standard input with one line `{ ms, value }` on standard output until the input ends.
 */
export async function serve(
  prepare: (fixture: Fixture, style: string | undefined) => Promise<Contestant>,
): Promise<void> {
  const answer = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
  // Standard output carries the answers; what libraries print must not mix with them.
  console.log = console.info = console.debug = console.warn = console.error;
  try {
    const contestant = await prepare(readFixture(process.argv[2]), process.argv[3]);
    answer({ ready: contestant.about });
    const run = measure(contestant);
    for await (const line of createInterface({ input: process.stdin })) answer(await run(JSON.parse(line).steps));
    process.exit(0);
  } catch (error) {
    answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  }
}
