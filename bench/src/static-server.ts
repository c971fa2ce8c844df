import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, sep } from "node:path";

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".ts": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/**
 * Serves folders on the loopback address, cross-origin isolated so that pages may share memory between threads.
 * TypeScript files are sent with their types stripped.
 *
 * @param mounts  address prefix (`/bench/`) to folder
 */
export async function serveFolders(mounts: Record<string, string>): Promise<{ origin: string; close: () => void }> {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://localhost").pathname);
    const prefix = Object.keys(mounts).find((mount) => path.startsWith(mount));
    const root = prefix && normalize(mounts[prefix] + sep);
    const file = prefix && join(root!, path.slice(prefix.length));
    try {
      if (!file?.startsWith(root!)) throw new Error("outside the served folders");
      const content = await readFile(file);
      const isTypeScript = extname(file) === ".ts";
      response.writeHead(200, {
        "content-type": types[extname(file)] ?? "application/octet-stream",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
      });
      response.end(isTypeScript ? stripTypeScriptTypes(content.toString()) : content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
