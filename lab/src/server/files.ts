import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import type { MiddlewareHandler } from "hono";
import { getMimeType } from "hono/utils/mime";

interface PageFile {
  readonly path: string;
  readonly size: number;
  readonly type: string;
}

/** The files of a folder by the addresses under which they are served. */
export function filesOf(folder: string): ReadonlyMap<string, PageFile> {
  if (!existsSync(folder)) return new Map();
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return new Map(
    found.map((each) => {
      const path = join(each.parentPath, each.name);
      const address = `/${relative(folder, path).split(sep).join("/")}`;
      return [address, { path, size: statSync(path).size, type: getMimeType(path) ?? "application/octet-stream" }];
    }),
  );
}

/**
 * Serves the files that lay in a folder when the server started, and its `index.html` for every other address: the page
 * has a view for it. What a request asks for is looked up among those files and never becomes a path.
 */
export function servePage(folder: string): MiddlewareHandler {
  const files = filesOf(folder);
  return async (context) => {
    const { path, method } = context.req;
    if (method !== "GET" && method !== "HEAD") return context.text("only GET", 405);
    const file = files.get(path) ?? (/\.\w+$/.test(path) ? undefined : files.get("/index.html"));
    if (!file || !existsSync(file.path)) return context.text("There is no such file.", 404);
    // What is built into `assets` has a hash of its content in its name.
    const lasting = path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
    context.header("Cache-Control", lasting);
    context.header("Content-Type", file.type);
    context.header("Content-Length", `${file.size}`);
    if (method === "HEAD") return context.body(null);
    return context.body(Readable.toWeb(createReadStream(file.path)) as ReadableStream);
  };
}
