/**
 * The median time of each case in milliseconds. Cases take turns, so that what else the machine does hits all of them;
 * two rounds warm up and do not count.
 */
export async function medianTimes(
  cases: readonly ((round: number) => unknown)[],
  { rounds }: { readonly rounds: number },
): Promise<number[]> {
  const times: number[][] = cases.map(() => []);
  for (let round = -2; round < rounds; round++)
    for (const [i, run] of cases.entries()) {
      const start = performance.now();
      await run(round + 2);
      if (round >= 0) times[i].push(performance.now() - start);
    }
  return times.map((list) => list.toSorted((a, b) => a - b)[list.length >> 1]);
}
