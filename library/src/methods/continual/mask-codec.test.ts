import { describe, expect, test } from "vitest";
import { sample } from "../../testing/index.ts";
import { capacityUsed, decodeMasks, encodeMasks, huffmanCode } from "./mask-codec.ts";

const masksOf = (tasks: number, weights: number, keep: number) =>
  Array.from({ length: tasks }, (_, task) =>
    Uint8Array.from(sample([weights], 3 * task + 1).toFloat64(), (each) => (each < 2 * keep - 1 ? 1 : 0)),
  );

describe("huffmanCode", () => {
  test("by hand", () => {
    const code = huffmanCode(
      new Map([
        ["a", 3],
        ["b", 1],
        ["c", 1],
      ]),
    );
    expect(["a", "b", "c"].map((symbol) => code.get(symbol)!.length)).toEqual([1, 2, 2]);
  });

  test("one symbol and two symbols take a bit each, none take nothing", () => {
    expect([...huffmanCode(new Map([["x", 9]])).values()]).toEqual(["0"]);
    expect(
      [
        ...huffmanCode(
          new Map([
            [0, 1000],
            [1, 1],
          ]),
        ).values(),
      ].sort(),
    ).toEqual(["0", "1"]);
    expect(huffmanCode(new Map()).size).toBe(0);
  });

  test("no word begins another, and the average length is within a bit of the entropy", () => {
    const counts = new Map(Array.from({ length: 40 }, (_, i) => [i, 1 + ((i * i * 7) % 101)]));
    const total = [...counts.values()].reduce((sum, each) => sum + each, 0);
    const code = huffmanCode(counts);
    const words = [...code.values()];
    for (const word of words) expect(words.filter((other) => other.startsWith(word))).toEqual([word]);
    const length = [...counts].reduce((sum, [symbol, count]) => sum + (count / total) * code.get(symbol)!.length, 0);
    const entropy = [...counts.values()].reduce((sum, count) => sum - (count / total) * Math.log2(count / total), 0);
    expect(length).toBeGreaterThanOrEqual(entropy);
    expect(length).toBeLessThan(entropy + 1);
  });
});

describe("masks", () => {
  test.each([
    [1, 50],
    [3, 1],
    [3, 0],
    [10, 999],
    [40, 64],
  ])("%i masks over %i weights come back as they were", (tasks, weights) => {
    const masks = masksOf(tasks, weights, 0.3);
    const encoded = encodeMasks(masks);
    expect(encoded.bytes.length).toBe(Math.ceil(encoded.bits / 8));
    expect(decodeMasks(encoded)).toEqual(masks);
  });

  test("equal masks cost no more than one", () => {
    const [mask] = masksOf(1, 500, 0.3);
    expect(encodeMasks(Array(8).fill(mask)).bits).toBe(encodeMasks([mask]).bits);
  });

  test("capacity by hand: half of the weights, and a bit each for the mask", () =>
    expect(capacityUsed([Uint8Array.of(1, 0, 1, 0)])).toBe(0.5 + 1 / 32));

  test("what cannot be coded or read is refused", () => {
    expect(() => encodeMasks([Uint8Array.of(1), Uint8Array.of()])).toThrow(/one length/);
    const encoded = encodeMasks(masksOf(4, 100, 0.3));
    expect(() => decodeMasks({ ...encoded, bits: encoded.bits - 9 })).toThrow(
      expect.objectContaining({ code: "decodeMasks/word" }),
    );
    expect(() => decodeMasks({ ...encoded, table: new Map([["111", "0000"]]) })).toThrow(/make no sense/);
  });
});
