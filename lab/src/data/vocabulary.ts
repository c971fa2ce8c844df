import { DataError, requireOption } from "./errors.ts";

/** Maps text to token numbers 0 … size − 1 and back. */
export interface Vocabulary {
  readonly size: number;
  encode(text: string): Int32Array<ArrayBuffer>;
  decode(tokens: ArrayLike<number>): string;
}

/**
 * One token for every character (Unicode code point) of `text`, in the order of their code points.
 *
 * `encode` throws DataError `bad-option` at a character that `text` did not hold, so make it from all of the text.
 */
export function characterVocabulary(text: string): Vocabulary {
  const characters = [...new Set(text)].sort((a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number));
  const numbers = new Map(characters.map((character, number) => [character, number]));
  return {
    size: characters.length,
    encode: (given) =>
      Int32Array.from([...given], (character) => {
        const number = numbers.get(character);
        if (number !== undefined) return number;
        throw new DataError("bad-option", "vocabulary", `no token for ${JSON.stringify(character)}`);
      }),
    decode: (tokens) => Array.from(tokens, (token) => characters[token]).join(""),
  };
}

export interface WordOptions {
  /** Words kept, the commonest first; ties go to the word that comes first. */
  readonly size: number;
  /** What a word is. Default: letters and apostrophes of lower-cased text */
  readonly pattern?: RegExp;
  /** Tokens that come before the words. Default: `["<unknown>"]`; the first one stands for unknown words */
  readonly specials?: readonly string[];
}

export interface WordVocabulary extends Vocabulary {
  /** Tokens in order: specials, then words from the commonest. */
  readonly words: readonly string[];
}

/** The words of a text. Default pattern: letters and apostrophes of lower-cased text. */
export const wordsOf = (text: string, pattern = /[a-z']+/g): string[] => text.toLowerCase().match(pattern) ?? [];

/** One token for each of the commonest words of `texts`. */
export function wordVocabulary(texts: Iterable<string>, options: WordOptions): WordVocabulary {
  const { size, pattern, specials = ["<unknown>"] } = options;
  requireOption(specials.length > 0, "specials", "a token for unknown words is needed");
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of wordsOf(text, pattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  // Sorting is stable: equally common words stay in the order of their first appearance.
  const common = [...counts].sort((a, b) => b[1] - a[1]).slice(0, size);
  const words = [...specials, ...common.map(([word]) => word)];
  const numbers = new Map(words.map((word, number) => [word, number]));
  return {
    words,
    size: words.length,
    encode: (text) => Int32Array.from(wordsOf(text, pattern), (word) => numbers.get(word) ?? 0),
    decode: (tokens) => Array.from(tokens, (token) => words[token]).join(" "),
  };
}
