import { describe, expect, test } from "vitest";
import { withoutTags } from "./brown.ts";
import { bytePairVocabulary } from "./byte-pairs.ts";
import { parseMessage } from "./mail.ts";
import { characterVocabulary, wordVocabulary } from "./vocabulary.ts";
import { evenWindows, windows } from "./windows.ts";

const text = "the cat sat on the mat; the cat — a black cat 🐈 — sat.";

describe("characterVocabulary", () => {
  test("encodes and decodes, one token a code point", () => {
    const vocabulary = characterVocabulary(text);
    expect(vocabulary.decode(vocabulary.encode(text))).toBe(text);
    expect(vocabulary.encode(text)).toHaveLength([...text].length);
    expect(vocabulary.size).toBe(new Set(text).size);
    expect(vocabulary.encode("")).toHaveLength(0);
  });

  test("names the character that it does not know", () => {
    expect(() => characterVocabulary("ab").encode("abc")).toThrow(/"c"/);
  });
});

test("wordVocabulary keeps the commonest and maps the rest to the first special", () => {
  const vocabulary = wordVocabulary([text], { size: 3, specials: ["<unknown>", "<pad>"] });
  expect(vocabulary.words).toEqual(["<unknown>", "<pad>", "the", "cat", "sat"]);
  expect([...vocabulary.encode("The dog SAT")]).toEqual([2, 0, 4]);
  expect(vocabulary.decode([2, 0, 4])).toBe("the <unknown> sat");
});

describe("bytePairVocabulary", () => {
  test("merges the commonest pairs first", () => {
    // "ab" stands 4 times, "abc" 3 times; then nothing occurs twice within a word.
    const vocabulary = bytePairVocabulary("ababcabcabc", 258);
    expect(vocabulary.tokens.slice(256).map((token) => new TextDecoder().decode(token))).toEqual(["ab", "abc"]);
    expect([...vocabulary.encode("abcab")]).toEqual([257, 256]);
  });

  test("encode then decode is the identity on any text", () => {
    const vocabulary = bytePairVocabulary(text, 300);
    for (const given of [text, "", " ", "\n\n  x ", "zebra Ω 😀"])
      expect(vocabulary.decode(vocabulary.encode(given))).toBe(given);
    expect(vocabulary.encode(text).length).toBeLessThan(new TextEncoder().encode(text).length);
  });

  test("stops where no pair occurs twice; 256 tokens are the bytes", () => {
    expect(bytePairVocabulary("ab", 400).size).toBe(256);
    expect([...bytePairVocabulary(text, 256).encode("a—")]).toEqual([97, 0xe2, 0x80, 0x94]);
    expect(() => bytePairVocabulary(text, 255)).toThrow(/bad-option/);
  });
});

describe("windows", () => {
  const tokens = Int32Array.from({ length: 50 }, (_, i) => i);

  test("y is x moved on by one token", () => {
    for (const { x, y } of windows(tokens, { batch: 3, context: 7, seed: 1, steps: 5 })) {
      expect(x.shape).toEqual([3, 7]);
      expect([...y.data]).toEqual([...x.data].map((token) => token + 1));
    }
  });

  test("a run resumed at a step sees what it would have seen", () => {
    const options = { batch: 2, context: 4, seed: 3, steps: 6 };
    expect([...windows(tokens, { ...options, start: 4 })]).toEqual([...windows(tokens, options)].slice(4));
  });

  test("even windows reach from the first to the last token", () => {
    const all = [...evenWindows(tokens, { batch: 2, context: 5, count: 3 })];
    expect(all[0].x.data[0]).toBe(0);
    expect(all[2].y.data.at(-1)).toBe(49);
    expect([...evenWindows(tokens, { batch: 1, context: 49, count: 1 })][0].x.data[0]).toBe(0);
  });

  test("a text shorter than a window is refused", () => {
    expect(() => windows(tokens, { batch: 1, context: 50, seed: 0, steps: 1 }).next()).toThrow(/bad-option/);
  });
});

test("withoutTags keeps words with slashes and drops empty lines", () => {
  expect(withoutTags("\n\tThe/at 1/2/cd mile/nn ./.\n\n\tIt/pps ./.\n")).toBe("The 1/2 mile .\nIt .");
});

test("parseMessage unfolds the subject and keeps the body as it is", () => {
  const raw = "From: a\nSubject: one\n  two\nTo: b\n\nHello\n\nworld\n";
  expect(parseMessage(raw)).toEqual({ subject: "one two", text: "Hello\n\nworld\n" });
  expect(parseMessage("From: a")).toEqual({ subject: "", text: "" });
});
