import { SettingError } from "../../core/errors.ts";
import { consolidate } from "./subnetwork.ts";

/**
 * A Huffman code: no word begins another, and no such code has a smaller average length.
 *
 * @param counts  how often each symbol occurs, > 0
 * @returns       the word of each symbol, of the digits 0 and 1; one bit where there is only one symbol
 * @source        Huffman 1952, "A method for the construction of minimum-redundancy codes"
 * @example
 * huffmanCode(new Map([["a", 3], ["b", 1], ["c", 1]]))   // words of 1, 2 and 2 bits
 */
export function huffmanCode<Symbol>(counts: ReadonlyMap<Symbol, number>): Map<Symbol, string> {
  const code = new Map<Symbol, string>();
  const leaves: Node<Symbol>[] = [...counts]
    .map(([symbol, count]) => ({ count, symbol }))
    .sort((a, b) => a.count - b.count);
  if (leaves.length === 1) return code.set(leaves[0].symbol!, "0");
  // Merged nodes come in rising order: two queues do what a heap would.
  const merged: Node<Symbol>[] = [];
  let [leaf, inner] = [0, 0];
  const rarest = () => {
    const takesLeaf = inner >= merged.length || (leaf < leaves.length && leaves[leaf].count <= merged[inner].count);
    return takesLeaf ? leaves[leaf++] : merged[inner++];
  };
  while (leaves.length - leaf + merged.length - inner > 1) {
    const children = [rarest(), rarest()];
    merged.push({ count: children[0].count + children[1].count, children });
  }
  const open = merged.slice(-1).map((node) => ({ node, word: "" }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, word } = next;
    if (node.children === undefined) code.set(node.symbol as Symbol, word);
    else for (const [bit, child] of node.children.entries()) open.push({ node: child, word: word + bit });
  }
  return code;
}

interface Node<Symbol> {
  readonly count: number;
  readonly symbol?: Symbol;
  readonly children?: readonly Node<Symbol>[];
}

/** Masks of several tasks over the same weights, Huffman-coded together. */
export interface EncodedMasks {
  /** Words of all weights, one after the other, the first bit highest. */
  readonly bytes: Uint8Array;
  /** Bits used in `bytes`. */
  readonly bits: number;
  /** From a word to the digits of all masks at a weight: "010" is in the second of three. */
  readonly table: ReadonlyMap<string, string>;
  readonly masks: number;
  readonly weights: number;
}

/**
 * Codes masks: what all of them say about one weight is one symbol, and what is said often gets a short word. Masks that
 * resemble each other cost less than one bit a weight each.
 *
 * @param masks  0 and 1, equally long, one a task
 * @throws       SettingError `encodeMasks/masks`
 * @source       Kang et al. 2023, arXiv:2303.14962, section 3.4
 */
export function encodeMasks(masks: readonly Uint8Array[]): EncodedMasks {
  const weights = masks[0]?.length ?? 0;
  if (masks.some(({ length }) => length !== weights))
    throw new SettingError("encodeMasks/masks", "masks of one length are needed", {
      given: masks.map(({ length }) => length),
    });
  const symbols = Array.from({ length: weights }, (_, i) => masks.reduce((digits, mask) => digits + mask[i], ""));
  const counts = new Map<string, number>();
  for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  const code = huffmanCode(counts);
  let bits = 0;
  for (const [symbol, count] of counts) bits += count * code.get(symbol)!.length;
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  let at = 0;
  for (const symbol of symbols)
    for (const digit of code.get(symbol)!) {
      if (digit === "1") bytes[at >> 3] |= 128 >> (at & 7);
      at++;
    }
  const table = new Map([...code].map(([symbol, word]) => [word, symbol]));
  return { bytes, bits, table, masks: masks.length, weights };
}

/** The masks that were encoded. @throws SettingError `decodeMasks/word` for bits that no word begins with */
export function decodeMasks({ bytes, bits, table, masks, weights }: EncodedMasks): Uint8Array[] {
  const result = Array.from({ length: masks }, () => new Uint8Array(weights));
  const longest = Math.max(0, ...[...table.keys()].map(({ length }) => length));
  let word = "";
  let weight = 0;
  for (let at = 0; at < bits && weight < weights; at++) {
    word += (bytes[at >> 3] >> (7 - (at & 7))) & 1;
    const symbol = table.get(word);
    if (symbol === undefined) {
      if (word.length >= longest) break;
      continue;
    }
    for (let task = 0; task < masks; task++) result[task][weight] = Number(symbol[task]);
    weight++;
    word = "";
  }
  if (weight < weights)
    throw new SettingError("decodeMasks/word", `the bits end or make no sense at weight ${weight} of ${weights}`, {
      given: word,
    });
  return result;
}

/**
 * What weights and masks take, as a share of the dense model of 32-bit weights: weights that no task uses need not be kept.
 *
 * @source Kang et al. 2023, arXiv:2303.14962, section 4 ("CAP"): (1 − S) + α·T/32, with α·T the bits a weight of the code
 */
export function capacityUsed(masks: readonly Uint8Array[]): number {
  const { bits, weights } = encodeMasks(masks);
  const used = consolidate(masks).reduce((total, each) => total + each, 0);
  return used / weights + bits / (32 * weights);
}
