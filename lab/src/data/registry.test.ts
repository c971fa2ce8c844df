import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadBrown } from "./brown.ts";
import { hashOf } from "./cache.ts";
import { type Column, rowCount } from "./column.ts";
import { encodeContainer } from "./container.ts";
import { emojiCaption, loadEmoji } from "./emoji.ts";
import { DataError } from "./errors.ts";
import { loadFashion } from "./fashion.ts";
import { loadFeedback } from "./feedback.ts";
import { loadMail } from "./mail.ts";
import { loadMnist } from "./mnist.ts";
import { loadMoby } from "./moby.ts";
import { checkTestbed, fetchTestbed, findTestbed, quickState, testbeds } from "./registry.ts";
import { loadSotu } from "./sotu.ts";
import { designOf, loadTable } from "./tables.ts";
import { characterVocabulary } from "./vocabulary.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-testbeds-"));
const options = { folder, notice: () => {} };
afterAll(() => rmSync(folder, { recursive: true }));

const mean = (values: ArrayLike<number>) => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
};
const countOf = (labels: Column, label: number) => labels.data.filter((given) => given === label).length;
const share = (parts: readonly { split: string }[], split: string) =>
  parts.filter((part) => part.split === split).length / parts.length;

describe.each(testbeds.map((testbed) => [testbed.name, testbed] as const))("%s", (_, testbed) => {
  test("says what it is, where from, under which licence, how large and how split", () => {
    for (const field of ["summary", "source", "licence", "sizes", "split"] as const)
      expect(testbed[field]).not.toBe("");
  });

  // A testbed that takes minutes shows by its sample that it would be prepared as recorded.
  if (testbed.parts.length > 0 && testbed.parts.every(({ seconds = 0 }) => seconds < 20))
    test("is prepared as recorded, then found in the store", async () => {
      expect(await quickState(testbed, folder)).toBe("missing");
      expect(await checkTestbed(testbed, folder)).toHaveLength(testbed.parts.length);
      await fetchTestbed(testbed, options);
      expect(await quickState(testbed, folder)).toBe("stored");
      expect(await checkTestbed(testbed, folder)).toEqual([]);
    });
  else
    test("generates the recorded sample", async () => {
      expect(hashOf(encodeContainer(testbed.sample!.make()))).toBe(testbed.sample?.sha256);
      expect(await quickState(testbed, folder)).toBe(testbed.parts.length > 0 ? "missing" : "generated");
    });
});

describe("loading", () => {
  test("mnist: the published class counts and mean", async () => {
    const { train, validation, test: held, classes } = await loadMnist({ ...options, validation: 10_000 });
    expect([rowCount(train), rowCount(validation), rowCount(held)]).toEqual([50_000, 10_000, 10_000]);
    expect(train.x.shape).toEqual([50_000, 1, 28, 28]);
    expect(classes.map((_, digit) => countOf(train.y, digit) + countOf(validation.y, digit))).toEqual([
      5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]);
    // 0.1307 is the mean of the 60,000 training images that everyone normalises by.
    const all = (5 * mean(train.x.data) + mean(validation.x.data)) / 6 / 255;
    expect(all).toBeCloseTo(0.1307, 4);
    await expect(loadMnist({ ...options, validation: 60_000 })).rejects.toThrow(/bad-option/);
  });

  test("fashion: 6,000 and 1,000 of each class, mixed, with the published mean", async () => {
    const { train, test: held, classes } = await loadFashion(options);
    for (const [label] of classes.entries()) {
      expect([countOf(train.y, label), countOf(held.y, label)]).toEqual([6000, 1000]);
      expect(Math.abs(countOf({ ...train.y, data: train.y.data.subarray(0, 6000) }, label) - 600)).toBeLessThan(100);
    }
    // 0.2860, as published for the training images.
    expect(mean(train.x.data) / 255).toBeCloseTo(0.286, 3);
  });

  test("emoji: drawings of four vendors, with captions", async () => {
    const { catalogue, drawings } = await loadEmoji({ ...options, size: 8 });
    expect(catalogue).toHaveLength(1906);
    expect(new Set(catalogue.map(({ category }) => category)).size).toBe(9);
    expect(drawings.x.shape).toEqual([7048, 3, 8, 8]);
    expect(rowCount(drawings)).toBe(7048);
    expect(emojiCaption(catalogue[0])).toEqual(["grinning", "face", "face", "smiling", "smileys", "emotion"]);
    const apple = catalogue.findIndex(({ name }) => name === "red apple");
    const reds = [...drawings.emoji.data.entries()].filter(([, emoji]) => emoji === apple).map(([place]) => place);
    expect(reds).toHaveLength(4);
    for (const place of reds) {
      const channel = (number: number) =>
        mean(drawings.x.data.subarray((place * 3 + number) * 64, (place * 3 + number + 1) * 64));
      expect(channel(0)).toBeGreaterThan(channel(1) + 20);
      expect(drawings.x.data[place * 3 * 64]).toBe(255);
    }
    expect(share(catalogue, "train")).toBeCloseTo(0.8, 1);
  });

  test("emoji: grey is the luma of colour, opacity that of the full drawing", async () => {
    const load = async (channels: 1 | 3 | 4) =>
      (await loadEmoji({ ...options, vendors: ["twemoji"], size: 4, channels })).drawings.x.data.slice(
        0,
        channels * 16,
      );
    const [grey, colour, full] = [await load(1), await load(3), await load(4)];
    for (let i = 0; i < 16; i++) {
      // Rounded to whole levels.
      expect(Math.abs(grey[i] - (0.299 * colour[i] + 0.587 * colour[16 + i] + 0.114 * colour[32 + i]))).toBeLessThan(
        1.01,
      );
      const white = full[i] * (full[48 + i] / 255) + 255 - full[48 + i];
      expect(Math.abs(colour[i] - white)).toBeLessThan(1.51);
    }
  });

  test("moby: 81 characters, cut by position", async () => {
    const { text, chapters, train, validation, test: held, heldOut } = await loadMoby(options);
    expect(chapters).toHaveLength(136);
    expect(text).toMatch(/^Call me Ishmael\./);
    expect(characterVocabulary(text).size).toBe(81);
    expect(train + validation + held).toBe(text);
    expect(validation + held).toBe(heldOut);
    expect(heldOut.length / text.length).toBeCloseTo(0.1, 5);
  });

  test("sotu: 233 addresses with their parties", async () => {
    const addresses = await loadSotu(options);
    expect(addresses).toHaveLength(233);
    expect(addresses[0]).toMatchObject({ year: 1790, president: "George Washington", party: "none" });
    expect(addresses.filter(({ party }) => party === "Republican")).toHaveLength(92);
    expect(addresses.every(({ party, text }) => party && text.length > 1000)).toBe(true);
    expect(share(addresses, "train")).toBeCloseTo(0.8, 1);
  });

  test("brown: 500 texts of 15 genres, every genre in every part, no tags left", async () => {
    const texts = await loadBrown(options);
    expect(texts).toHaveLength(500);
    expect(texts[0].text).toMatch(/^The Fulton County Grand Jury said Friday an investigation of Atlanta's recent/);
    for (const split of ["train", "test"])
      expect(new Set(texts.filter((text) => text.split === split).map(({ genre }) => genre)).size).toBe(15);
    expect(texts.some(({ text }) => /\/(nn|at|vbd)\b/.test(text))).toBe(false);
  });

  test("mail: copies of a body never stand in two parts", async () => {
    const messages = await loadMail(options);
    expect(messages).toHaveLength(6046);
    expect(messages.filter(({ label }) => label === "spam")).toHaveLength(1896);
    const parts = Map.groupBy(messages, ({ text }) => text);
    expect(parts.size).toBeLessThan(6046);
    for (const copies of parts.values()) expect(new Set(copies.map(({ split }) => split)).size).toBe(1);
    expect(share(messages, "train")).toBeCloseTo(0.6, 1);
  });
});

describe("tables", () => {
  test("cars: 406 rows, 392 of them complete, as a design of numbers and one-hot origin", async () => {
    const cars = await loadTable("cars", options);
    expect(cars.rows).toBe(406);
    expect(cars.categories.origin.levels).toEqual(["Europe", "Japan", "USA"]);
    const { x, y, names, rows, classes } = designOf(cars, { target: "fuel economy (miles per gallon)" });
    expect(x.shape).toEqual([392, 9]);
    expect(names.slice(-3)).toEqual(["origin = Europe", "origin = Japan", "origin = USA"]);
    expect(classes).toBeUndefined();
    expect(rows).toHaveLength(392);
    for (const values of [y.data, x.data.filter((_, place) => place % 9 === 3)]) {
      expect(mean(values)).toBeCloseTo(0, 12);
      expect(mean(Array.from(values, (value) => value ** 2))).toBeCloseTo(1, 12);
    }
    for (let row = 0; row < 392; row++) expect(mean(x.data.subarray(9 * row + 6, 9 * row + 9)) * 3).toBeCloseTo(1, 12);
  });

  test("a category as target gives class numbers; plain numbers on request", async () => {
    const penguins = await loadTable("penguins", options);
    const { x, y, classes } = designOf(penguins, {
      target: "species",
      features: ["body mass (g)"],
      standardize: false,
    });
    expect(classes).toEqual(["Adelie", "Chinstrap", "Gentoo"]);
    expect(x.shape).toEqual([342, 1]);
    expect(y.data).toBeInstanceOf(Int32Array);
    expect([x.data[0], y.data[0]]).toEqual([3750, 0]);
    expect(penguins.categories.sex.levels).toEqual(["FEMALE", "MALE"]);
  });

  test("hours, days and missing values are what the source says", async () => {
    const { numbers, categories, rows } = await loadTable("flights", options);
    expect(rows).toBe(20_000);
    for (const hour of numbers["time of day (hours)"]) expect(hour >= 0 && hour < 24).toBe(true);
    for (const day of numbers["day of the year"]) expect(Number.isInteger(day) && day >= 1 && day <= 366).toBe(true);
    expect(categories.origin.levels).toContain("LAS");
    const movies = await loadTable("movies", options);
    expect(movies.numbers["running time (minutes)"].filter(Number.isNaN).length).toBeGreaterThan(1000);
    expect(movies.categories.genre.codes[0]).toBe(-1);
  });

  test("an unknown table or column is answered with those that there are", async () => {
    await expect(loadTable("boats" as "cars", options)).rejects.toThrow(/cars, penguins/);
    const cars = await loadTable("cars", options);
    expect(() => designOf(cars, { target: "speed" })).toThrow(/cylinders/);
  });
});

test("feedback: users like the common words of their chunk, each in one part alone", async () => {
  const { users, items, train, test: held } = await loadFeedback({ ...options, seed: 1 });
  expect([users, items.length, train.length, held.length]).toEqual([700, 500, 700, 700]);
  expect(items.every((word) => word.length >= 4)).toBe(true);
  const liked = train.map((part, user) => part.length + held[user].length);
  // About 66 a user, as its sheet says.
  expect(Math.abs(mean(liked) - 66)).toBeLessThan(4);
  for (const [user, part] of train.entries()) {
    expect(new Set([...part, ...held[user]]).size).toBe(liked[user]);
    expect(part).toHaveLength(Math.round(0.8 * liked[user]));
  }
  await expect(loadFeedback({ ...options, users: 1e6, seed: 1 })).rejects.toThrow(/bad-option/);
});

test("names differ, of testbeds and of files", () => {
  for (const names of [
    testbeds.map(({ name }) => name),
    testbeds.flatMap(({ parts }) => parts.map(({ name }) => name)),
  ])
    expect(new Set(names).size).toBe(names.length);
});

test("an unknown name is answered with those that there are", () => {
  expect(findTestbed("mnist").name).toBe("mnist");
  expect(() => findTestbed("mnits")).toThrow(DataError);
  expect(() => findTestbed("mnits")).toThrow(/there are mnist, fashion/);
});
