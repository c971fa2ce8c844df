import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeFixture, type Fixture, type FixtureTensor } from "./fixture.ts";

/** Writes a fixture as `fixture.json` (shapes and byte offsets) and `fixture.bin` (little-endian float32 and int32). */
export function writeFixture(folder: string, fixture: Fixture): void {
  const parts: Uint8Array[] = [];
  let offset = 0;
  const place = (tensors: Record<string, FixtureTensor>) =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => {
        const entry = { shape, dtype: data instanceof Float32Array ? "float32" : "int32", offset };
        parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        offset += data.byteLength;
        return [name, entry];
      }),
    );
  const manifest = { ...fixture, params: place(fixture.params), batches: place(fixture.batches) };
  writeFileSync(join(folder, "fixture.bin"), Buffer.concat(parts));
  writeFileSync(join(folder, "fixture.json"), JSON.stringify(manifest));
}

/** Reads back what `writeFixture` wrote. */
export function readFixture(folder: string): Fixture {
  const manifest = JSON.parse(readFileSync(join(folder, "fixture.json"), "utf8"));
  const bytes = readFileSync(join(folder, "fixture.bin"));
  return decodeFixture(manifest, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
