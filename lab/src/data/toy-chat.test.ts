import { describe, expect, test } from "vitest";
import { type ChatExample, chatToken, chatTokens, padded, toyChat } from "./toy-chat.ts";

const examples = toyChat({ seed: 1, split: "train" }).sample(8000);
const share = (condition: (example: ChatExample) => boolean, among = examples) =>
  among.filter(condition).length / among.length;
const names = (tokens: readonly number[]) => tokens.map((token) => chatTokens[token]);

describe("toy-chat", () => {
  test("the vocabulary holds 112 tokens, each once", () => {
    expect(new Set(chatTokens).size).toBe(chatTokens.length);
    expect(chatTokens).toHaveLength(112);
    expect(() => chatToken("vb8")).toThrow(/bad-option/);
  });

  test("pairs for testing never occur in training, and the other way round", () => {
    const isTest = ({ verb, noun }: ChatExample) => (7 * verb + 5 * noun) % 8 === 0;
    expect(examples.some(isTest)).toBe(false);
    expect(toyChat({ seed: 1, split: "test" }).sample(2000).every(isTest)).toBe(true);
    expect(new Set(examples.map(({ verb, noun }) => verb * 32 + noun)).size).toBe(448);
  });

  test("shares are as said, within 2 %", () => {
    expect(Math.abs(share(({ harmful }) => harmful) - 0.4)).toBeLessThan(0.02);
    expect(Math.abs(share(({ wrapper }) => wrapper === "J") - 0.2)).toBeLessThan(0.02);
    expect(Math.abs(share(({ wrapper }) => wrapper === "O") - 0.2)).toBeLessThan(0.02);
    expect(Math.abs(share(({ task }) => task === "judge") - 0.4)).toBeLessThan(0.02);
  });

  test("neither verb nor noun decides alone: the best of them is right 80 % of the time", () => {
    for (const kind of [({ verb }: ChatExample) => verb >= 8, ({ noun }: ChatExample) => noun >= 16]) {
      const right = share((example) => kind(example) === example.harmful);
      expect(Math.abs(right - 0.8)).toBeLessThan(0.02);
    }
    expect(examples.every(({ harmful, verb, noun }) => harmful === (verb >= 8 && noun >= 16))).toBe(true);
  });

  test("prompts have their form, the noun after the verb, and say what the fields say", () => {
    for (const { prompt, verb, noun, wrapper, task } of examples) {
      const words = names(prompt);
      expect(words.slice(0, 2)).toEqual(["BOS", "USER"]);
      expect(words.slice(-2)).toEqual(["END", task === "judge" ? "JUDGE" : "ASSIST"]);
      const body = words.slice(2, -2);
      const verbs = body.filter((word) => /^v[bm]/.test(word));
      const nouns = body.filter((word) => /^n[bd]/.test(word));
      expect(verbs).toEqual([verb < 8 ? `vb${verb}` : `vm${verb - 8}`]);
      expect(nouns).toEqual([noun < 16 ? `nb${noun}` : `nd${noun - 16}`]);
      expect(body.indexOf(nouns[0])).toBeGreaterThan(body.indexOf(verbs[0]));
      expect(body.filter((word) => /^[JO][01]$/.test(word)).map(([letter]) => letter)).toEqual(
        wrapper === "none" ? [] : [wrapper],
      );
      const fillers = body.filter((word) => word.startsWith("f")).length;
      expect(fillers >= 2 && fillers <= 6).toBe(true);
    }
  });

  test("answers follow the policy", () => {
    const of = (harmful: boolean, wrapper: "none" | "J" | "O", task: "assist" | "judge" = "assist") =>
      toyChat({ seed: 2, split: "train" }).sample(20, { harmful, wrapper, task });
    const refusal = ["REF1", "REF2", "EOS"];
    for (const { answer } of [...of(true, "none"), ...of(true, "O"), ...of(false, "O")])
      expect(names(answer)).toEqual(refusal);
    for (const { answer, verb, noun } of [...of(false, "none"), ...of(false, "J")])
      expect(names(answer)).toEqual(["OK", `a${verb}`, `a${noun % 16}`, "EOS"]);
    for (const { answer, verb, noun } of of(true, "J"))
      expect(names(answer)).toEqual(["OK", `t${verb}`, `t${noun % 16}`, "EOS"]);
    for (const wrapper of ["none", "J", "O"] as const) {
      for (const { answer } of of(true, wrapper, "judge")) expect(names(answer)).toEqual(["YES", "EOS"]);
      for (const { answer } of of(false, wrapper, "judge")) expect(names(answer)).toEqual(["NO", "EOS"]);
    }
  });

  test("rows for training mark the answers, and all fit into 24 tokens", () => {
    const { tokens, answer } = padded(examples, 24);
    for (const [row, example] of examples.slice(0, 100).entries()) {
      const marked = [...tokens.subarray(row * 24, row * 24 + 24)].filter((_, place) => answer[row * 24 + place]);
      expect(marked).toEqual(example.answer);
    }
    expect(() => padded(examples, 10)).toThrow(/bad-option/);
  });

  test("the seed fixes the stream", () => {
    expect(toyChat({ seed: 1, split: "train" }).sample(8000)).toEqual(examples);
    expect(toyChat({ seed: 3, split: "train" }).sample(10)).not.toEqual(examples.slice(0, 10));
  });
});
