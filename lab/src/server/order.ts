import type { StartOrder } from "./api.ts";

/** What was sent is no order. */
export class OrderError extends Error {
  override readonly name = "OrderError";
  readonly field: string;

  constructor(field: string, wanted: string) {
    super(`OrderError [${field}]: ${wanted}`);
    this.field = field;
  }
}

/** Seeds of a run that somebody may ask for over the page. */
const mostSeeds = 50;

/** Reads an order to start a run. @throws OrderError */
export function startOrder(given: unknown): StartOrder {
  if (typeof given !== "object" || given === null) throw new OrderError("body", "a JSON object is wanted");
  const { paper, budget, seeds, force = false } = given as Record<string, unknown>;
  if (typeof paper !== "string") throw new OrderError("paper", "the id of a paper is wanted");
  if (budget !== "smoke" && budget !== "full") throw new OrderError("budget", "smoke or full is wanted");
  if (typeof force !== "boolean") throw new OrderError("force", "true or false is wanted");
  if (seeds === undefined) return { paper, budget, force };
  if (typeof seeds !== "number" || !Number.isInteger(seeds) || seeds < 1 || seeds > mostSeeds) {
    throw new OrderError("seeds", `a whole number from 1 to ${mostSeeds} is wanted`);
  }
  return { paper, budget, force, seeds };
}
