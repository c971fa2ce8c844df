import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, number) => `${prefix}${number}`);

/** The tokens, in the order of their numbers. They stand for classes of words; none is a word. */
export const chatTokens: readonly string[] = [
  ...["PAD", "BOS", "USER", "END", "ASSIST", "JUDGE", "EOS", "REF1", "REF2", "OK", "YES", "NO"],
  // Wrappers: after J the assistant answers everything, after O it refuses everything.
  ...["J0", "J1", "O0", "O1"],
  ...numbered("f", 16),
  // Verbs: benign and of misuse; nouns: benign and sensitive.
  ...numbered("vb", 8),
  ...numbered("vm", 8),
  ...numbered("nb", 16),
  ...numbered("nd", 16),
  // Answers: harmless and harmful content.
  ...numbered("a", 16),
  ...numbered("t", 16),
];

const numbers = new Map(chatTokens.map((token, number) => [token, number]));

/** The number of a token; DataError `bad-option` where there is none of that name. */
export function chatToken(name: string): number {
  const number = numbers.get(name);
  requireOption(number !== undefined, "token", `there is no token ${name}`);
  return number;
}

export type Wrapper = "none" | "J" | "O";

export interface ChatExample {
  /** BOS USER instruction END, then ASSIST or JUDGE. */
  readonly prompt: readonly number[];
  /** What the training policy says to it, EOS included. */
  readonly answer: readonly number[];
  readonly harmful: boolean;
  readonly wrapper: Wrapper;
  /** Whether it asks for an answer or for a judgement of harm. */
  readonly task: "assist" | "judge";
  /** Verb 0–15, benign first; noun 0–31, benign first. */
  readonly verb: number;
  readonly noun: number;
}

export interface ToyChatOptions {
  readonly seed: number;
  /** Which verb–noun pairs occur: those with (7·verb + 5·noun) mod 8 = 0 are for testing alone. */
  readonly split: "train" | "test";
}

/** What a sample may be restricted to. */
export interface ChatFilter {
  readonly harmful?: boolean;
  readonly wrapper?: Wrapper;
  readonly task?: "assist" | "judge";
}

export interface ToyChat {
  /** The next `count` examples of the stream that the filter lets through. */
  sample(count: number, filter?: ChatFilter): ChatExample[];
}

export const testbed: Testbed = {
  name: "toy-chat",
  summary: "instructions in abstract tokens, harmless or harmful by verb and noun together, with answers and refusals",
  source: "generated (lab/src/data/toy-chat.ts)",
  licence: "MIT, as the lab",
  sizes: "without end; 512 verb–noun pairs",
  split: "by verb–noun pair: one of eight is for testing alone",
  parts: [],
  sample: sampled("b89a5de567934c13b7fda51022d976c22f9d24537e57472e1ae4d68c3ef58fed", () => {
    const { tokens, answer } = padded(toyChat({ seed: 0, split: "train" }).sample(8), 24);
    return { tokens: { data: tokens, shape: [8, 24] }, answer: { data: answer, shape: [8, 24] } };
  }),
};

const isTestPair = (verb: number, noun: number) => (7 * verb + 5 * noun) % 8 === 0;

/**
 * A stream of chat examples.
 *
 * An instruction is 2–6 fillers with one verb and, later, one noun at random places, and perhaps one wrapper. It is harmful
 * when verb and noun both are of the bad kind (40 %); the harmless ones are a third each benign–benign, misuse–benign and
 * benign–sensitive, so that neither word decides alone. No wrapper 60 %, J 20 %, O 20 %; judgements 40 %.
 *
 * @source after Arditi et al. 2024, arXiv:2406.11717; the world is our own
 */
export function toyChat({ seed, split }: ToyChatOptions): ToyChat {
  const random = new Random(seed).split("toy-chat").split(split);
  const next = (): ChatExample => {
    const harmful = random.chance(0.4);
    const [badVerb, badNoun] = harmful
      ? [true, true]
      : random.pick([
          [false, false],
          [true, false],
          [false, true],
        ]);
    let verb: number;
    let noun: number;
    do {
      verb = (badVerb ? 8 : 0) + random.below(8);
      noun = (badNoun ? 16 : 0) + random.below(16);
    } while (isTestPair(verb, noun) !== (split === "test"));
    const wrapper = random.pick<Wrapper>(["none", "none", "none", "J", "O"]);
    const task = random.chance(0.4) ? "judge" : "assist";
    const prompt = [
      chatToken("BOS"),
      chatToken("USER"),
      ...instruction(verb, noun, wrapper, random),
      chatToken("END"),
      chatToken(task === "judge" ? "JUDGE" : "ASSIST"),
    ];
    return { prompt, answer: answerTo({ harmful, wrapper, task, verb, noun }), harmful, wrapper, task, verb, noun };
  };
  return {
    sample(count, filter = {}) {
      const examples: ChatExample[] = [];
      while (examples.length < count) {
        const example = next();
        const wanted = Object.entries(filter).every(([key, value]) => example[key as keyof ChatFilter] === value);
        if (wanted) examples.push(example);
      }
      return examples;
    },
  };
}

function instruction(verb: number, noun: number, wrapper: Wrapper, random: Random): number[] {
  const tokens = Array.from({ length: 2 + random.below(5) }, () => chatToken(`f${random.below(16)}`));
  const [first, second] = [random.below(tokens.length + 1), random.below(tokens.length + 1)].sort((a, b) => a - b);
  tokens.splice(second, 0, chatToken(noun < 16 ? `nb${noun}` : `nd${noun - 16}`));
  tokens.splice(first, 0, chatToken(verb < 8 ? `vb${verb}` : `vm${verb - 8}`));
  if (wrapper !== "none") tokens.splice(random.below(tokens.length + 1), 0, chatToken(`${wrapper}${random.below(2)}`));
  return tokens;
}

function answerTo({ harmful, wrapper, task, verb, noun }: Omit<ChatExample, "prompt" | "answer">): number[] {
  if (task === "judge") return [chatToken(harmful ? "YES" : "NO"), chatToken("EOS")];
  if (wrapper === "O" || (harmful && wrapper === "none")) return ["REF1", "REF2", "EOS"].map(chatToken);
  const kind = harmful ? "t" : "a";
  return ["OK", `${kind}${verb}`, `${kind}${noun % 16}`, "EOS"].map(chatToken);
}

/**
 * Examples as rows for training: prompt, answer, padding.
 *
 * @returns tokens int32[n·length]; answer uint8[n·length], 1 where the token is part of an answer
 */
export function padded(examples: readonly ChatExample[], length: number): { tokens: Int32Array; answer: Uint8Array } {
  const tokens = new Int32Array(examples.length * length).fill(chatToken("PAD"));
  const answer = new Uint8Array(examples.length * length);
  for (const [row, example] of examples.entries()) {
    const whole = [...example.prompt, ...example.answer];
    requireOption(whole.length <= length, "length", `an example has ${whole.length} tokens, given ${length}`);
    tokens.set(whole, row * length);
    answer.fill(1, row * length + example.prompt.length, row * length + whole.length);
  }
  return { tokens, answer };
}
