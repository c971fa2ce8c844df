import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { hashOf, loadPart, partFile, partState } from "./cache.ts";
import { decodeContainer, encodeContainer } from "./container.ts";
import type { Part } from "./testbed.ts";

const container = {
  columns: {
    odd: { data: Uint8Array.of(1, 2, 3), shape: [3], scale: 0.5 },
    wide: { data: Float64Array.of(1.5, -2), shape: [2, 1] },
    empty: { data: new Int32Array(0), shape: [0, 4] },
  },
  metadata: { title: "é—😀" },
};
const sha256 = hashOf(encodeContainer(container));
let folder: string;
let prepared: number;
const notices: string[] = [];
const notice = (message: string) => notices.push(message);
const part: Part = {
  name: "toy",
  version: 2,
  sha256,
  prepare: () => {
    prepared++;
    return container;
  },
};

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "sluice-data-")), "data");
  prepared = 0;
  notices.length = 0;
});

describe("container", () => {
  test("reads back what was written, scales and texts included", () => {
    const { columns, metadata } = decodeContainer(encodeContainer(container));
    expect(columns).toEqual(container.columns);
    expect(metadata.title).toBe("é—😀");
  });

  test("written, read and written again it is the same file", () => {
    expect(encodeContainer(container)).toEqual(encodeContainer(decodeContainer(encodeContainer(container))));
  });
});

describe("loadPart", () => {
  test("prepares once, then reads", async () => {
    await loadPart(part, { folder, notice });
    const again = await loadPart(part, { folder, notice });
    expect(prepared).toBe(1);
    expect(again.columns).toEqual(container.columns);
    expect(readdirSync(folder)).toEqual(["toy-v2.safetensors"]);
    expect(await partState(part, folder)).toBe("prepared");
  });

  test.each([
    ["cut short", (file: string) => truncateSync(file, 40)],
    ["emptied", (file: string) => truncateSync(file, 0)],
    [
      "one bit flipped",
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[bytes.length - 1] ^= 1;
        writeFileSync(file, bytes);
      },
    ],
  ])("a file %s is found by its hash and made again", async (_, damage) => {
    await loadPart(part, { folder, notice });
    damage(partFile(part, folder));
    expect(await partState(part, folder)).toBe("damaged");
    expect((await loadPart(part, { folder, notice })).columns).toEqual(container.columns);
    expect(prepared).toBe(2);
    expect(notices.at(-1)).toMatch(/damaged/);
    expect(await partState(part, folder)).toBe("prepared");
  });

  test("another version has another file", async () => {
    await loadPart(part, { folder, notice });
    expect(await partState({ ...part, version: 3 }, folder)).toBe("missing");
  });

  test("data other than recorded is refused and not stored", async () => {
    const changed = { ...part, sha256: "0".repeat(64) };
    await expect(loadPart(changed, { folder, notice })).rejects.toMatchObject({ code: "not-as-recorded" });
    expect(await partState(changed, folder)).toBe("missing");
  });

  test("two at once both succeed", async () => {
    const both = await Promise.all([loadPart(part, { folder, notice }), loadPart(part, { folder, notice })]);
    expect(both[0].columns).toEqual(both[1].columns);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("a store that cannot be written is a clear error", async () => {
    const blocked = join(folder, "..", "file");
    writeFileSync(blocked, "");
    chmodSync(blocked, 0o444);
    await expect(loadPart(part, { folder: join(blocked, "data"), notice })).rejects.toMatchObject({
      name: "StoreError",
      code: "unwritable",
    });
  });

  // A disk of 64 KiB, in a mount namespace of its own; not every machine lets a process have one.
  const disk = mkdtempSync(join(tmpdir(), "small-disk-"));
  const onSmallDisk = (command: string) =>
    spawnSync("unshare", ["-rm", "sh", "-c", `mount -t tmpfs -o size=64k none "$0" && ${command}`, disk], {
      encoding: "utf8",
    });

  test.skipIf(onSmallDisk("true").status !== 0)("a full disk is a clear error and leaves no draft", () => {
    const script = `
      import { readdirSync } from "node:fs";
      const { loadPart, hashOf } = await import(${JSON.stringify(join(import.meta.dirname, "cache.ts"))});
      const { encodeContainer } = await import(${JSON.stringify(join(import.meta.dirname, "container.ts"))});
      const large = { columns: { a: { data: new Uint8Array(100_000), shape: [100_000] } }, metadata: {} };
      const part = { name: "large", version: 1, sha256: hashOf(encodeContainer(large)), prepare: () => large };
      const folder = ${JSON.stringify(join(disk, "data"))};
      await loadPart(part, { folder, notice: () => {} }).catch(({ name, code }) => console.log(name, code));
      console.log(readdirSync(folder).length);
    `;
    const { stdout } = onSmallDisk(`"${process.execPath}" --input-type=module -e '${script}'`);
    expect(stdout).toBe("StoreError disk-full\n0\n");
  });
});
