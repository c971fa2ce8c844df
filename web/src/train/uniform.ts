import { fillWords } from "sluice/threefry";

/** Uniform numbers in [0, 1), the same for the same seed. */
export function uniformFrom(seed: number): () => number {
  const words = new Uint32Array(64);
  let at = words.length;
  let drawn = 0;
  return () => {
    if (at === words.length) {
      fillWords(words, seed, 0x5eed, drawn);
      drawn += words.length;
      at = 0;
    }
    return words[at++] / 2 ** 32;
  };
}
