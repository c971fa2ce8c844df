import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";
import { characterVocabulary, type Vocabulary, wordsOf } from "./vocabulary.ts";

export interface CharTaskOptions {
  readonly batch: number;
  /** Characters in a window. Default 96 */
  readonly length?: number;
}

export interface CharTaskBatch {
  /** int32[batch, length], tokens of the vocabulary */
  readonly x: Column<Int32Array>;
  /** int32[batch, length], the token that follows each of them */
  readonly y: Column<Int32Array>;
  /** uint8[batch, length], 1 where `y` is a character of an answer: the only places that a loss counts */
  readonly answer: Column<Uint8Array>;
}

/** What is asked of a word. */
export const charOperations: Readonly<Record<string, (word: string) => string>> = {
  reverse: (word) => [...word].reverse().join(""),
  last: (word) => word.slice(-1),
  first: (word) => word.slice(0, 1),
  double: (word) => `${word} ${word}`,
  vowels: (word) => word.replace(/[^aeiou]/g, "") || "none",
};

const sampleText = "Q: A:\nabcdefghijklmnopqrstuvwxyz";

export const testbed: Testbed = {
  name: "char-tasks",
  summary: "questions about words, letter by letter: reverse, first, last, double, vowels",
  source: "generated (lab/src/data/char-tasks.ts); words from moby",
  licence: "MIT, as the lab",
  sizes: "without end; 540 + 60 words",
  split: "by word: charTaskWords",
  parts: [],
  sample: sampled("e9018716d2e8b032065dbc46e6edba87e2efe985d8e88e994acd34fa6b95c51e", () =>
    charTasks(["whale", "sea", "rhythm"], characterVocabulary(sampleText), { batch: 2 }, new Random(0)),
  ),
};

/** The 600 commonest words of 3–7 letters of a text, every tenth of them for testing. */
export function charTaskWords(text: string): { train: string[]; test: string[] } {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text, /[a-z]+/g))
    if (word.length >= 3 && word.length <= 7) counts.set(word, (counts.get(word) ?? 0) + 1);
  const common = [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 600)
    .map(([word]) => word);
  return { train: common.filter((_, rank) => rank % 10 !== 9), test: common.filter((_, rank) => rank % 10 === 9) };
}

/**
 * Windows of lines "Q: reverse whale\nA: elahw\n\n", the operation and word drawn evenly; the last line is cut.
 *
 * @param words       what is asked about
 * @param vocabulary  of the model that is to answer; it must hold the letters of the lines
 */
export function charTasks(
  words: readonly string[],
  vocabulary: Vocabulary,
  { batch, length = 96 }: CharTaskOptions,
  random: Random,
): CharTaskBatch {
  requireOption(words.length > 0, "words", "at least one word is needed");
  const operations = Object.entries(charOperations);
  const x = new Int32Array(batch * length);
  const y = new Int32Array(batch * length);
  const answer = new Uint8Array(batch * length);
  for (let row = 0; row < batch; row++) {
    let text = "";
    let marks = "";
    while (text.length <= length) {
      const [name, solve] = random.pick(operations);
      const word = random.pick(words);
      const question = `Q: ${name} ${word}\nA: `;
      const solution = solve(word);
      text += `${question}${solution}\n\n`;
      marks += `${"0".repeat(question.length)}${"1".repeat(solution.length)}00`;
    }
    const tokens = vocabulary.encode(text.slice(0, length + 1));
    x.set(tokens.subarray(0, length), row * length);
    y.set(tokens.subarray(1), row * length);
    for (let t = 0; t < length; t++) answer[row * length + t] = marks[t + 1] === "1" ? 1 : 0;
  }
  const shape = [batch, length];
  return { x: { data: x, shape }, y: { data: y, shape }, answer: { data: answer, shape } };
}
