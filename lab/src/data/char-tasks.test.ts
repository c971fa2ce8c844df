import { expect, test } from "vitest";
import { charOperations, charTasks, charTaskWords } from "./char-tasks.ts";
import { Random } from "./random.ts";
import { characterVocabulary } from "./vocabulary.ts";

const words = ["whale", "rhythm", "sea"];
const vocabulary = characterVocabulary("QA:\n abcdefghijklmnopqrstuvwxyz");

test("operations by hand", () => {
  const answers = Object.fromEntries(Object.entries(charOperations).map(([name, solve]) => [name, solve("whale")]));
  expect(answers).toEqual({ reverse: "elahw", last: "e", first: "w", double: "whale whale", vowels: "ae" });
  expect(charOperations.vowels("rhythm")).toBe("none");
});

test("windows hold right answers, and only they are marked", () => {
  const { x, y, answer } = charTasks(words, vocabulary, { batch: 20 }, new Random(1));
  expect(x.shape).toEqual([20, 96]);
  for (let row = 0; row < 20; row++) {
    const at = (column: { data: ArrayLike<number> }) => Array.from({ length: 96 }, (_, t) => column.data[row * 96 + t]);
    const text = vocabulary.decode(at(x)) + vocabulary.decode(at(y).slice(-1));
    expect(at(y).slice(0, -1)).toEqual(at(x).slice(1));
    const marked = new Set(at(answer).flatMap((mark, t) => (mark ? [t + 1] : [])));
    const whole = [...text.matchAll(/Q: (\w+) (\w+)\nA: (.*)\n\n/g)];
    expect(whole.length).toBeGreaterThan(1);
    for (const line of whole) {
      expect(charOperations[line[1]](line[2])).toBe(line[3]);
      const start = line.index + line[0].length - 2 - line[3].length;
      for (let place = line.index; place < line.index + line[0].length; place++)
        expect(marked.has(place)).toBe(place >= start && place < start + line[3].length);
    }
  }
});

test("training and test words differ and are among the commonest", () => {
  const text = Array.from({ length: 700 }, (_, rank) =>
    `${"abcdefghijklmnopqrstuvwxyz"[rank % 26]}${String.fromCharCode(97 + Math.floor(rank / 26))}q `.repeat(800 - rank),
  ).join("");
  const { train, test: held } = charTaskWords(`a to ${text}`);
  expect([train.length, held.length]).toEqual([540, 60]);
  expect(new Set([...train, ...held]).size).toBe(600);
  expect(train[0]).toBe("aaq");
});
