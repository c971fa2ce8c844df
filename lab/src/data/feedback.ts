import type { CacheOptions } from "./cache.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { loadSotu } from "./sotu.ts";
import { wordsOf } from "./vocabulary.ts";

export interface FeedbackOptions extends CacheOptions {
  /** Default 700 */
  readonly users?: number;
  /** Default 500 */
  readonly items?: number;
  readonly seed: number;
}

export interface Feedback {
  readonly users: number;
  /** The word that each item is. */
  readonly items: readonly string[];
  /** Items of each user, ascending: four fifths for training, one fifth for testing. */
  readonly train: readonly Int32Array[];
  readonly test: readonly Int32Array[];
}

const chunkLength = 500;
// Words that stand in most chunks say nothing of a chunk.
const skippedRanks = 60;

/**
 * The addresses of `sotu` as implicit feedback for recommenders: a user is a chunk of 500 consecutive words, an item a
 * word of at least four letters whose rank by the number of chunks that hold it is 60 or more, and a user likes the items
 * that occur in the chunk.
 */
export async function loadFeedback({ users = 700, items = 500, seed, ...cache }: FeedbackOptions): Promise<Feedback> {
  const addresses = await loadSotu(cache);
  const random = new Random(seed).split("feedback");
  const chunks = addresses.flatMap(({ text }) => {
    const words = wordsOf(text);
    return Array.from({ length: Math.floor(words.length / chunkLength) }, (_, chunk) =>
      words.slice(chunk * chunkLength, (chunk + 1) * chunkLength),
    );
  });
  requireOption(users <= chunks.length, "users", `${chunks.length} chunks are there, given ${users}`);
  const frequency = new Map<string, number>();
  for (const chunk of chunks)
    for (const word of new Set(chunk)) if (word.length >= 4) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const ranked = [...frequency].sort((a, b) => b[1] - a[1]).map(([word]) => word);
  const words = ranked.slice(skippedRanks, skippedRanks + items);
  const numbers = new Map(words.map((word, number) => [word, number]));
  const train: Int32Array[] = [];
  const test: Int32Array[] = [];
  for (const chunk of random.split("users").distinct(users, chunks.length)) {
    const liked = [...new Set(chunks[chunk])].flatMap((word) => numbers.get(word) ?? []).sort((a, b) => a - b);
    const order = random.split("split").split(chunk).permutation(liked.length);
    const trained = Math.round(0.8 * liked.length);
    const part = (places: Int32Array) => Int32Array.from(places, (place) => liked[place]).sort();
    train.push(part(order.slice(0, trained)));
    test.push(part(order.slice(trained)));
  }
  return { users, items: words, train, test };
}
