import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { allocate, dtypes } from "../core/dtype.ts";
import { type DType, Value, value } from "../core/index.ts";
import { loadTree, saveTree } from "./checkpoint.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

const folder = await mkdtemp(join(tmpdir(), "sluice-checkpoint-"));
afterAll(() => rm(folder, { recursive: true }));
const code = (wanted: string) => expect.objectContaining({ code: wanted });

/** A file with this header and this many bytes of body. */
function file(header: unknown, body = 0, length?: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + body);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  return bytes;
}

describe("the format", () => {
  test("every dtype, scalars and empty tensors come back", () => {
    const tensors = Object.fromEntries(
      (Object.keys(dtypes) as DType[]).flatMap((dtype) => {
        const data = allocate(dtype, 3);
        new Uint8Array(data.buffer).forEach((_, i, all) => {
          all[i] = dtype === "bool" ? i % 2 : (i * 37) % 120;
        });
        return [
          [dtype, new Value(data, [3, 1], dtype)],
          [`${dtype} empty`, new Value(allocate(dtype, 0), [0, 2], dtype)],
        ];
      }),
    );
    tensors.scalar = value(2.5);
    const read = decodeSafetensors(encodeSafetensors({ tensors, metadata: { note: "a — b" } }));
    expect(read.metadata).toEqual({ note: "a — b" });
    expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, { shape, dtype, data }] of Object.entries(tensors)) {
      expect(read.tensors[name].toString()).toBe(`${dtype}[${shape}]`);
      expect(new Uint8Array(read.tensors[name].data.buffer)).toEqual(new Uint8Array(data.buffer));
    }
  });

  test("bytes by hand", () => {
    const header = '{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const bytes = encodeSafetensors({ tensors: { x: value([1, -2]) } });
    expect(new TextDecoder().decode(bytes.subarray(8, 64)).trimEnd()).toBe(header);
    expect(bytes.length).toBe(8 + 56 + 8);
    expect([...bytes.subarray(64)]).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
    expect(encodeSafetensors({ tensors: { x: value([1, -2]) } })).toEqual(bytes);
  });

  const entry = (changes: object) => ({ x: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes } });
  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "safetensors/header"],
    ["a header longer than the file", file("{}", 0, 1000), "safetensors/header"],
    ["an enormous header", file("{}", 0, 2 ** 60), "safetensors/header"],
    ["no JSON", file("{x"), "safetensors/header"],
    ["a list", file([]), "safetensors/header"],
    ["metadata of numbers", file({ __metadata__: { a: 1 } }), "safetensors/header"],
    ["an unknown dtype", file(entry({ dtype: "F8" }), 8), "safetensors/dtype"],
    ["a place too small", file(entry({ data_offsets: [0, 4] }), 8), "safetensors/tensor"],
    ["a place outside", file(entry({ data_offsets: [8, 16] }), 8), "safetensors/tensor"],
    ["a place backwards", file(entry({ data_offsets: [8, 0] }), 8), "safetensors/tensor"],
    ["a negative size", file(entry({ shape: [-2] }), 8), "safetensors/tensor"],
    ["a fractional size", file(entry({ shape: [2.5] }), 10), "safetensors/tensor"],
    ["sizes that overflow", file(entry({ shape: [2 ** 40, 2 ** 40] }), 8), "safetensors/tensor"],
    ["no shape", file({ x: { dtype: "F32" } }), "safetensors/tensor"],
    ["no entry", file({ x: null }), "safetensors/tensor"],
    ["bytes left over", file(entry({}), 12), "safetensors/tensor"],
    ["a file cut short", file(entry({}), 7), "safetensors/tensor"],
    ["two tensors in one place", file({ ...entry({}), y: entry({}).x }, 8), "safetensors/tensor"],
  ])("%s is refused", (_, bytes, wanted) => expect(() => decodeSafetensors(bytes)).toThrowError(code(wanted)));

  test("damaged files end in errors of the format, never in others", () => {
    const good = encodeSafetensors({ tensors: { a: value([1, 2]), b: value([true]) }, metadata: { k: "v" } });
    let state = 12345;
    const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0);
    for (let round = 0; round < 2000; round++) {
      const bytes = good.slice(0, round % 4 === 0 ? random() % good.length : good.length);
      for (let i = 0; i < 3 && bytes.length > 0; i++) bytes[random() % bytes.length] = random() >>> 24;
      try {
        decodeSafetensors(bytes);
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^safetensors\//);
      }
    }
  });

  test("the format's own name is refused", () =>
    expect(() => encodeSafetensors({ tensors: { __metadata__: value(1) } })).toThrowError(code("safetensors/name")));
});

describe("trees", () => {
  const tree = { layers: [{ weight: value([[1, 2]]) }, { weight: value([[3, 4]]) }], kind: "mlp", step: 7 };

  test("come back with their structure; static leaves are the expected tree's", async () => {
    const path = join(folder, "tree.safetensors");
    await saveTree(path, tree, { note: "x" });
    const { tree: read, metadata } = await loadTree(path, tree);
    expect(read.layers.map(({ weight }) => (weight as Value).toArray())).toEqual([[[1, 2]], [[3, 4]]]);
    expect(read.kind).toBe("mlp");
    expect((read.step as unknown as Value).item()).toBe(7);
    expect(metadata).toEqual({ note: "x" });
  });

  test("replace each other whole, and leave nothing beside", async () => {
    const path = join(folder, "again.safetensors");
    await saveTree(path, { x: value([1]) });
    const before = await readFile(path);
    await saveTree(path, { x: value([1]) });
    expect(await readFile(path)).toEqual(before);
    expect((await readdir(folder)).filter((name) => name.includes("part"))).toEqual([]);
    await expect(saveTree(join(folder, "missing", "x"), { x: value([1]) })).rejects.toThrow(/ENOENT/);
  });

  test("another model's file is named", async () => {
    const path = join(folder, "other.safetensors");
    await saveTree(path, { x: value([1]), y: value([2]) });
    await expect(loadTree(path, { x: value([1]), z: value([1]) })).rejects.toThrowError(code("checkpoint/missing"));
    await expect(loadTree(path, { x: value([1, 2]), y: value([1]) })).rejects.toThrowError(code("checkpoint/mismatch"));
    await expect(loadTree(path, { x: value([1]) })).rejects.toThrowError(code("checkpoint/extra"));
    await writeFile(path, "not a checkpoint");
    await expect(loadTree(path, { x: value([1]) })).rejects.toThrowError(code("safetensors/header"));
  });
});
