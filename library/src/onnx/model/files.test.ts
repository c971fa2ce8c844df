import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel, ModelFileError, type ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { readModel } from "./read.ts";
import { makeTensor, tensorData } from "./tensor-data.ts";
import { writeModel } from "./write.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-onnx-"));
});
afterAll(() => rm(folder, { recursive: true }));

const model = (): ModelProto => ({
  irVersion: 10,
  opsetImport: [{ version: 21 }],
  graph: {
    node: [{ opType: "Add", input: ["a", "b"], output: ["c"] }],
    initializer: [
      makeTensor({ type: "float32", shape: [3000], data: new Float32Array(3000).fill(2) }, "../a"),
      makeTensor({ type: "float32", shape: [2000], data: Float32Array.from({ length: 2000 }, (_, i) => i) }, "b"),
      makeTensor({ type: "int64", shape: [1], data: [5] }, "small"),
    ],
    input: [],
    output: [],
  },
});

/** A model whose tensor lies at a place in another file. */
const external = (location: string, entries: Record<string, string> = {}, dims = [4]): Uint8Array =>
  encodeModel({
    opsetImport: [],
    graph: {
      node: [],
      input: [],
      output: [],
      initializer: [
        {
          name: "w",
          dims,
          dataType: 1,
          dataLocation: 1,
          externalData: Object.entries({ location, ...entries }).map(([key, value]) => ({ key, value })),
        },
      ],
    },
  });

const code = async (action: Promise<unknown>) => {
  const error = await action.then(() => undefined).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ModelFileError);
  return error.code;
};

test("a model written and read is the same, inside one file or with external data", async () => {
  const inside = join(folder, "inside.onnx");
  expect(await writeModel(model(), inside)).toEqual([inside]);
  expect(await readModel(inside)).toEqual(model());

  const outside = join(folder, "outside.onnx");
  const given = model();
  expect(await writeModel(given, outside, { externalData: "always" })).toEqual([outside, `${outside}.data`]);
  expect(given).toEqual(model());
  expect((await readFile(outside)).length).toBeLessThan(1000);
  expect(await readModel(outside)).toEqual(model());
});

test("equal models give equal bytes", async () => {
  const paths = ["one", "two"].map((name) => join(folder, `${name}.onnx`));
  for (const path of paths) await writeModel(model(), path, { externalData: "always" });
  const data = await Promise.all(paths.map((path) => readFile(`${path}.data`)));
  expect(data[0].equals(data[1])).toBe(true);
  expect(data[0].length).toBe(3 * 4096 + 8000);
});

test("bytes with external data take it from what is given", async () => {
  const data = new Uint8Array(Float32Array.of(9, 1, 2, 3, 4).buffer);
  const read = await readModel(external("w.bin", { offset: "4" }), { externalData: { "w.bin": data } });
  expect(tensorData(read.graph.initializer[0]).data).toEqual(Float32Array.of(1, 2, 3, 4));
  expect(await code(readModel(external("w.bin")))).toBe("external-missing");
  expect(await code(readModel(external("toString")))).toBe("external-missing");
});

test.each(["../w.bin", "a/../../w.bin", "/etc/passwd", "", "C:\\w.bin", "a\\..\\b", "a\0b", "."])(
  "external data at %j is refused",
  async (location) => {
    const path = join(folder, "path.onnx");
    await writeFile(path, external(location));
    expect(await code(readModel(path))).toBe("external-path");
  },
);

test("links are refused, folders within the model's are not", async () => {
  const secret = join(folder, "secret.bin");
  const home = join(folder, "home");
  await mkdir(join(home, "sub"), { recursive: true });
  await writeFile(secret, new Uint8Array(16));
  await writeFile(join(home, "sub/w.bin"), new Uint8Array(16));
  await symlink(secret, join(home, "link.bin"));
  await symlink(folder, join(home, "up"));
  const path = join(home, "m.onnx");
  for (const location of ["link.bin", "up/secret.bin", "sub"]) {
    await writeFile(path, external(location));
    expect(await code(readModel(path))).toBe("external-path");
  }
  await writeFile(path, external("sub/w.bin"));
  expect(tensorData((await readModel(path)).graph.initializer[0]).shape).toEqual([4]);
});

test("ranges are checked against the data file before anything is read", async () => {
  const path = join(folder, "range.onnx");
  await writeFile(join(folder, "w.bin"), new Uint8Array(16));
  const faults: [Record<string, string>, number[]][] = [
    [{ offset: "1" }, [4]],
    [{ length: "8" }, [4]],
    [{ offset: "-4" }, [4]],
    [{ offset: "1e3" }, [4]],
    [{}, [2 ** 40]],
  ];
  for (const [entries, dims] of faults) {
    await writeFile(path, external("w.bin", entries, dims));
    expect(await code(readModel(path))).toBe("external-range");
  }
});

test("a data file larger than any buffer is read at the tensors' places", async () => {
  const path = join(folder, "huge.onnx");
  await writeFile(join(folder, "huge.bin"), new Uint8Array(1));
  await truncate(join(folder, "huge.bin"), 6 * 2 ** 30); // sparse: takes no disk
  await writeFile(path, external("huge.bin", { offset: String(6 * 2 ** 30 - 16) }));
  expect(tensorData((await readModel(path)).graph.initializer[0]).data).toEqual(new Float32Array(4));
});

test("a model that is not there or not a file says so", async () => {
  expect(await code(readModel(join(folder, "none.onnx")))).toBe("unreadable");
  expect(await code(readModel(folder))).toBe("unreadable");
});
