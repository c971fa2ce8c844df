import { SettingError } from "../core/errors.ts";
import type { Node } from "../core/tensor.ts";

/** Time of one operation on one line of the user's code, over all calls that were profiled. */
export interface ProfileRow {
  /** The operation as traced, or the runtime's own name for what it fused or added. */
  readonly operation: string;
  /** The line that wrote it, "file:line"; for gradients the line of the operation they belong to. */
  readonly line: string | undefined;
  /** The ONNX operators that it became. */
  readonly onnx: string;
  /** Kernel launches a call. */
  readonly count: number;
  /** Milliseconds a call. */
  readonly milliseconds: number;
  /** Share of the kernels' time, 0 to 1. */
  readonly share: number;
}

export interface Profile {
  /** Milliseconds a call inside kernels. */
  readonly milliseconds: number;
  /** Slowest first. */
  readonly rows: readonly ProfileRow[];
}

interface RuntimeEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** Reads what ONNX Runtime's profiler wrote, and maps kernels back to the lines that they came from. */
export function readProfile(text: string, origins: ReadonlyMap<string, Node>, calls: number): Profile {
  const events = JSON.parse(text) as RuntimeEvent[];
  const rows = new Map<string, { operation: string; line?: string; onnx: Set<string>; count: number; us: number }>();
  let total = 0;
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time")) continue;
    const origin = origins.get(name.slice(0, -"_kernel_time".length));
    const operation = origin?.operation.name ?? args?.op_name ?? name;
    const line = origin?.site.line;
    const key = `${operation} ${line}`;
    const row = rows.get(key) ?? { operation, line, onnx: new Set(), count: 0, us: 0 };
    row.onnx.add(args?.op_name ?? "?");
    row.count++;
    row.us += dur;
    total += dur;
    rows.set(key, row);
  }
  return {
    milliseconds: total / 1000 / calls,
    rows: [...rows.values()]
      .sort((a, b) => b.us - a.us)
      .map(({ operation, line, onnx, count, us }) => ({
        operation,
        line,
        onnx: [...onnx].join("+"),
        count: count / calls,
        milliseconds: us / 1000 / calls,
        share: us / total,
      })),
  };
}

/** A place for the runtime's profile, and how to read it. Node only: a browser has no files to write. */
export async function profileFile(): Promise<{ prefix: string; read: () => Promise<string> }> {
  if (typeof process === "undefined" || process.versions?.node === undefined)
    throw new SettingError("profile/browser", "the runtime's profiler writes a file, which a browser cannot", {
      fix: "profile in Node, or use the browser's own performance tools",
    });
  const [{ mkdtemp, readdir, readFile, rm }, { tmpdir }, { join }] = await Promise.all([
    import("node:fs/promises"),
    import("node:os"),
    import("node:path"),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "sluice-profile-"));
  return {
    prefix: join(folder, "profile"),
    read: async () => {
      const [file] = await readdir(folder);
      const text = await readFile(join(folder, file), "utf8");
      await rm(folder, { recursive: true });
      return text;
    },
  };
}
