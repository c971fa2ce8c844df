import { requireOption } from "./errors.ts";
import type { Vocabulary } from "./vocabulary.ts";

const pieces = (text: string): string[] => text.match(/\s?[^\s]+|\s+/g) ?? [];

/**
 * A byte-pair vocabulary: the 256 bytes, then the commonest pairs of tokens merged again and again.
 *
 * Merges stay within words (a word keeps the space before it). Every text can be encoded.
 *
 * @param text  what to learn the merges from
 * @param size  tokens wanted, at least 256; fewer come out where nothing is left that occurs twice
 * @source Sennrich, Haddow & Birch 2016, arXiv:1508.07909
 */
export function bytePairVocabulary(
  text: string,
  size: number,
): Vocabulary & { readonly tokens: readonly Uint8Array[] } {
  requireOption(Number.isInteger(size) && size >= 256, "size", `at least 256 tokens are needed, given ${size}`);
  const tokens: Uint8Array[] = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const ranks = new Map<number, number>();
  const counts = new Map<string, number>();
  for (const piece of pieces(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const words = [...counts].map(([word, count]) => ({ tokens: [...new TextEncoder().encode(word)], count }));
  const pairs = new PairCounts();
  for (const [index, { tokens: word, count }] of words.entries()) pairs.add(word, index, count);
  while (tokens.length < size) {
    const pair = pairs.commonest();
    if (pair === undefined) break;
    const [left, right] = split(pair);
    ranks.set(pair, tokens.length);
    for (const index of pairs.wordsWith(pair)) {
      const word = words[index];
      pairs.add(word.tokens, index, -word.count);
      word.tokens = merged(word.tokens, pair, tokens.length);
      pairs.add(word.tokens, index, word.count);
    }
    tokens.push(Uint8Array.of(...tokens[left], ...tokens[right]));
  }
  const known = new Map<string, readonly number[]>();
  const encodePiece = (piece: string): readonly number[] => {
    let word = [...new TextEncoder().encode(piece)];
    for (;;) {
      let best: number | undefined;
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = join(word[i], word[i + 1]);
        const rank = ranks.get(pair);
        if (rank !== undefined && (best === undefined || rank < (ranks.get(best) as number))) best = pair;
      }
      if (best === undefined) return word;
      word = merged(word, best, ranks.get(best) as number);
    }
  };
  return {
    tokens,
    size: tokens.length,
    encode: (given) =>
      Int32Array.from(
        pieces(given).flatMap((piece) => {
          const encoded = known.get(piece) ?? encodePiece(piece);
          known.set(piece, encoded);
          return encoded as number[];
        }),
      ),
    decode: (numbers) => new TextDecoder().decode(Uint8Array.from(Array.from(numbers).flatMap((n) => [...tokens[n]]))),
  };
}

const join = (left: number, right: number): number => left * 2 ** 20 + right;
const split = (pair: number): [number, number] => [Math.floor(pair / 2 ** 20), pair % 2 ** 20];

function merged(word: readonly number[], pair: number, token: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < word.length; i++)
    if (i + 1 < word.length && join(word[i], word[i + 1]) === pair) {
      result.push(token);
      i++;
    } else result.push(word[i]);
  return result;
}

/** How often each pair stands in the words, and in which. */
class PairCounts {
  readonly #counts = new Map<number, number>();
  readonly #words = new Map<number, Set<number>>();

  add(word: readonly number[], index: number, count: number): void {
    for (let i = 0; i + 1 < word.length; i++) {
      const pair = join(word[i], word[i + 1]);
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + count);
      if (count < 0) continue;
      let words = this.#words.get(pair);
      if (words === undefined) this.#words.set(pair, (words = new Set()));
      words.add(index);
    }
  }

  /** The pair that occurs most often, at least twice; ties go to the smaller tokens. */
  commonest(): number | undefined {
    let best: number | undefined;
    let most = 1;
    for (const [pair, count] of this.#counts)
      if (count > most || (count === most && best !== undefined && pair < best)) {
        best = pair;
        most = count;
      }
    return best;
  }

  /** Words that may hold the pair; some may have lost it since. */
  wordsWith(pair: number): number[] {
    return [...(this.#words.get(pair) ?? [])];
  }
}
